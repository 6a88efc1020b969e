"""Evidence: what the packets themselves show about which end of a flow is the service.

`ladder` is the only place that states the order in which evidence is asked; `conversations` arranges a batch by flows,
`handshakes` reads the opening segments of TCP, `answers` the first bytes of UDP, `services` remembers ends and
addresses, and `flows` what a flow has shown and which verdict was written for it. `evidence` runs all of it over a
batch. This package must not know rules, sockets or the store; time is a column of the packets.
"""
