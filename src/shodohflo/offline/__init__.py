"""Replays: captures are read into a pipeline, and the result can be written to a store.

`session` reads captures, `directions` notices those with both directions of a host, `progress` and `bar` show how far
reading is, and `writing` writes the observations. This package must not know the agent, live capture, or how results
are printed.
"""
