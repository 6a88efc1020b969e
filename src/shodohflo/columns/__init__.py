"""The tables that travel: equal-length columns of frames, packets and observations, and how to group their rows.

They know no bytes on the wire, no rules and no store: only which columns there are and what each means.
"""
