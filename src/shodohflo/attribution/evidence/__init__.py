"""Evidence: what the packets themselves show about which end of a flow is the service, and who knocks in vain.

`ladder` is the only place that states the order in which evidence is asked; `conversations` arranges a batch by flows,
`openings` and `handshakes` read the opening segments of TCP, `answers` the first bytes of UDP, `services` and `known`
remember ends and addresses, and `flows` what a flow has shown and which verdict was written for it. `evidence` takes in
a batch, `verdicts` decides about it, `grading` compares the rules with proof, and `knocks` sums up attempts that led to
nothing. This package must not know sockets, the store, or how rules are written; time is a column of the packets.
Importing the package loads none of its modules.
"""
