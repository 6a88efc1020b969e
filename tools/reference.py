"""Write the reference pages that are generated from the code, or check that they are up to date.

`python tools/reference.py` writes `cli.md`, `settings.md`, `outcomes.md`, `evidence.md`, `findings.md`, `formats.md`
and `json.md` in `docs/reference`; with `--check` it writes nothing and fails if one of them would change.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from evidence_page import evidence_page
from json_page import json_page

from shodohflo.attribution.ledger import Outcome
from shodohflo.attribution.order import IGNORED, JUDGED, MESSAGES, ORDER, Many, One, Question
from shodohflo.cli.program import program
from shodohflo.cli.run import pcap_agent
from shodohflo.config.findings import Code
from shodohflo.config.known import KNOWN, SIBLING_PREFIXES, SIBLINGS
from shodohflo.wire.decode import MAX_DEPTH_INSIDE, MOST_TUNNELS
from shodohflo.wire.decoding import MAX_DEPTH
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.registry import (
    ETHERTYPES,
    IP_PROTOCOLS,
    LINKS,
    NSH_PROTOCOLS,
    PPP_PROTOCOLS,
    IpProtocolRow,
    LinkRow,
    NumberRow,
)
from shodohflo.wire.says import ANY_LENGTH, ANY_PORT_ROWS, PORT_ROWS, PayloadField, SaysRow, Values
from shodohflo.wire.tunnels import UDP_TUNNELS

FOLDER: Final = Path(__file__).parents[1] / "docs/reference"
WIDTH: Final = 100

Lines = Iterator[str]


def cli_page() -> Lines:
    """Yield the page of commands: the help of each."""
    yield from ("# Commands", "", "The output of `--help` for each command. Exit status: 0 success; 1 something could")
    yield from ("not be read, reached or found; 2 the command line or the configuration is wrong; 130 interrupted.", "")
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
    """Yield the page of settings."""
    yield from ("# Settings", "", "A configuration is a Python file. `run` and `pcap_agent` load the file named with")
    yield from ("`--config`, else `./configuration.py`, else `/etc/shodohflo/configuration.py`, else the defaults.",)
    yield from ("`replay` loads only a named file. The order of precedence is command line, environment, file.", "")
    yield from ("| setting | type | default | meaning | environment |", "|---|---|---|---|---|")
    for setting in KNOWN.values():
        variable = f"`{setting.variable}`" if setting.variable else ""
        yield f"| `{setting.name}` | {setting.type} | {setting.default} | {setting.meaning} | {variable} |"
    others = ", ".join(f"`{name}`" for name in [*sorted(SIBLINGS), *(f"{prefix}*" for prefix in SIBLING_PREFIXES)])
    yield from ("", "A setting that is `None` has its default. `SHODOHFLO_CONFIG`, `SHODOHFLO_OUR_NETS` and")
    yield from ("`SHODOHFLO_USER` stand for `--config`, `--our-nets` (separate several by spaces) and `--user`.", "")
    yield "`SHODOHFLO_STATE_DIR` names the state directory, which holds the embedded store (by default"
    yield "`/var/lib/shodohflo` if root starts it, otherwise `~/.local/state/shodohflo`). `SHODOHFLO_RUN_DIR` names the"
    yield "run directory, where `shodohflo reload` finds running agents. With `SHODOHFLO_DEBUG=1`, an error prints its"
    yield from ("traceback.", "")
    yield from (f"Settings of the sibling agents ({others}) are accepted and ignored. Any other",)
    yield from ("capitalised name that the file assigns causes a warning, with the nearest known setting.", "")
    yield from ("`shodohflo help language` documents the language of networks and rules.", "")


def outcomes_page() -> Lines:
    """Yield the page of outcomes, with the order of decisions."""
    yield from ("# Outcomes", "", "Every received packet has exactly one outcome. `--ledger FILE` writes them as JSON,")
    yield from ('`{"received": N, "kernel_dropped": N, "outcomes": {...}}`, and the outcomes sum to `received`.', "")
    yield from ("`kernel_dropped` counts packets that the kernel had no room for; `received` excludes them.", "")
    yield "With a filter, `filters` has its expression, and those before it if it was changed. What it leaves out in"
    yield from (
        "the kernel is in no count: neither in `received` nor in an outcome; a replay counts it as `excluded`.",
        "",
    )
    yield "The members `not_ip` and `protocol`, if there are such packets, count them by what they were, as in"
    yield from (
        '`{"not_ip": {"0x0806 ARP": 3}}`; without those that no number names, and those inside UDP tunnels.',
        "",
    )
    yield "## The order of decisions"
    yield ""
    yield from FIRST_OF_ALL.splitlines()
    yield from ("these questions are asked in order, and the first that applies decides:", "")
    yield from _questions(ORDER)
    yield from ("If none applies, the rules decide:", "", "| if | the outcome is |", "|---|---|")
    for judgement in JUDGED:
        yield f"| {judgement.words} | `{judgement.outcome.format('n')}` |"
    yield from ("", "All packets of a batch are taken as [evidence](evidence.md) before any rule is asked, also those")
    yield "that a question decides: a SYN is no flow, but it shows a client."
    yield from ("", f"A flow becomes `{IGNORED.outcome}` if {IGNORED.words}.", "")
    yield from ("For an ICMP or ICMPv6 message, these questions are asked; the rules are not:", "")
    yield from _questions(MESSAGES)
    yield from ("`shodohflo explain PACKET` prints the answers for one packet.", "")
    yield from ("## All outcomes", "", "| outcome | meaning |", "|---|---|")
    for outcome in Outcome:
        yield f"| `{outcome}` | {outcome.explanation} |"
    yield "| `dropped.FLOW_MAPPING[n]` | dropped by rule n, which has `drop=True`; rules are numbered from 0 |"
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
    "gzip, zstd": "either of these, compressed; recognised by its first bytes, never by its name",
    "`-`": "standard input, for all of these, even while the file is still being written",
}
"""The formats of capture files, as `shodohflo.capture.files.savefile` distinguishes them."""

FIRST_OF_ALL: Final = """\
A packet that a capture marks as sent by the capturing host is `sent`, whatever it contains: it is not received traffic
([how captures mark it](formats.md#direction)). Any other packet that cannot be decoded is refused.

For a TCP or UDP packet,
"""
"""What is decided before the order of decisions begins."""

LIMITS_OF_FILES: Final = """\
Of pcapng, blocks that are no packets are skipped, whatever their size. Of a packet of more than 16 MiB, the first
mebibyte is decoded. Options are read as far as they are well-formed, up to 256 of a block; an interface that has more
is damage. A compressed file of more than 10,000 members must hold something in them: on average 128 bytes in gzip, 256
in zstd.

"""

WITHOUT_DIRECTION: Final = """\
Everything else counts as received, as do all packets of formats without a direction. If the first frames of such a
capture, of Ethernet or raw IP, are from and to a single host, a note on standard error says so: capture with
`tcpdump -Q in` to have what an agent sees. On `lo`, what is sent is received as well; a cooked capture may have both,
and only one is counted. The direction of link types that are not decoded is not read.

pcapng flags that report a failed check, a frame not of whole bytes, or a wrong symbol have the frame refused as
`frame_check`. The other errors that they report leave its bytes sound.

"""

DIRECTIONS: Final = {
    "pcapng `epb_flags`, `pack_flags`": "bits 0 and 1 say outbound (2)",
    "modified pcap": "the packet type in the header of its record is 4",
    "LINUX_SLL, LINUX_SLL2": "the packet type is 4: outgoing",
    "PPP_WITH_DIR, C_HDLC_WITH_DIR, FRELAY_WITH_DIR": "the first byte is not 0",
    "PPP_PPPD": "the first byte is 1, in the place of the address",
    "SLIP": "the first byte is 1",
    "NFLOG": "it was logged in OUTPUT or POSTROUTING, or at the egress of a device",
    "DSA_TAG_DSA, DSA_TAG_EDSA": "the switch tag says FROM_CPU",
    "DSA_TAG_BRCM, DSA_TAG_BRCM_PREPEND": "the switch tag says ingress, from the host into the switch",
    "IEEE802_11_RADIOTAP": "it has the field of transmission flags, which only what the host sent has",
}
"""Where formats mark packets as sent by the capturing host."""

BOUNDS: Final = {
    "headers of a packet": MAX_DEPTH,
    "headers of a packet inside a UDP tunnel": MAX_DEPTH_INSIDE,
    "UDP tunnels inside one another": MOST_TUNNELS,
}
"""The greatest depth of nesting that is decoded."""


_SMALL: Final = 64

SAYS: Final = """\
Of the payload of a UDP datagram, opened tunnels apart, only these bytes are read. They say whether its sender asks (it
is the client) or answers (it is the service), and no more. In the table, `[2] & 0x80` is byte 2, counted from 0, of
which the highest bit counts; `[4:8]` are four bytes in network order. The row is that of the destination port, or else
that of the source port; if both ports have rows, and not the same, neither is read. Where no row of a port says
anything, the rows of any port are tried. A byte that was not captured says nothing. The length is that of the payload
on the wire, by the UDP header.

"""
"""What `shodohflo.wire.says` reads."""

TRUNCATED: Final = """\
## Truncated and damaged packets

A packet is decoded if its addresses, its ports and, for TCP, its flags are there, however little else is. It may have
been truncated by the capture (`tcpdump -s`), or by a mirror before, which leaves an IP length beyond the frame: port
mirrors with a maximum length, ERSPAN, tunnels that carry the beginning of a packet. Bytes are counted by the IP length,
and by the frame where that is 0; so the count is what the packet claims. If ports or flags are cut off, the packet is
refused as `link_cut`, `tunnel_cut`, `ip_cut`, `extension_cut`, `tcp_cut`, `udp_cut` or `icmp_cut`.

Headers that contradict each other are refused, truncated or not: an IPv4 or TCP header longer than its datagram, or a
UDP length beyond it.

The packet that an ICMP unreachable quotes is read whatever its lengths say: some stacks quote the total length
as 0, in another byte order, or less by 20. If they exchange the bytes of the fragment offset too, `DF` and `MF` are
recognised.

Frames that were received damaged are refused as `frame_check`, if the capture says so: by the flags of radiotap (failed
check of the frame or its PLCP header), the fields 802.11-Common and 802.3-Extension of PPI, or ERSPAN III (bad frame).
"""
"""What is decoded of packets that are not whole."""


def formats_page() -> Lines:
    """Yield the page of everything that is decoded."""
    yield from ("# Formats", "", "Capture files that `replay` reads, and headers that `run` and `replay` decode.", "")
    yield from ("## Capture files", "", "| format | supported |", "|---|---|")
    yield from (f"| {name} | {meaning} |" for name, meaning in FORMATS.items())
    yield from ("", "A damaged or truncated file is read up to the damage; the message gives the byte offset.", "")
    yield from LIMITS_OF_FILES.splitlines()
    yield from _directions()
    yield from _table("Link types", "LINKTYPE | name | supported", map(_link_type, sorted(LINKS, key=_number)))
    yield from ("Packets of other link types are refused, and counted by name as `refused.link_type[NAME]`.", "")
    yield from _table("EtherTypes", "EtherType | what it is", map(_hexadecimal, sorted(ETHERTYPES, key=_number)))
    yield "They follow Ethernet, tags, MACsec, cooked captures, loopback, Cisco HDLC, frame relay, SNAP, GRE and"
    yield from (
        "Geneve. Frames with others are refused as `not_ip`, and the ledger counts them by number and name.",
        "",
    )
    yield from _table("PPP protocols", "protocol | what it is", map(_hexadecimal, sorted(PPP_PROTOCOLS, key=_number)))
    yield from _table("Next protocols of NSH and VXLAN-GPE", "protocol | what it is", map(_decimal, NSH_PROTOCOLS))
    ip_protocols = map(_ip_protocol, sorted(IP_PROTOCOLS, key=_number))
    yield from _table("IP protocols", "protocol | in | what it is", ip_protocols)
    yield from ("The tunnels are always opened: they have no ports, so they could not be recorded themselves.", "")
    yield from _table("Tunnels over UDP", "UDP ports | name | what it carries", map(_tunnel, UDP_TUNNELS))
    yield "A tunnel packet is always treated as the UDP packet that it is. If `TUNNELS` names its kind, the packet"
    yield "inside is decoded and recorded as well. The ledger counts each received packet once. It counts opened"
    yield from ("tunnels separately under `opened`, and the outcomes of the packets inside under `inside`.", "")
    yield from ("## What the first bytes say", "", *SAYS.splitlines())
    yield from ("| UDP ports | protocol | field | request | response | if | source |", "|---" * 7 + "|")
    yield from (f"| {_says(row)} |" for row in (*PORT_ROWS, *ANY_PORT_ROWS))
    yield ""
    yield from ("## Bounds", "", "| nested | limit |", "|---|---|")
    yield from (f"| {what} | {bound} |" for what, bound in BOUNDS.items())
    yield from ("", "A packet beyond a limit is refused as `too_deep`.", "")
    yield from TRUNCATED.splitlines()
    yield from ("", "## Reasons to refuse a packet", "", "| reason | meaning |", "|---|---|")
    yield from (f"| `{refusal}` | {refusal.explanation} |" for refusal in Refusal)
    yield ""


def _directions() -> Lines:
    """Yield the section about sent and received packets."""
    yield from ("## Direction", "", "| where | a packet is `sent` if |", "|---|---|")
    yield from (f"| {where} | {sent} |" for where, sent in DIRECTIONS.items())
    yield ""
    yield from WITHOUT_DIRECTION.splitlines()


def _table(title: str, heads: str, rows: Iterable[str]) -> Lines:
    yield from (f"## {title}", "", f"| {heads} |", "|---" * (heads.count("|") + 1) + "|")
    yield from (f"| {row} |" for row in rows)
    yield ""


def _number(row: NumberRow | LinkRow | IpProtocolRow) -> int:
    return row.number


def _link_type(row: LinkRow) -> str:
    return f"{row.number} | {row.name} | {row.words}"


def _hexadecimal(row: NumberRow) -> str:
    return f"0x{row.number:04x} | {row.words}"


def _decimal(row: NumberRow) -> str:
    return f"{row.number} | {row.words}"


def _ip_protocol(row: IpProtocolRow) -> str:
    families = [name for name, decoder in (("IPv4", row.ipv4), ("IPv6", row.ipv6)) if decoder]
    return f"{row.number} | {', '.join(families)} | {row.words}"


def _tunnel(name: str) -> str:
    tunnel = UDP_TUNNELS[name]
    ports = ", ".join(map(str, tunnel.ports))
    return f"to {ports}{', and from' if tunnel.answers else ''} | {name} | {tunnel.words}"


def _says(row: SaysRow) -> str:
    ports = ", ".join(map(str, row.ports))
    where = (ports if row.answers else f"to {ports}") or "any"
    field = f"{_field(row.field)}: {row.words}"
    given = [f"{_field(each.field)} is {_numbers(each.field, each.values)}" for each in row.given]
    if row.lengths != ANY_LENGTH:
        given.append(_lengths(row.lengths))
    numbers = [_numbers(row.field, values) for values in (row.requests, row.responses)]
    return " | ".join([where, row.name, field, *numbers, ", ".join(given), row.source])


def _field(field: PayloadField) -> str:
    place = str(field.at) if field.size == 1 else f"{field.at}:{field.end}"
    return f"`[{place}]`" if field.covers_all else f"`[{place}] & {field.mask:#x}`"


def _lengths(lengths: range) -> str:
    words = f"the length is {lengths.start} or more"
    return words if lengths.step == 1 else f"{words}, and a multiple of {lengths.step}"


def _numbers(field: PayloadField, values: Values) -> str:
    """Return the values; small ones in decimal, those of masks and others in hexadecimal."""
    ends = [sorted({each[0], each[-1]}) for each in values]
    form = "#x" if not field.covers_all or any(several[-1] >= _SMALL for several in ends) else "d"
    return ", ".join(" to ".join(format(number, form) for number in several) for several in ends)


FINDINGS: Final = """\
# Findings

`shodohflo check` reports these findings about a configuration, and `run` logs them when it starts. A finding is an
error, a warning or a note. Each has a code, a place, a sentence, and if possible an example packet. Findings about
networks, ports and built-in actions are proven, for all addresses of both families and all ports. The behaviour of
custom actions is sampled; such findings say so.

To accept a finding that is intended, name it in the configuration, with a reason. The key is the code and the place as
they are printed. A missing reason is an error; a key that matches no finding is a note.

```python
ACCEPTED_FINDINGS = {
    "DEAD-RULE FLOW_MAPPING[2]": "kept for the move in March",
}
```

Errors cannot be accepted. The exit status of `check` is 0 if at most notes are left, 1 for warnings, 2 for errors.
"""


def findings_page() -> Lines:
    """Yield the page of findings."""
    yield FINDINGS
    for code in Code:
        yield from (f"## {code}", "", f"*{code.level}.* {code.explanation}", "", f"What to do: {code.remedy}", "")


PAGES: Final = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "outcomes.md": outcomes_page,
    "evidence.md": evidence_page,
    "findings.md": findings_page,
    "formats.md": formats_page,
    "json.md": json_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with `--check`; return the exit status."""
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
