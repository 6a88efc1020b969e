"""The agent: the edge that owns the clock, the sockets and the signals, and decides nothing.

`run` listens, sends frames through the pipeline and what comes out of it to the store, until it is told to end.
"""

from shodohflo.agent.options import RunOptions, Terms
from shodohflo.agent.running import run
from shodohflo.agent.status import Status

__all__ = ["RunOptions", "Status", "Terms", "run"]
