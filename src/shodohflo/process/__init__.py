"""This process as the operating system sees it: for now, how its memory is allocated.

It must not know packets, rules or stores.
"""
