"""The compiled own ends answer as the plain ones do; examples fix what the plain ones mean."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import ADDRESS
from shodohflo.columns.own_ends import ANY, NO_ENDS, OwnEnds, OwnEndsTable, OwnSpace, Saying, SocketEnds, own_space
from shodohflo.model import TCP, UDP, Address, End

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family

ADDRESSES: Final = [
    ip_address(text)
    for text in ("10.0.0.1", "10.0.0.2", "255.255.255.255", "0.0.0.1", "2001:db8::1", "2001:db8::100", "::1", "fe80::")
]
"""Some differ in one byte, some end with zero bytes, and some are numbers of the other family."""

addresses = st.sampled_from(ADDRESSES)
ports = st.sampled_from([0, 1, 22, 53, 40000, 65535])
ends = st.builds(End, addresses, st.sampled_from([TCP, UDP]), ports)
bound = st.builds(End, st.sampled_from([*ADDRESSES, *ANY.values()]), st.sampled_from([TCP, UDP]), ports)
spaces = st.builds(
    OwnSpace.of, st.lists(addresses, max_size=4), st.lists(bound, max_size=6), st.lists(ends, max_size=6)
)


def end(text: str, protocol: int, port: int) -> End:
    """Return an end."""
    return End(ip_address(text), protocol, port)


def in_batch(values: Sequence[Address], family: Family) -> NDArray[Any]:
    """Return addresses of `family` as the column of a batch."""
    if family == 4:
        return np.array([int(address) for address in values], ADDRESS[4])
    return np.array([address.packed for address in values], ADDRESS[6])


def asked(own: OwnEnds, wanted: Sequence[End], family: Family) -> list[int]:
    """Ask the compiled own ends about ends of `family`."""
    found: list[int] = (
        OwnEndsTable.compile(own)
        .find(
            family,
            in_batch([one.address for one in wanted], family),
            np.array([one.protocol for one in wanted], np.uint8),
            np.array([one.port for one in wanted], np.uint16),
        )
        .tolist()
    )
    return found


SERVER: Final = OwnEnds(
    (
        OwnSpace.of(
            [ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("2001:db8::1")],
            [end("0.0.0.0", TCP, 22), end("10.0.0.1", UDP, 53), end("::", TCP, 443)],
            [end("10.0.0.1", TCP, 40000), end("10.0.0.1", TCP, 22), end("2001:db8::1", UDP, 40001)],
        ),
    )
)


@pytest.mark.parametrize(
    ("asked_about", "saying"),
    [
        (end("10.0.0.1", TCP, 22), Saying.SERVICE),  # connected too: it was accepted
        (end("10.0.0.2", TCP, 22), Saying.SERVICE),
        (end("10.0.0.9", TCP, 22), Saying.NOTHING),  # not local
        (end("10.0.0.1", UDP, 22), Saying.NOTHING),
        (end("2001:db8::1", TCP, 22), Saying.NOTHING),  # an IPv4 listener
        (end("2001:db8::1", TCP, 443), Saying.SERVICE),
        (end("10.0.0.1", TCP, 443), Saying.NOTHING),  # an IPv6 listener
        (end("10.0.0.1", UDP, 53), Saying.SERVICE),
        (end("10.0.0.2", UDP, 53), Saying.NOTHING),  # bound to the other address
        (end("10.0.0.1", TCP, 40000), Saying.CLIENT),
        (end("10.0.0.2", TCP, 40000), Saying.NOTHING),
        (end("2001:db8::1", UDP, 40001), Saying.CLIENT),
        (end("0.0.0.0", TCP, 22), Saying.NOTHING),  # the wildcard itself is no address of a packet
    ],
)
def test_an_end_is_what_the_socket_that_has_it_is(asked_about: End, saying: Saying) -> None:
    """A listener is a service at the addresses it has, and a connected socket without listener is a client."""
    family: Family = 4 if asked_about.address.version == 4 else 6

    assert SERVER.says(asked_about) is saying
    assert asked(SERVER, [asked_about], family) == [saying]


@given(st.lists(spaces, max_size=3), st.lists(ends, max_size=20))
def test_the_compiled_form_agrees_with_the_plain_one(own: list[OwnSpace], wanted: list[End]) -> None:
    """Compiling changes the speed of an answer, never the answer."""
    plain = OwnEnds(tuple(own))
    families: tuple[Family, ...] = (4, 6)
    for family in families:
        chosen = [one for one in wanted if one.address.version == family]

        assert asked(plain, chosen, family) == [plain.says(one) for one in chosen]


def test_namespaces_that_contradict_each_other_say_nothing() -> None:
    """An end that is a service in one namespace and a client in another one of the same address says nothing."""
    one = end("10.0.0.1", TCP, 80)
    serving = OwnSpace.of([one.address], [one], [])
    asking = OwnSpace.of([one.address], [], [one])

    assert asked(OwnEnds((serving, asking)), [one], 4) == [Saying.NOTHING]
    assert asked(OwnEnds((serving, serving)), [one], 4) == [Saying.SERVICE]
    assert asked(OwnEnds((OwnSpace.of([], [], []), asking)), [one], 4) == [Saying.CLIENT]


def test_a_host_without_namespaces_or_addresses_says_nothing() -> None:
    """What could not be read says nothing of anything."""
    one = end("10.0.0.1", TCP, 80)

    assert asked(OwnEnds(), [one], 4) == [Saying.NOTHING]
    assert asked(OwnEnds((OwnSpace.of([], [end("0.0.0.0", TCP, 80)], []),)), [one], 4) == [Saying.NOTHING]


@given(st.lists(bound))
def test_distinct_ends_are_the_same_in_whatever_order_they_were(rows: list[End]) -> None:
    """Each end stays once, and equal sets of ends make equal rows."""
    found = SocketEnds.from_objects(rows).distinct().objects()

    assert sorted(found, key=repr) == sorted(set(rows), key=repr)
    assert SocketEnds.from_objects([*reversed(rows), *rows[:1]]).distinct().objects() == found


def test_own_ends_are_the_same_if_all_their_rows_are() -> None:
    """A difference in an address, a service, a client or the number of namespaces is a difference."""
    one, other = end("10.0.0.1", TCP, 80), end("10.0.0.1", UDP, 80)
    base = OwnSpace.of([one.address], [one], [other])
    others = [
        OwnSpace.of([ANY[6]], [one], [other]),
        OwnSpace.of([one.address], [], [other]),
        OwnSpace.of([one.address], [one], [one]),
    ]

    assert OwnEnds((base,)).is_same(OwnEnds((OwnSpace.of([one.address], [one], [other]),)))
    assert not any(OwnEnds((base,)).is_same(OwnEnds((changed,))) for changed in others)
    assert not OwnEnds((base,)).is_same(OwnEnds((base, base)))


def test_addresses_of_a_namespace_may_come_twice() -> None:
    """An address that two interfaces have is one address."""
    one = end("10.0.0.1", TCP, 80)
    twice = OwnSpace(
        Addresses.from_objects([one.address, one.address]), SocketEnds.from_objects([one]), SocketEnds.empty()
    )

    assert asked(OwnEnds((twice,)), [one], 4) == [Saying.SERVICE]


def plain_space(
    local: list[Address], services: list[End], connected: list[End], doubtful: list[End], before: OwnSpace
) -> OwnSpace:
    """Return what `own_space` should, from objects one by one."""

    def has(service: End, one: End) -> bool:
        return service == one or replace(one, address=ANY[one.address.version]) == service

    accepted = [one for one in doubtful if one not in connected] + [one for one in connected if one.protocol == UDP]
    present = [one for one in accepted if one.address in local]
    gone = [one for one in before.services.objects() if one not in services]
    outlived = [one for one in gone if any(has(one, other) for other in present)]
    asking = {*connected, *(one for one in doubtful if one in before.clients.objects())}
    everything = {*services, *outlived}
    clients = {one for one in asking if one.address in local and not any(has(each, one) for each in everything)}
    return OwnSpace.of(set(local), everything, clients)


few_bound = st.lists(bound, max_size=6)
few_ends = st.lists(ends, max_size=8)


@given(st.lists(addresses, max_size=4), few_bound, few_ends, few_ends, spaces)
def test_sockets_are_services_clients_or_what_they_were_before(
    local: list[Address], services: list[End], connected: list[End], doubtful: list[End], before: OwnSpace
) -> None:
    """The columns are the same as going through the sockets one by one, in whatever order they come."""
    some, others, rest = (SocketEnds.from_objects(rows) for rows in (services, connected, doubtful))

    found = own_space(Addresses.from_objects(local), some, others, rest, before)
    again = own_space(Addresses.from_objects(local[::-1]), some[::-1], others[::-1], rest[::-1], before)
    expected = plain_space(local, services, connected, doubtful, before)

    assert found.is_same(again)
    assert sorted(found.services.objects(), key=repr) == sorted(expected.services.objects(), key=repr)
    assert sorted(found.clients.objects(), key=repr) == sorted(expected.clients.objects(), key=repr)
    assert sorted(found.addresses.texts()) == sorted(expected.addresses.texts())


def test_a_listener_that_was_closed_is_a_service_as_long_as_its_connections_live() -> None:
    """Its connection is then no client's; without a connection, the service is gone."""
    local = Addresses.from_objects([ip_address("10.0.0.1")])
    one = SocketEnds.from_objects([end("10.0.0.1", TCP, 80)])
    any_address = SocketEnds.from_objects([end("0.0.0.0", TCP, 80)])
    none = SocketEnds.empty()

    first = own_space(local, any_address, none, none, NO_ENDS)
    kept = own_space(local, none, none, one, first)
    still = own_space(local, none, none, one, kept)
    gone = own_space(local, none, none, none, still)
    never = own_space(local, none, one, none, gone)

    said = [space.says(end("10.0.0.1", TCP, 80)) for space in (kept, still, gone, never)]
    assert said == [Saying.SERVICE, Saying.SERVICE, Saying.NOTHING, Saying.CLIENT]


