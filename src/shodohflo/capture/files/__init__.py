"""Frames from capture files: pcap and pcapng, packed or not, from a file or a pipe.

`savefile` is the entry point: it recognises the format and yields frames. `window` holds the part of the file that is
in memory, and `unpack` decompresses. `pcap` and `pcapng` (with `pcapng_section`, `pcapng_interface` and `pcapng_clock`)
decode the two formats; `records` and `lanes` find where their records begin, and `linktypes` knows how large those may
be. This package must not know live capture, or what the bytes of a frame mean.
"""
