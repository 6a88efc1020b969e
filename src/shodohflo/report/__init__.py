"""What people and scripts are shown: tables, flows, rules, findings, the ledger, and numbers in words.

It turns values into rows and lines. It must not ask a store, read a capture, or know the command line.
"""
