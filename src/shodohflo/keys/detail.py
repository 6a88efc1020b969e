"""The `detail` hash of a flow: the names of its fields, and `FlowDetail`, which a reader gets from it.

The field names are defined only here: the script of `store.write_script` is built from them, and
`FlowDetail.from_fields` reads them. 3 UDP packets with 200 bytes, decided by rule 1 because the datagrams themselves
ask and answer, and seen by the agent `bert`, become these fields of `detail;10.0.0.1;8.8.8.8;53`:

    packets.udp  3           first       1700000000.250000     rule      FLOW_MAPPING[1]
    octets.udp   200         last        1700000009.500000     sentence  the lower port is the service
                             agent.bert  1700000009.500000     evidence  bits

A further row adds to `packets.` and `octets.`, keeps the earliest `first` and the latest `last`, and replaces `rule`,
`sentence` and `evidence` unless the hash has a later `last`. Where packets were first counted the other way round and
then moved here, `corrected` has the time of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from shodohflo.keys.values import is_protocol, parse_count, parse_text, parse_time
from shodohflo.model import RUNGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


FIRST: Final = "first"
"""When the first packet was received: seconds since 1970 with six decimals."""

LAST: Final = "last"
"""When the last packet was received: seconds since 1970 with six decimals."""

RULE: Final = "rule"
"""The rule that decided the row with the latest `last`, such as `FLOW_MAPPING[3]`."""

SENTENCE: Final = "sentence"
"""The description of that rule in the configuration of that time; may be empty."""

EVIDENCE: Final = "evidence"
"""What said which end is the service, for the row with the latest `last`: the word of a `Rung`."""

CORRECTED: Final = "corrected"
"""When packets were last moved here from the flow with client and service swapped: seconds with six decimals."""

PACKETS: Final = "packets."
"""Prefix of the packet counts by protocol, such as `packets.udp`."""

OCTETS: Final = "octets."
"""Prefix of the byte counts by protocol, such as `octets.udp`."""

SEEN_BY: Final = "agent."
"""Prefix of the time at which each agent last saw the flow, such as `agent.bert`."""


def rung_word(number: int) -> str:
    """Return the word of the `Rung` with this number; empty if there is none."""
    return _RUNG_WORDS.get(number, "")


def seconds_text(nanoseconds: int) -> str:
    """Return a time in ns since 1970 as seconds with six decimals, cut off below the microsecond."""
    return f"{nanoseconds // 10**9}.{nanoseconds // 1000 % 10**6:06d}"


@dataclass(frozen=True, slots=True)
class ProtocolSum:
    """Packets and bytes of a flow by one protocol."""

    protocol: str
    """`tcp` or `udp`."""
    packets: int
    """Packets of the flow by this protocol."""
    octets: int
    """Bytes of the network layer, headers included."""


class FlowDetail(NamedTuple):
    """The content of a `detail` hash; a field that is missing or malformed is `None` or empty."""

    # A reader makes a million of them, for a moment each: a named tuple is made three times as fast as a dataclass.

    first: float | None
    """Seconds since 1970, as is `last`."""
    last: float | None
    protocols: tuple[ProtocolSum, ...]
    rule: str
    """The rule that decided the row with the latest `last`, such as `FLOW_MAPPING[3]`."""
    sentence: str
    agents: tuple[str, ...]
    malformed: int = 0
    """Fields of ours that were left out, because their values are out of bounds."""
    evidence: str = ""
    """What said which end is the service, for the row with the latest `last`: the word of a `Rung`."""
    corrected: float | None = None
    """When packets were last moved here from the flow with client and service swapped, in seconds since 1970."""

    @property
    def octets(self) -> int | None:
        """Return the bytes of all protocols together, or `None` if no protocol is known."""
        if len(self.protocols) == 1:  # nearly always
            return self.protocols[0].octets
        return sum(protocol.octets for protocol in self.protocols) if self.protocols else None

    @classmethod
    def from_fields(cls, detail: Mapping[str, str]) -> Self:
        """Parse the fields of one hash; skip unknown fields and bad values, because any program may write to it."""
        told: dict[str, Any] = {FIRST: None, LAST: None, RULE: "", SENTENCE: "", EVIDENCE: "", CORRECTED: None}
        packets, octets, agents = dict[str, int](), dict[str, int](), list[str]()
        malformed = 0
        for name, value in detail.items():
            if parse_text(name) is None:
                continue  # nor is it remembered
            prefix, rest = _split(name)
            if prefix in _COUNTED and _is_protocol(rest):
                count = parse_count(value)
                malformed += count is None
                if count is not None:
                    (packets if prefix == PACKETS else octets)[rest] = count
            elif prefix == SEEN_BY:
                agents.append(rest)
            elif prefix or name not in told:
                malformed += prefix in _COUNTED
            elif (parsed := _PARSERS[name](value)) is None:
                malformed += 1
            else:
                told[name] = parsed
        protocols = [ProtocolSum(name, packets[name], octets.get(name, 0)) for name in sorted(packets)]
        seen_by = tuple(sorted(agents))
        return cls(
            told[FIRST],
            told[LAST],
            tuple(protocols),
            told[RULE],
            told[SENTENCE],
            seen_by,
            malformed,
            told[EVIDENCE],
            told[CORRECTED],
        )


@lru_cache(maxsize=1024)
def _split(name: str) -> tuple[str, str]:
    """Return the prefix and the rest of the name of a field, the prefix empty if it has none of ours."""
    for prefix in (PACKETS, OCTETS, SEEN_BY):
        if name.startswith(prefix):
            return prefix, name.removeprefix(prefix)
    return "", name


def shared(text: str) -> str | None:
    """Return `text`, or None if it is too long; equal texts are one object, for a million flows have a few rules."""
    return None if parse_text(text) is None else _remembered(text)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> str:
    return text


_RUNG_WORDS: Final = {int(rung): word for word, rung in RUNGS.items()}

_is_protocol: Final = lru_cache(maxsize=1024)(is_protocol)


def parse_evidence(text: str) -> str | None:
    """Return `text` if it is the word of a `Rung`, or None."""
    return text if text in RUNGS or not text else None


_COUNTED: Final = (PACKETS, OCTETS)
_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    FIRST: parse_time,
    LAST: parse_time,
    RULE: shared,
    SENTENCE: shared,
    EVIDENCE: parse_evidence,
    CORRECTED: parse_time,
}
"""The parser of each field that is there once."""
