"""The command line: `shodohflo` with its commands, and `pcap_agent`.

The module of a command is imported when the command is called, so that no command loads what only another one needs.
`options`, `filters`, `layout`, `stores` and `messages` are shared by several commands. This package must not decide
anything about packets.
"""

import os
from importlib import import_module

from shodohflo.process.isolation import ignore_variables

__all__ = ["main", "pcap_agent"]


def main() -> None:
    """Run the program `shodohflo`."""
    _run("main")


def pcap_agent() -> None:
    """Run the program `pcap_agent`."""
    _run("pcap_agent")


def _run(program: str) -> None:
    # First: whatever is imported after this line, other users must not choose where root finds it.
    ignore_variables(os.environ)
    # We multiply no matrices: threads for it take memory, and would keep rights that an agent gives up.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    getattr(import_module("shodohflo.cli.program"), program)()
