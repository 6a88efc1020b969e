"""Cases of evidence: packets as text, and the verdict and the rung at moments between them.

`tests/data/evidence/*.txt` say how a line reads. Any `Judge` can be held against them: the plain ladder here, and the
columns once they are given the same packets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from reference.ladder import SECOND, Flow, Packet, Verdict
from reference.says import says
from shodohflo.model import TCP, UDP, End, Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shodohflo.model import Address

FILES: Final = Path(__file__).parents[1] / "data" / "evidence"

BEGIN: Final = 1_700_000_000 * SECOND
"""The time of second 0 of every case, in ns since 1970."""

_FLAGS: Final = {"SYN": 0x02, "SYNACK": 0x12, "ACK": 0x10, "DATA": 0x18, "RST": 0x04, "FIN": 0x11}
_RUNGS: Final = {rung.word: rung for rung in Rung} | {"otherwise": Rung.GUESSED, "tie": Rung.GUESSED}

_PACKET: Final = re.compile(r"(\S+) > (\S+) (tcp|udp) (.+)")
_TIMED: Final = re.compile(r"([0-9.]+) (\S+ > .+)")
_TIMES: Final = re.compile(r"([0-9]+) times: (.+), ([0-9]+) ms apart\.(.*)")
_ASKS: Final = re.compile(r"(\S+) (\S+) (tcp|udp) -> (\S+) by (.+)")
_EMPTY: Final = {"No flow, no entry of any table.": frozenset(), "No flow, no entry but openings.": {"openings"}}

MEMORIES: Final = ("openings", "flows", "services", "clients", "claims", "churned", "roles")


class Judge(Protocol):
    """Whoever decides about batches of packets: the plain ladder, or the columns."""

    def take_in(self, packets: Sequence[Packet]) -> dict[Flow, Verdict]:
        """Take in a batch; return what is written of each flow with payload in it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A flow, and what must be said of it at this moment."""

    flow: Flow
    client: End | None
    rung: Rung

    @property
    def expected(self) -> Verdict:
        """The verdict as a judge gives it."""
        return Verdict(None if self.client is None else 1 - self.flow.side_of(self.client), self.rung)


@dataclass(slots=True)
class Moment:
    """Packets, and what must hold after them."""

    packets: list[Packet] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    empty_but: frozenset[str] | None = None
    """The tables that may have entries, if the case says that no other has."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its heading, and its moments in order."""

    name: str
    moments: tuple[Moment, ...]

    def __str__(self) -> str:
        """Return the heading, which also names the tests."""
        return self.name


AddressPlans = dict[str, "Callable[[int], Address]"]

ADDRESS_PLANS: Final[AddressPlans] = {
    "rising": lambda number: IPv4Address(0x0A00_0001 + number),
    "falling": lambda number: IPv4Address(0x0AFF_FFFF - number),
    "ipv6": lambda number: IPv6Address((0xFD00 << 112) + 0xFFFF - number),
}
"""Addresses for the names of a case, by their order; which end is side 0 depends on them, and no verdict may."""


def batches(packets: Sequence[Packet], size: int | None) -> Iterator[Sequence[Packet]]:
    """Yield `packets` in batches of `size`, or at once."""
    size = size or max(len(packets), 1)
    for start in range(0, len(packets), size):
        yield packets[start : start + size]


def cases(addressing: str = "rising") -> list[Case]:
    """Return all cases of all files, in order."""
    texts = [(FILES / name).read_text(encoding="utf-8") for name in ("cases.txt", "attacks.txt")]
    return [_Reader(ADDRESS_PLANS[addressing]).case(text) for whole in texts for text in whole.split("\n## ")[1:]]


class _Reader:
    """Reads one case: names become addresses, openings get their numbers."""

    def __init__(self, address: Callable[[int], Address]) -> None:
        self._address = address
        self._named: dict[str, Address] = {}
        self._numbers: dict[tuple[End, End], int] = {}
        self._now = 0.0

    def case(self, text: str) -> Case:
        """Return the case that `text` states, from its heading on."""
        heading, *lines = text.splitlines()
        if re.search(r"\d+\.\d+\.\d+\.\d+:", text):
            self._address = ADDRESS_PLANS["rising"]  # it names an address of IPv4
        moments = [Moment()]
        for line in filter(None, (re.split(r"(?:^|\s)#\s", each)[0].strip() for each in lines)):
            asks = _ASKS.fullmatch(line)
            if not asks and line not in _EMPTY and (moments[-1].asks or moments[-1].empty_but is not None):
                moments.append(Moment())
            if asks:
                moments[-1].asks.append(self._asked(*asks.groups()))
            elif line in _EMPTY:
                moments[-1].empty_but = frozenset(_EMPTY[line])
            else:
                self._read(line, moments[-1])
        return Case(heading, tuple(moments))

    def _read(self, line: str, moment: Moment) -> None:
        timed, times = _TIMED.fullmatch(line), _TIMES.fullmatch(line)
        if timed:
            self._now = float(timed[1])
            moment.packets.append(self._packet(timed[2]))
            return
        assert times, f"no line of a case: {line}"
        for i in range(int(times[1])):
            for packet in times[2].split(", "):
                text = re.sub(r"([0-9]+)\+i", lambda port: str(int(port[1]) + i), packet)  # noqa: B023 - used at once
                moment.packets.append(self._packet(text))
            self._now += int(times[3]) / 1000
        if times[4].strip():
            moment.empty_but = frozenset(_EMPTY[times[4].strip()])

    def _asked(self, one: str, two: str, protocol: str, client: str, rung: str) -> Ask:
        ends = self._end(one, protocol), self._end(two, protocol)
        return Ask(Flow.between(*ends), None if client == "none" else self._end(client, protocol), _RUNGS[rung])

    def _packet(self, text: str) -> Packet:
        parts = _PACKET.fullmatch(text)
        assert parts, f"no packet of a case: {text}"
        src, dst = self._end(parts[1], parts[3]), self._end(parts[2], parts[3])
        ends = (BEGIN + round(self._now * 1e6) * 1000, src.address, src.port, dst.address, dst.port)
        if parts[3] == "udp":
            payload = b"" if parts[4] == "-" else bytes.fromhex(parts[4])
            return Packet(*ends, UDP, says=says(payload, src.port, dst.port))
        word, *rest = parts[4].split()
        given = int(rest[0][1:]) if rest and rest[0][0] == "#" else None
        return Packet(*ends, TCP, _FLAGS[word.rstrip("!")], self._number(word, src, dst, given))

    def _number(self, word: str, src: End, dst: End, given: int | None) -> int:
        """Return the number of an opening: a SYN's is new, a SYN-ACK's that of the SYN before, unless marked wrong."""
        if word == "SYN":
            self._numbers[src, dst] = 1000 * (len(self._numbers) + 1) if given is None else given
            return self._numbers[src, dst]
        if not word.startswith("SYNACK"):
            return 0
        return (self._numbers.get((dst, src), 7) if given is None else given) + word.endswith("!")

    def _end(self, text: str, protocol: str) -> End:
        name, _, port = text.rpartition(":")
        if name not in self._named:
            literal = re.fullmatch(r"[0-9.]+", name)
            self._named[name] = ip_address(name) if literal else self._address(len(self._named))
        return End(self._named[name], {"tcp": TCP, "udp": UDP}[protocol], int(port))
