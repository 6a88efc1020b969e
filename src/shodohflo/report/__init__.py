"""What people are shown, on a terminal or a page: tables, the ledger, flows, rules, numbers in words.

It turns values into text and must not ask a store or read a capture. It should not know click either: `ledger` still
prints with it.
"""
