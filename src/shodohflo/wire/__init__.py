"""Decoding: frames in, columns of packets and ICMP messages out.

`decode` is the entry point, `registry` the table of all headers, `headers/` holds a file per header, `refusals` the
reasons to refuse a packet, and `tunnels` the names and ports of the UDP tunnels. This package must not know where
frames come from, who is the client of a packet, or how anything is stored. It imports nothing itself, so that taking a
name from `tunnels` or `refusals` loads no decoder.
"""
