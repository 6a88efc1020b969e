"""Filters of the operator: expressions in tcpdump's language, as programs for the kernel and for capture files.

`expression` is the entry point: a `CaptureFilter` is an expression that libpcap has compiled. `libpcap` does that,
`instructions` has the parts of such a program, `interpreter` runs one over frames as columns, and `kernel` joins those
of several link types and the choice of interfaces into the one that is attached to a socket.

This package must not know interfaces, sockets or the formats of files.
"""
