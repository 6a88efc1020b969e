"""What can be found out about a configuration without live packets: `check`, `suggest`, `explain` and `compare`.

`check/` proves findings, `suggest/` drafts a configuration from captures, `explain` follows one packet, `compare` and
`fates` compare two configurations, and `frame` writes packets as frames. All of them ask the rules and
the order of decisions that live packets meet (`attribution.order`) and state no condition of their own. This package
must not know terminals, clocks, sockets or the store.
"""
