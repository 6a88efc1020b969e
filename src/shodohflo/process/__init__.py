"""What any part of a running process may need: its memory allocator (`malloc`) and its timers (`timers`).

This package must not import any other package of the project, and it must not know packets, rules or stores.
"""
