"""The ladder of evidence: which evidence is asked, in which order. This is the only place where it is stated.

The first rung that has an answer decides; a tie is no answer. There are no probabilities, and no rung asks who was
seen first. Each rung has a plain form, which answers for one flow, and a column form, which answers for all flows of a
batch at once. The plain form is the specification; a property test checks that they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.handshakes import Own
from shodohflo.attribution.evidence.known import CLIENT, SERVICE
from shodohflo.attribution.evidence.sides import Service, only, only_one
from shodohflo.model import Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.facts import Facts, FlowFacts, OfEnds

_OF_OWN: Final = np.array([Service.UNKNOWN, Service.SIDE_0, Service.SIDE_1, Service.UNKNOWN], np.uint8)


@dataclass(frozen=True, slots=True)
class RungRow:
    """One row of the ladder."""

    rung: Rung
    sentence: str
    """What it takes as evidence, for the reference page."""
    plain: Callable[[FlowFacts], Service]
    """Which side of one flow is the service, by this evidence alone."""
    columns: Callable[[Facts], NDArray[np.uint8]]
    """The same for several flows, a `Service` for each."""


def _by_own(facts: FlowFacts, *, tcp: bool) -> Service:
    return Service(_OF_OWN[facts.own]) if facts.is_tcp == tcp else Service.UNKNOWN


def _by_own_columns(facts: Facts, *, tcp: bool) -> NDArray[np.uint8]:
    return np.where(facts.is_tcp == tcp, _OF_OWN[facts.own], np.uint8(Service.UNKNOWN))


def _by_marks(marks: OfEnds) -> Service:
    """Return the end that alone is a service and no client, else the other of one that alone is a client only."""
    services = only_one(marks.side_0 == SERVICE, marks.side_1 == SERVICE)
    return services or only_one(marks.side_1 == CLIENT, marks.side_0 == CLIENT)


def _by_marks_columns(facts: Facts, fact: str) -> NDArray[np.uint8]:
    services, clients = _by_either_mark(facts, fact)
    return np.where(services != Service.UNKNOWN, services, clients)


def _by_either_mark(facts: Facts, fact: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the ends that alone are a service only, and the others of those that alone are a client only."""
    marks = [facts.about(fact, side) for side in (0, 1)]
    return only(marks[0] == SERVICE, marks[1] == SERVICE), only(marks[1] == CLIENT, marks[0] == CLIENT)


def _by_clients_first(marks: OfEnds) -> Service:
    """Return the other of an end that alone is a client only, else the end that alone is a service only."""
    clients = only_one(marks.side_1 == CLIENT, marks.side_0 == CLIENT)
    return clients or only_one(marks.side_0 == SERVICE, marks.side_1 == SERVICE)


def _by_flag(facts: Facts, fact: str) -> NDArray[np.uint8]:
    return only(facts.about(fact, 0) != 0, facts.about(fact, 1) != 0)


def _own_socket(facts: FlowFacts) -> Service:
    if facts.same_port and not facts.is_tcp:
        # Who asks from the port of the service, as NTP and IKE do, has a socket that looks like a service's.
        return Service.UNKNOWN
    return _by_marks(facts.sockets)


def _own_socket_columns(facts: Facts) -> NDArray[np.uint8]:
    service = _by_marks_columns(facts, "sockets")
    service[facts.same_port & ~facts.is_tcp] = Service.UNKNOWN
    return service


def _known(facts: FlowFacts) -> Service:
    if facts.own == Own.CONTRADICTION:
        return Service.UNKNOWN
    return _by_marks(facts.known)


def _known_columns(facts: Facts) -> NDArray[np.uint8]:
    service = _by_marks_columns(facts, "known")
    service[facts.own == Own.CONTRADICTION] = Service.UNKNOWN
    return service


def _claimed(facts: FlowFacts) -> Service:
    if facts.own == Own.CONTRADICTION or any(facts.known):
        return Service.UNKNOWN
    return _by_marks(facts.claims)


def _claimed_columns(facts: Facts) -> NDArray[np.uint8]:
    service = np.zeros(len(facts.own), np.uint8)
    silent = (facts.about("known", 0) == 0) & (facts.about("known", 1) == 0) & (facts.own != Own.CONTRADICTION)
    service[silent] = _by_marks_columns(facts.keep(silent), "claims")
    return service


def _roles(facts: FlowFacts) -> Service:
    return _by_clients_first(facts.roles) if facts.is_two_way else Service.UNKNOWN


def _roles_columns(facts: Facts) -> NDArray[np.uint8]:
    services, clients = _by_either_mark(facts, "roles")
    found = np.where(clients != Service.UNKNOWN, clients, services)
    return np.where(facts.is_two_way, found, np.uint8(Service.UNKNOWN))


