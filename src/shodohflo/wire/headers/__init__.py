"""One file for each header: its layout, its source, and a decoder that passes its rows on or refuses them.

A header knows the one that may follow it by number only, through `wire.registry`. It must not know where frames come
from.
"""
