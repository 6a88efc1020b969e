"""Frames from interfaces: a memory-mapped ring, the interfaces behind it, and how often to look.

It must not know capture files, nor what the bytes of a frame mean.
"""
