"""The configuration language: networks, actions and the ordered rules, and their compiled form.

`networks`, `actions` and `mapping` are the readable form and the specification; `compiler` answers the same for whole
batches, from tables made by asking them. `packet` is one packet as text.

It knows addresses, ports and columns. It must not know settings files, TCP flags or ICMP beyond their text form,
the order of decisions, the store, or clocks.
"""
