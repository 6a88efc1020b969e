"""Frames from capture files: pcap and pcapng, packed or not, from a file or a pipe.

`savefile` is the entry point: it recognises the format and yields frames. `window` holds the part of the file that is
in memory, and `unpack` decompresses. `pcap` and `pcapng` decode the two formats: of pcapng, `pcapng_section` finds the
blocks, and `pcapng_blocks` decodes them, with `pcapng_interface`, `pcapng_clock`, `pcapng_options` and `pcapng_marks`.
`records` and `lanes` find where records begin, and `linktypes` knows how large they may be. This package must not know
live capture, or what the bytes of a frame mean.
"""
