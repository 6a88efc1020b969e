"""The tables that travel between rooms, and how their rows are grouped and merged.

`table` declares tables; `frames`, `batch`, `addresses` and `observations` are the tables that travel; `labels`,
`grouping` and `merging` make equal rows one row; `pile` holds rows that wait.

Nothing here may know where bytes stand in a header, how rules decide, how a key is written, or that there is
a store, a clock or a socket: only which columns there are, what each means, and what merging makes of it.
"""
