"""The command line: `shodohflo` with its commands, and `pcap_agent`.

The module of a command is imported when the command is called, so that no command loads what only another one needs.
`options`, `filters`, `layout`, `stores` and `messages` are shared by several commands. This package must not decide
anything about packets.
"""

from shodohflo.cli.program import main, pcap_agent

__all__ = ["main", "pcap_agent"]
