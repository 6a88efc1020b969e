"""What can be found in a configuration: every kind with its code, its level and its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.rules.packet import Packet


class Level(StrEnum):
    """How much a finding matters, most first."""

    ERROR = "error"
    """The configuration can't be used."""
    WARNING = "warning"
    """It can be used, and is most probably not what was meant."""
    NOTE = "note"
    """It may well be meant; better know it."""


class Code(StrEnum):
    """The kinds of finding. A code never changes its meaning: configurations name it to accept what it finds."""

    level: Level
    explanation: str
    remedy: str

    def __new__(cls, word: str, level: Level, explanation: str, remedy: str) -> Self:
        """Be `word`, and know how much it matters, what it means and what to do."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.level, member.explanation, member.remedy = level, explanation, remedy
        return member

    UNUSABLE = (
        "UNUSABLE",
        Level.ERROR,
        (
            "The configuration can't be loaded: it is no Python, raises an exception, or says something that the "
            "language of networks and rules doesn't know. The sentence names the entry or the setting."
        ),
        "The sentence says what would be right. An error can't be accepted.",
    )
    SHADOWED_PREFIX = (
        "SHADOWED-PREFIX",
        Level.WARNING,
        (
            "All addresses of a prefix belong to entries of other networks that stand before it, so that no address "
            "is ever found there. An address belongs to the first entry that holds it. The usual way into this is "
            "OUR_4NETS before a host that our networks hold."
        ),
        "Move the entry before those that the sentence names.",
    )
    REDUNDANT_PREFIX = (
        "REDUNDANT-PREFIX",
        Level.NOTE,
        "All addresses of a prefix already belong to the same network. Leaving it out changes nothing.",
        "Leave it out.",
    )
    DEAD_RULE = (
        "DEAD-RULE",
        Level.WARNING,
        (
            "No packet there can be is ever decided by this rule: earlier rules take all of its packets, or no "
            "address is in one of its networks, or no packet goes from the one to the other, or its action never has "
            "an opinion. This is proven, for all addresses of both families and all ports."
        ),
        (
            "Move the rule before those that the sentence names, or its network before those that swallow it; else "
            "delete the rule."
        ),
    )
    UNPROVEN_RULE = (
        "UNPROVEN-RULE",
        Level.NOTE,
        (
            "Operators' own actions can only be asked, not proven: of many packets that were tried, none was decided "
            "by this rule, because it is an own action without an opinion on them, or because one before it took "
            "them."
        ),
        "Try it with packets of which you know that they are meant: `shodohflo rules CONFIG CAPTURE`.",
    )
    FAILING_ACTION = (
        "FAILING-ACTION",
        Level.WARNING,
        (
            "An operator's own action raised an exception, or gave an answer that is none, when it was asked about a "
            "packet that it may well meet. Such answers count as no opinion. Found by sampling."
        ),
        "Let the action answer None, (client, service, port), or (None, None, None), for every packet.",
    )
    SPOOFABLE_DROP = (
        "SPOOFABLE-DROP",
        Level.WARNING,
        (
            "A rule drops by the source port, and the source is an outsider, who can choose that port. Sending from "
            "it hides whatever is sent, also what the rule isn't about. Outsiders are all addresses outside our "
            "networks, except those that an entry names one by one, as /32 or /128."
        ),
        (
            "Drop by the port of your own end; or name the few hosts that you do expect to answer from that port, and"
            " drop only what comes from those."
        ),
    )
    ONE_WAY_DROP = (
        "ONE-WAY-DROP",
        Level.NOTE,
        (
            "A rule drops packets, while packets the other way round, with the same addresses and ports, would be "
            "recorded as a flow. Only received packets are seen, so this matters only where the agent receives both "
            "directions: on a router, a bridge, a span port or the loopback interface."
        ),
        "If both directions are received, add a rule for the other one, with source and destination exchanged.",
    )
    UNCOVERED_PAIR = (
        "UNCOVERED-PAIR",
        Level.NOTE,
        (
            "No rule has an opinion on packets between these networks, so they are counted as `unmatched.no_rule` and"
            " not recorded. For third parties that is as it should be."
        ),
        "If they should be recorded, add a rule for the pair at the end.",
    )
    UNUSED_NETWORK = (
        "UNUSED-NETWORK",
        Level.NOTE,
        (
            "No rule names this network. Rules with None apply to it nevertheless, and an entry may well stand only "
            "to take addresses out of those after it. Networks that hold everything else, with a prefix of length 0, "
            "are not told about."
        ),
        "Delete it, or leave it if its addresses should not belong to an entry after it.",
    )
    MISSING_FAMILY = (
        "MISSING-FAMILY",
        Level.NOTE,
        (
            "Addresses of one family are in no network, where the other family is covered. Their packets are "
            "unmatched before any rule: the usual way to lose sight of IPv6."
        ),
        "Name the prefixes of that family in the same entries: '::/0' beside '0.0.0.0/0', OUR_6NETS beside OUR_4NETS.",
    )
    UNBOUND_NETWORKS = (
        "UNBOUND-NETWORKS",
        Level.NOTE,
        (
            "OUR_4NETS or OUR_6NETS stands in NETWORK_ENUMERATION and none of our networks is of that family. Then it"
            " stands for 127.0.0.0/24 or fc00::/7."
        ),
        "Name our networks of that family with --our-nets.",
    )
    UNKNOWN_SETTING = (
        "UNKNOWN-SETTING",
        Level.WARNING,
        "The file assigns a capitalised name that is no setting, of this agent or of its siblings. Nothing reads it.",
        "Spell it as the sentence suggests; write names of your own in lower case, or with a leading underscore.",
    )
    STALE_ACCEPTANCE = (
        "STALE-ACCEPTANCE",
        Level.NOTE,
        "ACCEPTED_FINDINGS accepts something that is not found, or not any more, or not with these networks.",
        "Delete it there, so that the same finding is told when it comes again.",
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found."""

    code: Code
    place: str
    """What it is about: `FLOW_MAPPING[2]`, `NETWORK_ENUMERATION[1]`, a pair of networks, a setting."""
    sentence: str
    witness: Packet | None = None
    """A packet that shows it."""
    outcome: str = ""
    """What becomes of the witness."""
    where: str = ""
    """Where the place stands, as `file:line:column`, if it is known."""

    @property
    def level(self) -> Level:
        """How much it matters."""
        return self.code.level

    @property
    def label(self) -> str:
        """How ACCEPTED_FINDINGS names it."""
        return f"{self.code} {self.place}"

    def as_dict(self) -> dict[str, str | None]:
        """Return the finding as JSON takes it."""
        return {
            "level": self.level,
            "code": self.code,
            "place": self.place,
            "where": self.where or None,
            "sentence": self.sentence,
            "witness": self.witness.to_text() if self.witness else None,
            "outcome": self.outcome or None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found, what matters most first."""

    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, str], ...] = ()
    """What the configuration accepts, each with the reason it gives."""

    @classmethod
    def sort_out(cls, found: list[Finding], accepted: Mapping[str, str]) -> Report:
        """Set aside what is `accepted`, and add a note for what is accepted in vain."""
        missed = [label for label in accepted if label not in {finding.label for finding in found}]
        stale = [
            Finding(Code.STALE_ACCEPTANCE, "ACCEPTED_FINDINGS", f"{label!r} is accepted and not found")
            for label in missed
        ]
        levels = list(Level)
        told = sorted([*found, *stale], key=lambda finding: levels.index(finding.level))
        return cls(
            tuple(finding for finding in told if finding.label not in accepted),
            tuple((finding, accepted[finding.label]) for finding in told if finding.label in accepted),
        )

    @property
    def worst(self) -> Level | None:
        """The level that matters most, of what is not accepted."""
        return self.findings[0].level if self.findings else None
