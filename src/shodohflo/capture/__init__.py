"""Sources of frames: `live/` reads network interfaces, `files/` reads capture files. Both yield `Frames`.

The two must not know each other. This package must not know what the bytes of a frame mean, what is decided about a
packet, or how anything is stored. It imports nothing itself, so that reading a file loads no live capture.
"""
