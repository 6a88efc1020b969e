"""Proofs about a configuration: `check` yields findings, each with a packet that shows it where there can be one.

`space` cuts up the addresses and `ports` the port pairs, both exactly; `model` joins them, and there is one file for
each family of findings, listed in `proof`. Nothing can be proven about custom actions; `sampling` tries packets on
copies of them (`copied_rules`), and the finding says that it was found by sampling. This package must not know
captures, the store, or how findings are printed.
"""
