"""`shodohflo check`: the findings about a configuration, before any packet is received."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo.analysis.check.proof import check
from shodohflo.cli import options
from shodohflo.cli.bounds import bounded, load_tried
from shodohflo.config.findings import Level, Report
from shodohflo.errors import ConfigurationError
from shodohflo.report.findings import json_lines, text_lines, unusable

if TYPE_CHECKING:
    from shodohflo.model import Network

EXAMPLES: Final = """\b
Examples:
  shodohflo check configuration.py                               private networks are ours
  shodohflo check configuration.py --our-nets 192.168.0.0/16     our networks as the agent will have them
  shodohflo check configuration.py --json                        for scripts: one JSON object a line
"""


_STATUS: Final = {None: 0, Level.NOTE: 0, Level.WARNING: 1, Level.ERROR: 2}


@click.command("check", epilog=EXAMPLES)
@click.argument("config", type=click.Path(path_type=Path), required=False, envvar="SHODOHFLO_CONFIG")
@options.our_nets_or_presumed
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each finding.")
def check_command(*, config: Path | None, our_nets: tuple[Network, ...], as_json: bool) -> int:
    """Prove what is wrong or doubtful in the networks and rules of a configuration.

    Without CONFIG, the defaults are checked. Each finding has a level, a code and a place, and a packet that
    demonstrates it, if there can be one. Custom actions are tried by sampling; findings from that say so.

    ACCEPTED_FINDINGS in the configuration silences findings that are intended. Exit status: 0 if there are no findings
    or only notes, 1 if there are warnings, 2 if the configuration can't be used.
    """
    report = _report(config, our_nets)
    for line in json_lines(report) if as_json else text_lines(report):
        click.echo(line)
    return _STATUS[report.worst]


def _report(config: Path | None, our_nets: tuple[Network, ...]) -> Report:
    """Return the findings; if the configuration can't be loaded, that is the only one."""
    try:
        settings = load_tried(config)
    except ConfigurationError as error:
        return Report((unusable(str(error), config),))
    if config is None:
        click.echo("no CONFIG: checking the defaults", err=True)
    configuration = options.configured(settings, our_nets)
    with bounded():
        return check(configuration)
