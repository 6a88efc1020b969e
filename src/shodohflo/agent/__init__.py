"""The agent: the edge that owns the clock, the sockets, the signals and the log.

`running` has the main loop, from the listener through the pipeline to the store, until a signal or the end of the
duration. `startup` settles what a run needs, from arguments that `cli` has parsed. This package must not know how
packets are decoded or decided, how the names of keys are built, or how a command line is parsed.
"""

from shodohflo.agent.options import RunOptions
from shodohflo.agent.running import run
from shodohflo.agent.status import Status

__all__ = ["RunOptions", "Status", "run"]
