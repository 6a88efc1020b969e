"""Frames from interfaces, through a memory-mapped ring that the kernel fills.

`listener` is the entry point: it follows the wanted interfaces and yields frames. `packet_socket` sets up and stops the
ring, `ring` reads it, and `pace` decides how often. `netlink` lists the interfaces, and `interfaces` chooses among them
and derives our networks.

`socket_watch` is the entry point for what the kernel knows of this host's own ends: `sockets` reads them, in one or
more `namespaces`, by `dumps` of what `inet_diag` asks for.

This package must not know capture files, or what the bytes of a frame mean.
"""
