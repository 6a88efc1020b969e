"""Chaos: known packets for a real agent while its store is killed, stopped, filled, cut off, replaced or moved.

`make chaos` runs the scenarios and prints a line of figures for each; the tests run some of them for a few seconds.
What the store should hold is known from the packets alone (`traffic`). This package must not take any of it from the
code under test: no key, no count and no rule.
"""
