"""The store: the grammar of its keys, and the client side of the Valkey or Redis that holds them."""
