"""What can be said of a configuration without a live packet: `check`, `suggest`, `explain` and `compare`.

It asks the same rules and the same order of decisions that live packets meet, and must not know a terminal,
a clock or a socket.
"""
