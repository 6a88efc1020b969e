"""shodohflo watches received packets and keeps a map of who talks to which service.

Data flows one way: capture -> wire -> attribution (asks rules) -> store -> query -> report -> cli.
A package must not import one of a layer above its own. `docs/architecture.md` lists the layers and describes the life
of a packet.
"""

# Written out, because looking it up among what is installed takes longer than the rest of `shodohflo --version`.
__version__ = "0.1.0"
