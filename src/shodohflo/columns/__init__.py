"""The tables that packages pass to each other, and how their rows are grouped and merged.

`table` declares tables; `frames`, `batch`, `addresses`, `observations` and `corrections` are the tables that are passed
on; `labels`, `grouping` and `merging` merge equal rows; `pile` keeps rows until they are taken; `memory` keeps what is
known of keys within bounds of size and time; `socket_ends` has the ends of this host's sockets, and `own_ends` what
these say of flows.

This package knows which columns there are, what each means, and what merging makes of it. It must not know the layout
of a header, how rules decide, how a key is written, or that there is a store, a clock or a socket.
"""
