"""This process as the operating system sees it: its directories and its memory.

It must not know packets, rules or stores.
"""
