"""`shodohflo init`: a commented configuration to start from, made for this machine's interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from shodohflo.errors import ConfigurationError, ShodohfloError
from shodohflo.process.opening import write_output
from shodohflo.report.starting import starting_lines

EXAMPLES: Final = """\b
Examples:
  shodohflo init                         print it
  shodohflo init configuration.py        write it where `run` finds it: in its working directory
  shodohflo init --generic               for any machine
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--generic", is_flag=True, help="Leave out what this machine shows: for a package, or for many machines.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def init(*, file: Path | None, generic: bool, force: bool) -> None:
    """Write a starting configuration from this machine's interfaces.

    The configuration goes to FILE, or to standard output. It records what is sent to and from our networks, as the
    defaults do, but goes by evidence before ports (`Observed`); common changes are included, commented out.
    """
    from shodohflo.capture.live.netlink import list_interfaces  # noqa: PLC0415 - not needed for --help

    text = "".join(f"{line}\n" for line in starting_lines([] if generic else list_interfaces()))
    if file is None or str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        write_output(file, text, replace=force)
    except FileExistsError:
        raise ConfigurationError(f"{file} exists already; --force overwrites it") from None
    except OSError as error:
        raise ShodohfloError(f"{file}: {error.strerror}: the configuration is not written completely") from error
    click.echo(f"written to {file}; `shodohflo rules {file}` prints it in sentences", err=True)
