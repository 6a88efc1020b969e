"""Captures into a pipeline: reading them, the progress bar, and writing the result to a store.

It must not know the live agent, nor how results are printed.
"""
