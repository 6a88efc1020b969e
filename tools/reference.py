"""Write the reference pages that are made from the code, or check that they are as the code says.

`python tools/reference.py` writes `cli.md`, `settings.md`, `outcomes.md`, `findings.md`, `formats.md` and `json.md` in
`docs/reference`; with `--check` it writes nothing and fails if one of them would change.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from json_page import json_page

from shodohflo.attribution.ledger import Outcome
from shodohflo.attribution.order import IGNORED, MESSAGES, ORDER, Many, One, Question
from shodohflo.cli.program import program
from shodohflo.cli.run import pcap_agent
from shodohflo.config.findings import Code
from shodohflo.config.known import KNOWN, SIBLING_PREFIXES, SIBLINGS
from shodohflo.wire.decode import MAX_DEPTH_INSIDE, MOST_TUNNELS
from shodohflo.wire.decoding import MAX_DEPTH
from shodohflo.wire.linktypes import name_of
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.registry import ETHERTYPES, IP_PROTOCOLS, LINKS, PPP_PROTOCOLS, IpProtocolRow, NumberRow
from shodohflo.wire.tunnels import UDP_TUNNELS

FOLDER: Final = Path(__file__).parents[1] / "docs/reference"
WIDTH: Final = 100

Lines = Iterator[str]


def cli_page() -> Lines:
    """Print the help of every command."""
    yield from ("# Commands", "", "What `--help` says, for each command. Exit status: 0 done; 1 something could not be")
    yield from ("read, reached or found; 2 the command line or the configuration is wrong; 130 interrupted.", "")
    yield from _help(program, _context(program, "shodohflo"))
    root = _context(program, "shodohflo")
    for name in program.list_commands(root):
        command = program.get_command(root, name)
        assert command is not None
        yield from _help(command, _context(command, name, root))
    yield from _help(pcap_agent, _context(pcap_agent, "pcap_agent"))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, parent, name, terminal_width=WIDTH, **command.context_settings)


def _help(command: click.Command, context: click.Context) -> Lines:
    yield from (f"## `{context.command_path}`", "", "```text", command.get_help(context), "```", "")


def settings_page() -> Lines:
    """Print the table of settings."""
    yield from ("# Settings", "", "A configuration is a Python file. `run` and `pcap_agent` take the file named with")
    yield from ("`--config`, else `./configuration.py`, else `/etc/shodohflo/configuration.py`, else the defaults;",)
    yield from ("`replay` only a file that is named. The command line beats the environment, which beats the file.", "")
    yield from ("| setting | type | default | meaning | environment |", "|---|---|---|---|---|")
    for setting in KNOWN.values():
        variable = f"`{setting.variable}`" if setting.variable else ""
        yield f"| `{setting.name}` | {setting.type} | {setting.default} | {setting.meaning} | {variable} |"
    others = ", ".join(f"`{name}`" for name in [*sorted(SIBLINGS), *(f"{prefix}*" for prefix in SIBLING_PREFIXES)])
    yield from ("", "`None` is the same as not naming a setting. `SHODOHFLO_CONFIG` and `SHODOHFLO_OUR_NETS` stand for")
    yield from ("`--config` and `--our-nets`; several prefixes are separated by spaces.", "")
    yield "`SHODOHFLO_STATE_DIR` names the folder of the embedded store (for root `/var/lib/shodohflo`, for others"
    yield "`~/.local/state/shodohflo`), `SHODOHFLO_RUN_DIR` the one where `shodohflo reload` finds running agents. With"
    yield from ("`SHODOHFLO_DEBUG=1` a mistake of ours shows its traceback.", "")
    yield from (f"Settings of the sibling agents ({others}) are accepted in silence. Any other",)
    yield from ("capitalised name that the file assigns makes a warning, with the nearest setting there is.", "")
    yield from ("What a file can say about networks and rules is told by `pydoc shodohflo.pcap_config`.", "")


def outcomes_page() -> Lines:
    """Print the outcomes of a packet, and the order in which they are decided."""
    yield from ("# Outcomes", "", "Every received packet has exactly one outcome. `--ledger FILE` writes them as JSON,")
    yield from ('`{"received": N, "kernel_dropped": N, "outcomes": {...}}`, and the outcomes sum to `received`.', "")
    yield from ("`kernel_dropped` counts packets that the kernel had no room for; they are not among the received.", "")
    yield from (
        "## The order of decisions",
        "",
        "A packet that can't be decoded is refused. A TCP or UDP packet is asked",
    )
    yield from ("these questions in order, and the first that applies decides:", "")
    yield from _questions(ORDER)
    yield from (
        "If none applies, the rules decide: `unmatched.no_network` if an address is in no network, else by the",
    )
    yield from (
        "first rule with an opinion, `dropped.FLOW_MAPPING[n]` or `recorded.flow`, else `unmatched.no_rule`. A",
    )
    yield f"flow becomes `{IGNORED.outcome}` if {IGNORED.words}."
    yield from ("", "An ICMP or ICMPv6 message is asked these questions; rules are not:", "")
    yield from _questions(MESSAGES)
    yield from ("`shodohflo explain PACKET` prints the answers for one packet.", "")
    yield from ("## All outcomes", "", "| outcome | meaning |", "|---|---|")
    for outcome in Outcome:
        yield f"| `{outcome}` | {outcome.explanation} |"
    yield "| `dropped.FLOW_MAPPING[n]` | by rule n, numbered from 0 as in the configuration, which has `drop=True` |"
    for refusal in Refusal:
        yield f"| `refused.{refusal}` | {refusal.explanation} |"
    yield ""


def _questions(questions: Sequence[Question[One, Many]]) -> Lines:
    yield from ("| | question | the packet | outcome |", "|---|---|---|---|")
    for number, question in enumerate(questions, start=1):
        yield f"| {number} | {question.step.label} | {question.words} | `{question.outcome}` |"
    yield ""


FORMATS: Final = {
    "pcap": "both byte orders, micro- and nanoseconds, old minor versions, the modified variant with longer headers",
    "pcapng": "several sections, interfaces and link types, all packet blocks, both byte orders, any time resolution",
    "gzip, zstd": "either of these, packed; known by its first bytes, never by its name",
    "`-`": "standard input, for all of these, also while it is still being written",
}
"""Capture files, as `shodohflo.capture.files.savefile` tells them apart."""

BOUNDS: Final = {
    "headers upon headers of a packet": MAX_DEPTH,
    "headers upon headers inside a UDP tunnel": MAX_DEPTH_INSIDE,
    "UDP tunnels within each other": MOST_TUNNELS,
}
"""How many of what may nest are decoded."""


def formats_page() -> Lines:
    """Print what can be read."""
    yield from ("# Formats", "", "What `replay` reads of files, and what `run` and `replay` read of packets.", "")
    yield from ("## Capture files", "", "| format | what of it |", "|---|---|")
    yield from (f"| {name} | {meaning} |" for name, meaning in FORMATS.items())
    yield from ("", "Files that lie or break off are used up to there; the message says at which byte.", "")
    yield from _table("Link types", "LINKTYPE | name | what of it", map(_link_type, sorted(LINKS, key=_number)))
    yield from ("Any other is refused under its name, `refused.link_type[NAME]`, with the number of packets.", "")
    yield from _table("EtherTypes", "EtherType | what it is", map(_hexadecimal, sorted(ETHERTYPES, key=_number)))
    yield from ("They stand behind Ethernet, tags, cooked captures, Cisco HDLC, frame relay, SNAP, GRE and Geneve.", "")
    yield from _table("PPP protocols", "protocol | what it is", map(_hexadecimal, sorted(PPP_PROTOCOLS, key=_number)))
    ip_protocols = map(_ip_protocol, sorted(IP_PROTOCOLS, key=_number))
    yield from _table("IP protocols", "protocol | read in | what it is", ip_protocols)
    yield from ("The tunnels among them are opened: they have no ports, and would be invisible.", "")
    yield from _table("Tunnels over UDP", "UDP ports | name | what it carries", map(_tunnel, UDP_TUNNELS))
    yield from ("They are recorded as the UDP flows they are, and looked into as well where `TUNNELS` names them.",)
    yield from ("What is inside is then recorded too; the ledger counts the packet once, and tells beside it, under",)
    yield from ("`opened` and `inside`, how many tunnels were opened and what became of the packets in them.", "")
    yield from ("## Bounds", "", "| what may nest | followed |", "|---|---|")
    yield from (f"| {what} | {bound} |" for what, bound in BOUNDS.items())
    yield from ("", "A packet that goes further is refused as `too_deep`.", "")
    yield from ("## Reasons to refuse a packet", "", "| reason | meaning |", "|---|---|")
    yield from (f"| `{refusal}` | {refusal.explanation} |" for refusal in Refusal)
    yield ""


def _table(title: str, heads: str, rows: Iterable[str]) -> Lines:
    yield from (f"## {title}", "", f"| {heads} |", "|---" * (heads.count("|") + 1) + "|")
    yield from (f"| {row} |" for row in rows)
    yield ""


def _number(row: NumberRow | IpProtocolRow) -> int:
    return row.number


def _link_type(row: NumberRow) -> str:
    name = name_of(row.number)
    return f"{row.number} | {'' if name == str(row.number) else name} | {row.words}"


def _hexadecimal(row: NumberRow) -> str:
    return f"0x{row.number:04x} | {row.words}"


def _ip_protocol(row: IpProtocolRow) -> str:
    families = [name for name, decoder in (("IPv4", row.ipv4), ("IPv6", row.ipv6)) if decoder]
    return f"{row.number} | {', '.join(families)} | {row.words}"


def _tunnel(name: str) -> str:
    tunnel = UDP_TUNNELS[name]
    ports = " and ".join(map(str, tunnel.ports))
    return f"to {ports}{', and from' if tunnel.answers else ''} | {name} | {tunnel.words}"


FINDINGS: Final = """\
# Findings

What `shodohflo check` can find in a configuration, and `run` logs when it starts: errors, warnings and notes. Each has
a code, a place, a sentence, and where there can be one a packet that shows it. What is said of networks, ports and our
own actions is proven, for all addresses of both families and all ports; what operators' own actions do is found by
sampling, and said so.

What is meant can be accepted, with a reason, in the configuration itself. The key is the code and the place as they are
printed; without a reason it is an error, and where nothing is found a note.

```python
ACCEPTED_FINDINGS = {
    "DEAD-RULE FLOW_MAPPING[2]": "kept for the move in March",
}
```

Errors can't be accepted. The exit status of `check` is 0 if nothing but notes is left, 1 for warnings, 2 for errors.
"""


def findings_page() -> Lines:
    """Print what can be found in a configuration."""
    yield FINDINGS
    for code in Code:
        yield from (f"## {code}", "", f"*{code.level}.* {code.explanation}", "", f"What to do: {code.remedy}", "")


PAGES: Final = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "outcomes.md": outcomes_page,
    "findings.md": findings_page,
    "formats.md": formats_page,
    "json.md": json_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check compare them."""
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, "\n".join(page())
        if arguments != ["--check"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/reference/{name}")
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; `make docs` writes them again\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
