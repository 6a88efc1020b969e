"""Frames from capture files: pcap and pcapng, packed or not, from a file or a pipe.

It must not know interfaces or sockets, nor what the bytes of a frame mean.
"""
