"""The starting configuration, with comments, for a machine with given interfaces."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.analysis.suggest.draft import INDENT, PRICE, comment, entry_lines, import_lines, rule_code
from shodohflo.analysis.suggest.proposals import OURS, OUTSIDE, SPECIAL
from shodohflo.capture.live.interfaces import Interface, Wanted, our_networks
from shodohflo.config.known import KNOWN
from shodohflo.model import DST, SRC, Network
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, Assign, LowerPort, Observed, PortMatch
from shodohflo.rules.mapping import Rule
from shodohflo.rules.networks import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.rules.actions import Action


HOST: Final = "this_host"


_ELSEWHERE: Final = frozenset({"NETWORK_ENUMERATION", "FLOW_MAPPING", "USE_DNSPYTHON"})
"""Settings that the file sets elsewhere, or that have no effect."""


_DISCOVERY: Final = frozenset({137, 138, 1900, 3702, 5353, 5355})
"""NetBIOS, SSDP, WS-Discovery, mDNS, LLMNR (IANA "Service Name and Transport Protocol Port Number Registry")."""


_NAMES: Final = (
    *("DST", "OUR_4NETS", "OUR_6NETS", "SRC"),
    *("Assign", "FlowMapping", "LowerPort", "NetworkEnumeration", "Observed", "PortMatch"),
)


_FTP: Final = frozenset({20, 21})
"""FTP, data and control (RFC 959 section 3.2)."""


def starting_lines(interfaces: Sequence[Interface]) -> Iterator[str]:
    """Yield the lines of the configuration for a machine with these interfaces, or with none: for any machine."""
    ours = our_networks(Wanted().choose(interfaces).listened, interfaces)
    host = _host(interfaces, ours)
    yield from _head(interfaces, ours)
    yield ""
    yield from import_lines(_NAMES)
    yield ""
    yield "# An address belongs to the first entry that holds it: a host goes before the network around it."
    yield "NETWORK_ENUMERATION = NetworkEnumeration("
    if host.given:
        yield from comment("Uncomment this and its rules below to treat this machine separately from our networks.")
        yield from _commented_out(entry_lines(host))
    for entry in (*SPECIAL, Entry(OURS, (OUR_4NETS, OUR_6NETS)), _outside()):
        yield from entry_lines(entry)
    yield ")"
    yield ""
    yield "# The first rule that has an opinion decides: an exception goes before the general rule."
    yield "FLOW_MAPPING = FlowMapping("
    yield from _rules(with_host=bool(host.given))
    yield ")"
    yield ""
    yield from _settings()


def _head(interfaces: Sequence[Interface], ours: Iterable[Network]) -> Iterator[str]:
    options = " ".join(f"--our-nets {network}" for network in ours)
    yield "# A configuration to start from, written by `shodohflo init`. After each change:"
    yield "#"
    yield f"#     shodohflo check FILE {options}".rstrip()
    if not interfaces:
        return
    yield "#"
    yield "# This machine's interfaces; `shodohflo run` takes our networks from them, unless --our-nets names others."
    yield "#"
    for interface in interfaces:
        state = "" if interface.up else " (down)"
        addresses = ", ".join(map(str, interface.addresses)) or "no address"
        yield f"#     {ascii(interface.name)[1:-1]}{state}: {addresses}"


def _host(interfaces: Iterable[Interface], ours: Sequence[Network]) -> Entry:
    """Return an entry for this machine's addresses in our networks; a network of one address needs no entry."""
    larger = [network for network in ours if network.num_addresses > 1]
    addresses = {address.ip for interface in interfaces for address in interface.addresses}
    held = [address for address in addresses if any(address in network for network in larger)]
    held.sort(key=lambda address: (address.version, int(address)))
    return Entry(HOST, tuple(map(ip_network, held)))


def _outside() -> Entry:
    return Entry(OUTSIDE, (ip_network("0.0.0.0/0"), ip_network("::/0")))


def _rules(*, with_host: bool) -> Iterator[str]:
    yield from comment("Discovery between devices:")
    yield from _commented_out(
        [f"{INDENT}{rule_code(Rule(OURS, 'multicast', Assign(SRC, DST, _DISCOVERY, drop=True)))},"]
    )
    if with_host:
        yield from comment("Visitors of a web server on this machine, which keeps a log of its own:")
        yield from _commented_out([_rule(OUTSIDE, HOST, Assign(SRC, DST, {80, 443}, drop=True))])
        yield from comment("All other traffic of this machine:")
        yield from _commented_out([_rule(*rule) for rule in _both_ways(HOST)])
    yield from comment(
        "Active FTP: for each transfer, the server opens a connection from port 20 to a new port of the client. By its "
        "handshake, each is a service of its own, unless a rule before Observed says otherwise:"
    )
    yield from _commented_out([_rule(None, OURS, PortMatch(_FTP, SRC)), _rule(OURS, None, PortMatch(_FTP, DST))])
    yield from comment(
        "All traffic to and from our networks. Evidence names the service: handshakes, requests and responses, and "
        "what other flows have shown. Where there is none, the lower port does."
    )
    yield from comment(
        f"Beside LowerPort(SRC) and LowerPort(DST) alone, which always guess by the ports, Observed costs: {PRICE}."
    )
    yield from (_rule(*rule) for rule in _both_ways(OURS))


def _both_ways(network: str) -> tuple[tuple[str | None, str | None, Action], ...]:
    """Return the rules for what is sent to a network and from it."""
    return (None, network, Observed(LowerPort(SRC))), (network, None, Observed(LowerPort(DST)))


def _rule(src: str | None, dst: str | None, action: Action) -> str:
    return f"{INDENT}{rule_code(Rule(src, dst, action))},"


def _settings() -> Iterator[str]:
    yield "# Other settings, with their defaults:"
    yield "#"
    for setting in KNOWN.values():
        if setting.name not in _ELSEWHERE:
            text = f"{setting.name} ({setting.default.replace('`', '')}): {setting.meaning.replace('`', '')}"
            yield from (line.removeprefix(INDENT) for line in comment(text))


def _commented_out(lines: Iterable[str]) -> Iterator[str]:
    """Yield `lines` commented out, with `#` at the indentation of the code."""
    return (f"{INDENT}# {line.removeprefix(INDENT)}" for line in lines)
