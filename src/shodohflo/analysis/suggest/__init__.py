"""A configuration drafted from captures, with the cost of each proposed rule in keys.

`survey` holds the packets of captures in memory, `proposals` derives networks and rules from them (`high_ports` for
services above the well-known ports), `cost` measures what a rule removes, and `draft` writes entries and rules in the
configuration language. This package must not know how captures are read or how a suggestion is printed.
"""
