"""Queries: the flows, peers, clients, resets, unreachables and agents that stores hold.

`reader` reads one store, or several as if they were one; `databases` asks each of them once, all at the same time.
`rows` declares the rows that it returns, `sums` and `details` add them up, `filters` selects keys, `networks` knows the
networks that agents publish, `lookup` finds the row of one key, and `disagreement` the rows that contradict each other.
Times are seconds since 1970, and `now` is an argument. This package only reads. It must not know the agent, how rows
are shown, or the command line.
"""
