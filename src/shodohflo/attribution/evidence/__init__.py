"""Evidence: what the packets themselves show, and what is remembered of it.

`knocks` recognises attempts from outside to reach ends of ours that led to nothing, and `origins` sums them up by who
made them. This package must not know rules, sockets or the store; time is a column of the packets.
"""
