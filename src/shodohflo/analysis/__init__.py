"""What can be said of a configuration before any packet comes: proven where it can be, sampled where it can't. Pure.

`space` and `ports` are the algebra, `model` puts both together for one configuration, and each family of findings
is a short file of its own. Everything is asked of the same rules that decide live packets.
"""
