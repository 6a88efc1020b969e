"""Custom actions are tried on packets that are likely to matter to them, because nothing can be proven about them.

Likely ports and addresses are those in the attributes of an action and among the constants of its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final

from shodohflo.rules.actions import Observed
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.analysis.check.model import Model, Pair
    from shodohflo.analysis.check.ports import Block

MOST: Final = 2_000
"""Packets tried for one rule; some tens of milliseconds if its action takes 10 µs."""

_PLACES: Final = 20
"""Pairs of zones tried for one rule."""

_PORTS: Final = (0, 22, 25, 53, 80, 123, 443, 1023, 1024, 3306, 5353, 5432, 8080, 8443, 49152, 65535)
_CLIENT: Final = 40000
_OTHER_CLIENT: Final = 50001


@dataclass(frozen=True, slots=True)
class Sampled:
    """The result of sampling one rule."""

    tried: int
    decided: Packet | None
    """The first packet that the rule decided, if any."""
    failed: Packet | None
    """The first packet for which its custom action raised or returned something malformed, if any."""


def sample(model: Model, rule: int, places: Sequence[tuple[Pair, Block]]) -> Sampled:
    """Try packets on `rule`, from the blocks that built-in rules before it leave over."""
    is_own = model.takes[rule].is_own
    tried, decided, failed = 0, None, None
    for packet in islice(likely_packets(model, places), MOST):
        tried += 1
        if model.decides(rule, packet):
            decided = decided or packet
        if rule in model.ask(packet).failed:
            failed = failed or packet
        if decided and (failed or not is_own):
            break
    return Sampled(tried, decided, failed)


def likely_packets(model: Model, places: Sequence[tuple[Pair, Block]]) -> Iterator[Packet]:
    """Yield packets that may matter to custom actions, about 50 from each place in turn."""
    spoken = list(_spoken(rule.action for rule in model.mapping.rules))
    addresses = [value for value in spoken if not isinstance(value, int)]
    ports = [value for value in spoken if isinstance(value, int)]
    every = [_packets_between(model, pair, block, addresses, ports) for pair, block in places[:_PLACES]]
    while every:
        for some in list(every):
            yield from islice(some, 50)
            if (packet := next(some, None)) is None:
                every.remove(some)
            else:
                yield packet


def _packets_between(
    model: Model, pair: Pair, block: Block, addresses: Sequence[IPv4Address | IPv6Address], ports: Sequence[int]
) -> Iterator[Packet]:
    """Yield packets of a pair of zones, those with ports that actions mention first."""
    version = pair.src.version
    known = [address for address in addresses if address.version == version]
    ends = list(product([*pair.src.examples, *known], [*reversed(pair.dst.examples), *known]))
    classes = [port for port in model.classes.lowest if _holds(model, block, port)]
    for port in dict.fromkeys([*ports, *classes, *_PORTS]):
        for src_port, dst_port in ((_CLIENT, port), (port, _CLIENT), (_OTHER_CLIENT, port), (port, port)):
            found = (Packet(src, src_port, dst, dst_port) for src, dst in ends)
            yield from (packet for packet in found if model.is_judged(packet))


def _holds(model: Model, block: Block, port: int) -> bool:
    return bool((block.src | block.dst) >> int(model.classes.of_port[port]) & 1)


def _spoken(actions: Iterable[object]) -> Iterator[int | IPv4Address | IPv6Address]:
    """Yield the ports and addresses that custom actions mention, also those inside `Observed`."""
    for action in (given.otherwise if isinstance(given, Observed) else given for given in actions):
        code = getattr(getattr(type(action), "match", None), "__code__", None)
        yield from _values([*vars(action).values()] if hasattr(action, "__dict__") else [])
        yield from _values(code.co_consts if code else ())


def _values(values: Iterable[Any], depth: int = 3) -> Iterator[int | IPv4Address | IPv6Address]:
    for value in values:
        match value:
            case bool():
                continue
            case int() if 0 <= value <= 65535:
                yield value
            case IPv4Address() | IPv6Address():
                yield value
            case str():
                try:
                    yield ip_address(value)
                except ValueError:
                    continue
            case tuple() | list() | set() | frozenset() if depth:
                yield from _values(value, depth - 1)
