"""Write the manual pages, one for the program and one for each command, from the same source as `--help`.

`python tools/manpages.py FOLDER` writes `shodohflo.1`, `shodohflo-run.1` and so on, and `pcap_agent.1`, in the language
of man(7).
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo import __version__, pcap_config
from shodohflo.cli.program import COMMANDS, program
from shodohflo.cli.run import pcap_agent
from shodohflo.config.known import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUSES: Final = (
    ("0", "Success."),
    ("1", "Something could not be read, reached or found."),
    ("2", "The command line or the configuration is wrong."),
    ("130", "Interrupted."),
)

FILES: Final = (
    ("/etc/shodohflo/configuration.py", "The configuration, a file in Python, if no other is named."),
    ("/var/lib/shodohflo", "The embedded store of an agent that runs as root or as a service."),
)


def pages() -> Iterator[tuple[str, str]]:
    """Yield name and text of each page."""
    root = _context(program, "shodohflo")
    yield "shodohflo.1", _text(_main_page(root))
    for name, place in COMMANDS.items():
        command = program.get_command(root, name)
        assert command is not None
        yield f"shodohflo-{name}.1", _text(_page(command, _context(command, name, root), place.summary))
    summary = (inspect.getdoc(pcap_agent.callback) or "").partition("\n")[0]
    yield "pcap_agent.1", _text(_page(pcap_agent, _context(pcap_agent, "pcap_agent"), summary))


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, parent, name, **command.context_settings)


def _main_page(context: click.Context) -> Iterator[str]:
    yield from _head("shodohflo", program.help or "")
    yield from (".SH SYNOPSIS", ".B shodohflo", r"\fICOMMAND\fR [\fIARGUMENT\fR]...", ".SH DESCRIPTION")
    yield from _paragraphs(program.help or "")
    yield ".SH COMMANDS"
    for name, place in COMMANDS.items():
        yield from (".TP", rf"\fBshodohflo\-{_plain(name)}\fR(1)", _plain(place.summary))
    yield from _options(program, context)
    yield ".SH CONFIGURATION"
    yield from _literal(inspect.getdoc(pcap_config) or "")
    yield from (".SS Settings", "Beside the two names above, a configuration may set:")
    for setting in KNOWN.values():
        default = f"Default: {setting.default}." if setting.default else ""
        yield from (".TP", rf"\fB{setting.name}\fR", _plain(f"{setting.meaning} {default}".replace("`", "")))
    yield ".SH ENVIRONMENT"
    for setting in KNOWN.values():
        if setting.variable:
            yield from (".TP", rf"\fB{setting.variable}\fR", f"Takes precedence over {setting.name}.")
    yield ".SH FILES"
    for path, meaning in FILES:
        yield from (".TP", rf"\fI{path}\fR", _plain(meaning))
    yield from _statuses()
    yield from _examples(program)


def _page(command: click.Command, context: click.Context, summary: str) -> Iterator[str]:
    words = " ".join(command.collect_usage_pieces(context))
    yield from _head(context.command_path.replace(" ", "-"), summary)
    yield from (".SH SYNOPSIS", rf"\fB{_plain(context.command_path)}\fR {_plain(words)}", ".SH DESCRIPTION")
    yield from _paragraphs(command.help or "")
    yield from _options(command, context)
    yield from _statuses()
    yield from _examples(command)
    yield from (".SH SEE ALSO", r"\fBshodohflo\fR(1)")


def _head(name: str, summary: str) -> Iterator[str]:
    first = re.split(r"(?<=\.)\s", " ".join(summary.split()), maxsplit=1)[0].rstrip(".")
    yield f'.TH {name.upper()} 1 "" "shodohflo {__version__}" "User Commands"'
    yield from (".SH NAME", rf"{name.replace('-', chr(92) + '-')} \- {_plain(first[:1].lower() + first[1:])}")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    yield ".SH OPTIONS"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", rf"\fB{_plain(record[0])}\fR", _plain(" ".join(record[1].split())))


def _statuses() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for status, meaning in STATUSES:
        yield from (".TP", rf"\fB{status}\fR", _plain(meaning))


def _examples(command: click.Command) -> Iterator[str]:
    lines = (command.epilog or "").replace("\b", "").strip().splitlines()
    if lines:
        yield ".SH EXAMPLES"
        yield from _literal("\n".join(line.removeprefix("  ") for line in lines[1:]))


def _paragraphs(text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a help text; those that begin with \b keep their lines."""
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if paragraph.startswith("\b"):
            yield from _literal(paragraph[1:].strip("\n"))
            continue
        if number:
            yield ".PP"
        yield _plain(" ".join(paragraph.split()))


def _literal(text: str) -> Iterator[str]:
    yield from (".PP", ".nf", ".RS 4")
    yield from (_plain(line) if line else ".sp" for line in text.splitlines())
    yield from (".RE", ".fi")


def _plain(text: str) -> str:
    """Return `text` so that roff prints it as it is, with hyphens that can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("^", r"\(ha").replace("~", r"\(ti")
    escaped = escaped.replace("`", r"\(ga").replace("'", r"\(aq")
    return r"\&" + escaped if escaped.startswith(".") else escaped


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / name).write_text(text, encoding="utf-8")
