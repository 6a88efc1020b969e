"""The command line: `shodohflo` with its commands, and `pcap_agent`.

A module here belongs to one command and is imported when that command is called, so that none waits for what only
another needs.
"""

from shodohflo.cli.program import main, pcap_agent

__all__ = ["main", "pcap_agent"]
