"""Settings of this process in the operating system: for now, those of the memory allocator, in `malloc`.

This package must not know packets, rules or stores.
"""
