"""A suggested configuration as a file, with the cost of each further rule in a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.analysis.suggest.draft import INDENT, PRICE, comment, entry_lines, import_lines, rule_code
from shodohflo.analysis.suggest.proposals import OURS, Proposal, Suggestion
from shodohflo.report.numbers import counted, port_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from shodohflo.analysis.suggest.cost import Cost
    from shodohflo.analysis.suggest.turned import Turned


NAMED: Final = 3
"""The most hidden services named in a comment."""


def suggestion_lines(suggestion: Suggestion, captures: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a suggestion as a configuration file; `captures` are the names of its sources."""
    yield from _head(suggestion, captures)
    yield ""
    yield from import_lines(_imports(suggestion))
    yield ""
    yield "# An address belongs to the first entry that holds it."
    yield "NETWORK_ENUMERATION = NetworkEnumeration("
    for entry in suggestion.trial.entries:
        if entry.name in suggestion.named:
            yield from comment("Outsiders, one by one, for a rule below: it drops only what these send.")
        if entry.name == OURS:
            yield from _missing(suggestion)
        yield from entry_lines(entry)
    yield ")"
    yield ""
    yield "# The first rule that has an opinion decides; rules are numbered from 0."
    yield "FLOW_MAPPING = FlowMapping("
    for proposal in suggestion.drops:
        yield from _proposed(_drop_text(proposal, (OURS, *suggestion.named)), proposal)
    if suggestion.high:
        yield from _proposed(_high_text(suggestion.high), suggestion.high)
    if suggestion.observed:
        yield from comment(_observed_text(suggestion.turned, len(suggestion.observed)))
        yield from (f"{INDENT}# {rule_code(rule)}," for rule in suggestion.observed)
    yield from comment("All traffic to and from our networks; the lower port names the service.")
    yield from (f"{INDENT}{rule_code(rule)}," for rule in suggestion.trial.rules)
    yield ")"


def _missing(suggestion: Suggestion) -> Iterator[str]:
    """Yield a comment for each address family in which we have no network."""
    bound = {network.version for network in suggestion.trial.our_nets}
    for version, name in ((4, "OUR_4NETS"), (6, "OUR_6NETS")):
        if version not in bound:
            yield from comment(f"{name} belongs here too as soon as we have a network of that family.")


def _imports(suggestion: Suggestion) -> list[str]:
    names = ["DST", "OUR_4NETS", "OUR_6NETS", "SRC", "FlowMapping", "LowerPort", "NetworkEnumeration"]
    further = {"Assign": suggestion.drops, "PortMatch": suggestion.high, "Observed": suggestion.observed}
    return [*names, *(name for name, proposed in further.items() if proposed)]


def _head(suggestion: Suggestion, captures: Sequence[str]) -> Iterator[str]:
    ours = " ".join(f"--our-nets {network}" for network in suggestion.trial.our_nets)
    sources = ", ".join("standard input" if name == "-" else name.rsplit("/", 1)[-1] for name in captures)
    yield "# Suggested by `shodohflo suggest`, to be read before it is used:"
    yield "#"
    yield f"#     shodohflo run {ours} --config FILE"
    yield "#"
    packets, keys = counted(suggestion.packets, "packet"), counted(suggestion.keys, "key")
    yield f"# From {packets} ({ascii(sources)[1:-1]}), which make{'s' if suggestion.packets == 1 else ''} {keys}."
    yield "# All numbers are measured on these packets; other captures give other numbers."
    for network, share in suggestion.busiest:
        yield f"# Busy outside: {network}, an end of {percent(share)} of the packets."


def _proposed(text: str, proposal: Proposal) -> Iterator[str]:
    yield from comment(text)
    yield from (f"{INDENT}# {rule_code(rule)}," for rule in proposal.rules)


def _drop_text(proposal: Proposal, trusted: Container[str | None]) -> str:
    cost, there = proposal.cost, proposal.rules[0]
    text = (
        f"Dropping {_port(proposal.ports[0])} from clients in {there.src} to services in {there.dst} removes "
        f"{percent(cost.keys_removed)} of the keys and {percent(cost.packets_removed)} of the recorded packets; "
        f"hides {_hidden(cost)}."
    )
    for rule in proposal.rules[1:]:
        if rule.src not in trusted:
            text += f" Anybody in {rule.src} could then hide by sending from that port: `shodohflo check` warns."
    return text


def _hidden(cost: Cost) -> str:
    if not cost.hidden:
        return "no service entirely"
    more = f" and {len(cost.hidden) - NAMED} more" if len(cost.hidden) > NAMED else ""
    clients = f", and {cost.clients_hidden} of the clients" if cost.clients_hidden else ""
    return f"{counted(len(cost.hidden), 'service')}: {', '.join(cost.hidden[:NAMED])}{more}{clients}"


def _high_text(proposal: Proposal) -> str:
    cost, ports = proposal.cost, ", ".join(map(_port, proposal.ports))
    return (
        f"Many clients of {ports} use lower ports, which are mistaken for the port of the service. With these rules, "
        f"the keys name {counted(cost.services_after, 'service')} instead of {cost.services_before:,}."
    )


def _observed_text(turned: Turned, rules: int) -> str:
    return (
        f"The lower port turns {turned.turned:,} of {counted(turned.flows, 'TCP flow')} round "
        f"({percent(turned.share)}), by their handshakes: {counted(turned.keys_before, 'flow key')} instead of "
        f"{turned.keys_after:,}. These rules in place of the {rules} below go by evidence before ports, and change at "
        f"least the keys of those flows. They cost more: {PRICE}."
    )


def _port(port: int) -> str:
    name = port_name(port)
    return f"port {port} ({name})" if name else f"port {port}"


def percent(share: float) -> str:
    """Return a share, 0 to 1, in percent; only a share of 0 is written as 0 %."""
    return "less than 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"