def _churn(facts: FlowFacts, *, two_way: bool) -> Service:
    if not facts.is_tcp or facts.is_two_way != two_way:
        return Service.UNKNOWN
    return only_one(*map(bool, facts.churned if two_way else facts.churned_one_way))


def _churn_columns(facts: Facts, *, two_way: bool) -> NDArray[np.uint8]:
    asked = facts.is_tcp & (facts.is_two_way == two_way)
    service = np.zeros(len(asked), np.uint8)
    service[asked] = _by_flag(facts.keep(asked), "churned" if two_way else "churned_one_way")
    return service


LADDER: Final = (
    RungRow(
        Rung.OWN_SOCKET,
        "one end is a socket of this host: it listens, or is bound for others to ask, and is the service; or it is "
        "connected to exactly the other end and nothing listens there, and is the client; but not of datagrams between "
        "equal ports, where a socket that is bound may ask too",
        plain=_own_socket,
        columns=_own_socket_columns,
    ),
    RungRow(
        Rung.GROUP,
        "one end is a multicast group or a broadcast address (UDP): it is the service",
        plain=lambda facts: Service.UNKNOWN if facts.is_tcp else only_one(*map(bool, facts.groups)),
        columns=lambda facts: np.where(facts.is_tcp, np.uint8(Service.UNKNOWN), _by_flag(facts, "groups")),
    ),
    RungRow(
        Rung.HANDSHAKE,
        "the flow's own opening (TCP): the sender of a SYN-ACK is the service, and without one the sender of a SYN is "
        "the client",
        plain=partial(_by_own, tcp=True),
        columns=partial(_by_own_columns, tcp=True),
    ),
    RungRow(
        Rung.BITS,
        "the first bytes of the flow's own datagrams (UDP): one end asks, or the other answers",
        plain=partial(_by_own, tcp=False),
        columns=partial(_by_own_columns, tcp=False),
    ),
    RungRow(
        Rung.KNOWN,
        "other flows of the same end have shown, by handshake or bits, that it is a service, or a client; or by "
        "own sockets, that it is a service",
        plain=_known,
        columns=_known_columns,
    ),
    RungRow(
        Rung.CHURN,
        "one address used several of its ports with the same end, in conversations of which both directions were seen "
        "(TCP): that end is the service",
        plain=partial(_churn, two_way=True),
        columns=partial(_churn_columns, two_way=True),
    ),
    RungRow(
        Rung.LISTED,
        "one port, and only one, is listed: below 1024 for TCP, or in the list of ports of services",
        plain=lambda facts: only_one(*map(bool, facts.listed)),
        columns=partial(_by_flag, fact="listed"),
    ),
    RungRow(
        Rung.CLAIMED,
        "other flows of the same end have claimed, in one direction, that it is a service, or a client, and nothing "
        "better is known of either end; anybody can forge it",
        plain=_claimed,
        columns=_claimed_columns,
    ),
    RungRow(
        Rung.ROLES,
        "one address was only ever a client, or only ever a service, in flows that showed it (both directions seen)",
        plain=_roles,
        columns=_roles_columns,
    ),
    RungRow(
        Rung.ONE_WAY_CHURN,
        "as churn, where one direction was seen; anybody can forge it, so it stands last",
        plain=partial(_churn, two_way=False),
        columns=partial(_churn_columns, two_way=False),
    ),
)
"""Every rung, strongest first. Where none has an answer, the `otherwise` of the rule decides."""

PROOFS: Final = tuple(row for row in LADDER if row.rung.is_proof)
"""The rungs that correct what weaker ones have written."""

NO_EVIDENCE: Final = {
    Rung.GUESSED: "no evidence: the ports decided, by the `otherwise` of `Observed` or by a rule about ports",
    Rung.RULE: "the operator's word: a rule that looks at no port, or a custom action",
}
"""What stands below the ladder, in the words that people read."""


def climb(ladder: Sequence[RungRow], facts: Facts) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return for each flow the `Service` and the `Rung` of the first rung that has an answer, zeros where none has."""
    service, rung = np.zeros((2, len(facts.own)), np.uint8)
    left = np.arange(len(facts.own))
    for row in ladder:
        if not len(left):
            break
        answer = row.columns(facts)
        found = answer != Service.UNKNOWN
        service[left[found]], rung[left[found]] = answer[found], row.rung
        facts, left = facts.keep(~found), left[~found]
    return service, rung


def climb_plain(facts: FlowFacts) -> tuple[Service, Rung]:
    """Return what `climb` returns for the whole ladder, for one flow."""
    for row in LADDER:
        if service := row.plain(facts):
            return service, row.rung
    return Service.UNKNOWN, Rung.NONE
