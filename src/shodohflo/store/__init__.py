"""The client's side of Valkey and Redis: connections, the embedded server, exactly-once writing, and reading keys.

The names of keys are in `keys`. It must not know how packets are decided, nor the command line.
"""
