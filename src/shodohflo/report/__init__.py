"""Output for people and scripts: tables, flows, rules, findings, the ledger, and numbers as text.

This package turns values into rows and lines. It must not read a store or a capture, or know the command line.
"""
