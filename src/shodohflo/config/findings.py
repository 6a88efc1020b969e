"""The kinds of finding about a configuration, each with its code, level, explanation and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.rules.packet import Packet


class Level(StrEnum):
    """The severity of a finding, most serious first."""

    ERROR = "error"
    """The configuration cannot be used."""
    WARNING = "warning"
    """The configuration can be used, but is most probably not what was intended."""
    NOTE = "note"
    """This may be intended, but the operator should know."""


class Code(StrEnum):
    """The kinds of finding. The meaning of a code never changes, because configurations accept findings by code."""

    level: Level
    explanation: str
    remedy: str

    def __new__(cls, word: str, level: Level, explanation: str, remedy: str) -> Self:
        """Create the member `word` with its level, explanation and remedy."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.level, member.explanation, member.remedy = level, explanation, remedy
        return member

    UNUSABLE = (
        "UNUSABLE",
        Level.ERROR,
        (
            "The configuration cannot be loaded: it is not valid Python, raises an exception, or has an invalid "
            "network, rule or setting. The sentence names the entry or the setting."
        ),
        "Correct it as the sentence says. An error cannot be accepted.",
    )
    SHADOWED_PREFIX = (
        "SHADOWED-PREFIX",
        Level.WARNING,
        (
            "Earlier entries hold all addresses of a prefix, and at least one of these entries is of another network. "
            "An address belongs to the first entry that holds it, so no address is attributed to this prefix. The "
            "usual cause is OUR_4NETS before a host inside our networks."
        ),
        "Move the entry before those that the sentence names.",
    )
    REDUNDANT_PREFIX = (
        "REDUNDANT-PREFIX",
        Level.NOTE,
        "All addresses of a prefix already belong to the same network. Removing the prefix changes nothing.",
        "Remove the prefix.",
    )
    DEAD_RULE = (
        "DEAD-RULE",
        Level.WARNING,
        (
            "The rule cannot decide any packet: earlier rules take all of its packets, or no address is in one of its "
            "networks, or the two networks have no address family in common, or SUPPRESS_OWN_NETWORK leaves out all "
            "of its packets, or its action never has an opinion. This is proven, for all addresses of both families "
            "and all ports."
        ),
        (
            "Move the rule before those that the sentence names, or its network before those that swallow it, or "
            "delete the rule."
        ),
    )
    UNPROVEN_RULE = (
        "UNPROVEN-RULE",
        Level.NOTE,
        (
            "Nothing can be proven about custom actions, so many packets were tried, and this rule decided none of "
            "them: its custom action had no opinion, or the custom action of an earlier rule decided first."
        ),
        "Try the rule on a capture with packets that it should decide: `shodohflo rules CONFIG CAPTURE`.",
    )
    FAILING_ACTION = (
        "FAILING-ACTION",
        Level.WARNING,
        (
            "A custom action raised an exception or returned a malformed answer for a likely packet. Both are treated "
            "as no opinion. Found by sampling."
        ),
        "Let the action return None, (client, service, port), or (None, None, None) for every packet.",
    )
    SPOOFABLE_DROP = (
        "SPOOFABLE-DROP",
        Level.WARNING,
        (
            "A rule drops by source port packets from outsiders, who can choose that port. An outsider who sends from "
            "it hides packets that the rule is not meant for. Outsiders are all addresses outside our networks, "
            "except those that an entry names one by one, as /32 or /128."
        ),
        (
            "Drop by the port of your own end. Or name the few hosts that you expect to answer from that port, and "
            "drop only their packets."
        ),
    )
    ONE_WAY_DROP = (
        "ONE-WAY-DROP",
        Level.NOTE,
        (
            "A rule drops packets, but packets in the other direction, with the same addresses and ports, would be "
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
            " not recorded. For packets between third parties this is usually intended."
        ),
        "If they should be recorded, add a rule for the pair at the end.",
    )
    UNUSED_NETWORK = (
        "UNUSED-NETWORK",
        Level.NOTE,
        (
            "No rule names this network. Rules with None still apply to it, and the entry may be there only to take "
            "addresses out of later entries. Networks with a prefix of length 0, which hold everything else, are not "
            "reported."
        ),
        "Delete the entry, or keep it if its addresses must not belong to a later entry.",
    )
    MISSING_FAMILY = (
        "MISSING-FAMILY",
        Level.NOTE,
        (
            "Addresses of one family are in no network: no entry names that family, or not all of its addresses are "
            "covered while all addresses of the other family are. Their packets are unmatched before any rule is "
            "tried. This is the usual reason why IPv6 is not recorded."
        ),
        "Name the prefixes of that family in the same entries: '::/0' beside '0.0.0.0/0', OUR_6NETS beside OUR_4NETS.",
    )
    UNBOUND_NETWORKS = (
        "UNBOUND-NETWORKS",
        Level.NOTE,
        (
            "NETWORK_ENUMERATION contains OUR_4NETS or OUR_6NETS, but none of our networks is of that family. It then"
            " stands for 127.0.0.0/24 or fc00::/7."
        ),
        "Name our networks of that family with --our-nets.",
    )
    FORGOTTEN_LENGTH = (
        "FORGOTTEN-LENGTH",
        Level.WARNING,
        (
            "NETWORK_ENUMERATION or IGNORE_FLOW has an address that looks like that of a network, because it ends in "
            "zeros, but no prefix length. It stands for that single address."
        ),
        "Write the length: that of the network, or /32 or /128 if the single address is meant.",
    )
    UNKNOWN_SETTING = (
        "UNKNOWN-SETTING",
        Level.WARNING,
        "The file assigns a capitalised name that is not a setting of this agent or its siblings. Nothing reads it.",
        "Spell it as the sentence suggests. Write names of your own in lower case, or with a leading underscore.",
    )
    STALE_ACCEPTANCE = (
        "STALE-ACCEPTANCE",
        Level.NOTE,
        "ACCEPTED_FINDINGS accepts a finding that is not found, or no longer, or not with these networks.",
        "Delete the acceptance, so that the finding is reported if it comes back.",
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement about a configuration, with its place."""

    code: Code
    place: str
    """Its subject: `FLOW_MAPPING[2]`, `NETWORK_ENUMERATION[1]`, a pair of networks, a setting."""
    sentence: str
    witness: Packet | None = None
    """A packet that demonstrates it."""
    outcome: str = ""
    """The outcome of the witness."""
    where: str = ""
    """The position of the place, as `file:line:column`; empty if unknown."""

    @property
    def level(self) -> Level:
        """The level of its code."""
        return self.code.level

    @property
    def label(self) -> str:
        """The key by which ACCEPTED_FINDINGS names it."""
        return f"{self.code} {self.place}"

    def as_dict(self) -> dict[str, str | None]:
        """Return the finding as an object for JSON."""
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
    """The findings about a configuration, most serious first."""

    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, str], ...] = ()
    """The findings that the configuration accepts, each with its reason."""

    @classmethod
    def sort_out(cls, found: list[Finding], accepted: Mapping[str, str]) -> Report:
        """Set aside the `accepted` findings, and add a note for each acceptance that matches no finding."""
        missed = [label for label in accepted if label not in {finding.label for finding in found}]
        stale = [
            Finding(Code.STALE_ACCEPTANCE, "ACCEPTED_FINDINGS", f"{label!r} is accepted but not found")
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
        """The most serious level of the findings that are not accepted; None without any."""
        return self.findings[0].level if self.findings else None
