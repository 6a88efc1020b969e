"""Access to Valkey and Redis: connections, the embedded server, exactly-once writing, and reading keys.

Key names are in `keys`. This package must not depend on rules, attribution or the command line.
"""
