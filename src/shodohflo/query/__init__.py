"""What a store holds, for every reader: flows, peers, clients, resets and unreachables, and agents.

`reader` asks one store or several as if they were one, `rows` are its answers, `sums` adds them up. Times are seconds
since 1970, and `now` is an argument. It reads only. It must not know the agent, how rows are shown, or the
command line.
"""
