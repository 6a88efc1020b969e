"""What people are shown, on a terminal or a page: tables, the ledger, flows, rules, numbers in words.

It turns values into text and must not ask a store, read a capture, or know click.
"""
