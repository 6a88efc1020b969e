"""shodohflo watches received packets and keeps a map of who talks to which service.

Data flows one way: capture -> wire -> rules -> aggregate -> store -> readers.
`docs/architecture.md` tells the life of a packet.
"""

from importlib.metadata import version

__version__ = version("shodohflo")
