"""The configuration language: networks, actions and the ordered rules, and their compiled form.

`networks`, `actions` and `mapping` are the readable form and the specification. `compiler` gives the same verdicts for
whole batches, from lookup tables that are made by asking the readable rules. `packet` is one packet as text.

This package depends on addresses, ports and columns. It must not know settings files, TCP flags or ICMP beyond their
text form, the order of decisions, the store, or clocks.
"""
