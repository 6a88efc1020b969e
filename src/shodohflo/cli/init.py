"""`shodohflo init`: a commented configuration to start from, made of this machine's interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from shodohflo.errors import ConfigurationError
from shodohflo.report.starting import starting_lines

EXAMPLES: Final = """\b
Examples:
  shodohflo init                         to look at
  shodohflo init configuration.py        to start from; `run` finds it in the directory it is started in
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Write over a FILE that is there already.")
def init(*, file: Path | None, force: bool) -> None:
    """Write a starting configuration from this machine's interfaces.

    To FILE, or to standard output. It records what is sent to and from our networks, as without any configuration;
    what one would want to change is there, commented out.
    """
    from shodohflo.capture.live.netlink import list_interfaces  # noqa: PLC0415 - to be asked for its help it is not needed

    text = "".join(f"{line}\n" for line in starting_lines(list_interfaces()))
    if file is None or str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{file} is there already; --force writes over it") from None
    click.echo(f"written: {file}; see what it says with `shodohflo rules {file}`", err=True)
