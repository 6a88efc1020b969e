"""Replays: captures are read into a pipeline, and the result can be written to a store.

`session` reads captures, `progress` and `bar` show how far it is, and `writing` writes the observations. This package
must not know the agent, live capture, or how results are printed.
"""
