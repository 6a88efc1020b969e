"""shodohflo watches received packets and keeps a map of who talks to which service.

Data flows one way: capture -> wire -> rules -> attribution -> store -> readers.
`docs/architecture.md` tells the life of a packet.
"""

# Written out, because looking it up among what is installed takes longer than the rest of `shodohflo --version`.
__version__ = "0.1.0"