def test_a_client_may_get_the_port_of_a_listener_that_was_closed() -> None:
    """A TCP end that was opened here is no connection that the listener accepted; of UDP, nobody can know."""
    local = Addresses.from_objects([ip_address("10.0.0.1")])
    none = SocketEnds.empty()
    said = []
    for protocol in (TCP, UDP):
        one = SocketEnds.from_objects([end("10.0.0.1", protocol, 40000)])
        listened = own_space(local, one, none, none, NO_ENDS)
        said.append(own_space(local, none, one, one, listened).says(end("10.0.0.1", protocol, 40000)))

    assert said == [Saying.CLIENT, Saying.SERVICE]


def test_a_doubtful_end_stays_what_it_was() -> None:
    """An end that was a client's stays one while it is in doubt, and one that nobody knows says nothing."""
    local = Addresses.from_objects([ip_address("10.0.0.1")])
    one = SocketEnds.from_objects([end("10.0.0.1", TCP, 40000)])
    none = SocketEnds.empty()

    unknown = own_space(local, none, none, one, NO_ENDS)
    known = own_space(local, none, one, one, unknown)
    still = own_space(local, none, none, one, known)

    said = [space.says(end("10.0.0.1", TCP, 40000)) for space in (unknown, known, still)]
    assert said == [Saying.NOTHING, Saying.CLIENT, Saying.CLIENT]
