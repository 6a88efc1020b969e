"""The command line: `shodohflo` with its commands, and `pcap_agent`.

A command's module is imported when the command is called, so that none waits for what only another needs. `options`,
`program`, `check`, `readers` and `replay` are shared by several commands.
"""

from shodohflo.cli.program import main, pcap_agent

__all__ = ["main", "pcap_agent"]
