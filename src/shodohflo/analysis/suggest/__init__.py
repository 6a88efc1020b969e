"""A configuration drafted from what captures show, with what each proposal would cost in keys.

It must not know how captures are read, nor how a suggestion is printed.
"""
