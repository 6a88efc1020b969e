"""Output for people and scripts: tables, flows, rules, findings, the ledger, and numbers as text.

This package turns values into rows and lines, and prints them. `rules` also adds up what each rule decided, from
observations or from the flows and heartbeats of stores, and `starting` drafts a configuration from given interfaces.
This package must not open a store or a capture, or parse a command line.
"""
