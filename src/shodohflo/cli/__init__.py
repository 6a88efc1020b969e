"""The command line: `shodohflo` with its commands, and `pcap_agent`.

The module of a command is imported when the command is called, so that none waits for what only another needs.
`options`, `messages` and `readers` are shared by several commands. It must not decide anything about packets.
"""

from shodohflo.cli.program import main, pcap_agent

__all__ = ["main", "pcap_agent"]
