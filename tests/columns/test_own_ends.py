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
from shodohflo.columns.own_ends import ANY, NO_ENDS, OwnEnds, OwnEndsTable, OwnSpace, Saying, own_space
from shodohflo.columns.socket_ends import AskedEnds, SocketEnds, SocketPair, SocketPairs
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


def facing(local: End, address: Address, port: int) -> SocketPair:
    """Return a connection of `local`."""
    return SocketPair(local, End(address, local.protocol, port))


pairs = st.builds(facing, ends, addresses, ports)
spaces = st.builds(
    OwnSpace.of, st.lists(addresses, max_size=4), st.lists(bound, max_size=6), st.lists(pairs, max_size=6)
)


def end(text: str, protocol: int, port: int) -> End:
    """Return an end."""
    return End(ip_address(text), protocol, port)


def in_batch(values: Sequence[Address], family: Family) -> NDArray[Any]:
    """Return addresses of `family` as the column of a batch."""
    if family == 4:
        return np.array([int(address) for address in values], ADDRESS[4])
    return np.array([address.packed for address in values], ADDRESS[6])


def asked(own: OwnEnds, wanted: Sequence[SocketPair], family: Family) -> list[int]:
    """Ask the compiled own ends about ends of `family`, each with its peer."""
    table, sides = OwnEndsTable.compile(own), ([pair.local for pair in wanted], [pair.remote for pair in wanted])
    ends_of, peers_of = (
        (in_batch([one.address for one in side], family), np.array([one.port for one in side], np.uint16))
        for side in sides
    )
    protocols = np.array([one.protocol for one in sides[0]], np.uint8)
    found: list[int] = table.find(AskedEnds(family, protocols, *ends_of, *peers_of)).tolist()
    return found


PEER: Final = {4: ip_address("192.0.2.9"), 6: ip_address("2001:db8::9")}
"""By version, where the clients of the examples are connected to, port 9."""


def connection(text: str, protocol: int, port: int) -> SocketPair:
    """Return a connection with the peer."""
    local = end(text, protocol, port)
    return facing(local, PEER[local.address.version], 9)


def connected(one: End) -> SocketPair:
    """Return a connection of an end with the peer."""
    return facing(one, PEER[one.address.version], 9)


def of_peer(own: OwnEnds, wanted: Sequence[End]) -> list[int]:
    """Ask the compiled own ends about ends of IPv4, in flows with the peer."""
    return asked(own, [connected(one) for one in wanted], 4)


SERVER: Final = OwnEnds(
    (
        OwnSpace.of(
            [ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("2001:db8::1")],
            [end("0.0.0.0", TCP, 22), end("10.0.0.1", UDP, 53), end("::", TCP, 443)],
            [
                connection("10.0.0.1", TCP, 40000),
                connection("10.0.0.1", TCP, 22),
                connection("2001:db8::1", UDP, 40001),
            ],
        ),
    )
)


@pytest.mark.parametrize(
    ("asked_about", "saying"),
    [
        (connection("10.0.0.1", TCP, 22), Saying.SERVICE),  # connected too: it was accepted
        (connection("10.0.0.2", TCP, 22), Saying.SERVICE),
        (connection("10.0.0.9", TCP, 22), Saying.NOTHING),  # not local
        (connection("10.0.0.1", UDP, 22), Saying.NOTHING),
        (connection("2001:db8::1", TCP, 22), Saying.NOTHING),  # an IPv4 listener
        (connection("2001:db8::1", TCP, 443), Saying.SERVICE),
        (connection("10.0.0.1", TCP, 443), Saying.NOTHING),  # an IPv6 listener
        (connection("10.0.0.1", UDP, 53), Saying.SERVICE),
        (connection("10.0.0.2", UDP, 53), Saying.NOTHING),  # bound to the other address
        (connection("10.0.0.1", TCP, 40000), Saying.CLIENT),
        (connection("10.0.0.2", TCP, 40000), Saying.NOTHING),
        (connection("2001:db8::1", UDP, 40001), Saying.CLIENT),
        (connection("0.0.0.0", TCP, 22), Saying.NOTHING),  # the wildcard itself is no address of a packet
        # The kernel has a connection of the port, but not this one.
        (facing(end("10.0.0.1", TCP, 40000), PEER[4], 9999), Saying.NOTHING),
        (facing(end("10.0.0.1", TCP, 40000), ip_address("192.0.2.10"), 9), Saying.NOTHING),
        (facing(end("2001:db8::1", UDP, 40001), ip_address("2001:db8::a"), 9), Saying.NOTHING),
        (facing(end("10.0.0.1", UDP, 40000), PEER[4], 9), Saying.NOTHING),
    ],
)
def test_an_end_is_what_the_socket_that_has_it_is(asked_about: SocketPair, saying: Saying) -> None:
    """A listener is a service at the addresses it has, and a socket without listener a client of its remote end."""
    family: Family = 4 if asked_about.local.address.version == 4 else 6

    assert SERVER.says(asked_about.local, asked_about.remote) is saying
    assert asked(SERVER, [asked_about], family) == [saying]


@given(st.lists(spaces, max_size=3), st.lists(pairs, max_size=20))
def test_the_compiled_form_agrees_with_the_plain_one(own: list[OwnSpace], wanted: list[SocketPair]) -> None:
    """Compiling changes the speed of an answer, never the answer; what is there is asked about too."""
    plain = OwnEnds(tuple(own))
    wanted += [pair for space in own for pair in space.clients.objects()]
    families: tuple[Family, ...] = (4, 6)
    for family in families:
        chosen = [pair for pair in wanted if pair.local.address.version == pair.remote.address.version == family]

        assert asked(plain, chosen, family) == [plain.says(pair.local, pair.remote) for pair in chosen]


def test_namespaces_that_contradict_each_other_say_nothing() -> None:
    """An end that is a service in one namespace and a client in another one of the same address says nothing."""
    one = end("10.0.0.1", TCP, 80)
    serving = OwnSpace.of([one.address], [one], [])
    asking = OwnSpace.of([one.address], [], [connected(one)])

    assert of_peer(OwnEnds((serving, asking)), [one]) == [Saying.NOTHING]
    assert of_peer(OwnEnds((serving, serving)), [one]) == [Saying.SERVICE]
    assert of_peer(OwnEnds((OwnSpace.of([], [], []), asking)), [one]) == [Saying.CLIENT]


def test_a_host_without_namespaces_or_addresses_says_nothing() -> None:
    """What could not be read says nothing of anything."""
    one = end("10.0.0.1", TCP, 80)

    assert of_peer(OwnEnds(), [one]) == [Saying.NOTHING]
    assert of_peer(OwnEnds((OwnSpace.of([], [end("0.0.0.0", TCP, 80)], []),)), [one]) == [Saying.NOTHING]


def test_own_ends_are_the_same_if_all_their_rows_are() -> None:
    """A difference in an address, a service, a client or the number of namespaces is a difference."""
    one, other = end("10.0.0.1", TCP, 80), end("10.0.0.1", UDP, 80)
    pair = connected(other)
    base = OwnSpace.of([one.address], [one], [pair])
    others = [
        OwnSpace.of([ANY[6]], [one], [pair]),
        OwnSpace.of([one.address], [], [pair]),
        OwnSpace.of([one.address], [one], [connected(one)]),
        OwnSpace.of([one.address], [one], [facing(other, pair.remote.address, 10)]),
    ]

    assert OwnEnds((base,)).is_same(OwnEnds((OwnSpace.of([one.address], [one], [pair]),)))
    assert not any(OwnEnds((base,)).is_same(OwnEnds((changed,))) for changed in others)
    assert not OwnEnds((base,)).is_same(OwnEnds((base, base)))


def test_addresses_of_a_namespace_may_come_twice() -> None:
    """An address that two interfaces have is one address."""
    one = end("10.0.0.1", TCP, 80)
    twice = OwnSpace(
        Addresses.from_objects([one.address, one.address]), SocketEnds.from_objects([one]), SocketPairs.empty()
    )

    assert of_peer(OwnEnds((twice,)), [one]) == [Saying.SERVICE]


def plain_space(
    local: list[Address], services: list[End], opened: list[SocketPair], doubtful: list[SocketPair], before: OwnSpace
) -> OwnSpace:
    """Return what `own_space` should, from objects one by one."""

    def has(service: End, one: End) -> bool:
        return service == one or replace(one, address=ANY[one.address.version]) == service

    asking_ends = [pair.local for pair in opened]
    accepted = [pair.local for pair in doubtful if pair.local not in asking_ends]
    accepted += [one for one in asking_ends if one.protocol == UDP]
    present = [one for one in accepted if one.address in local]
    gone = [one for one in before.services.objects() if one not in services]
    outlived = [one for one in gone if any(has(one, other) for other in present)]
    asking = {*opened, *(pair for pair in doubtful if pair in before.clients.objects())}
    everything = {*services, *outlived}
    clients = {
        pair for pair in asking if pair.local.address in local and not any(has(each, pair.local) for each in everything)
    }
    return OwnSpace.of(set(local), everything, clients)


few_bound = st.lists(bound, max_size=6)
few_pairs = st.lists(pairs, max_size=8)


@given(st.lists(addresses, max_size=4), few_bound, few_pairs, few_pairs, spaces)
def test_sockets_are_services_clients_or_what_they_were_before(
    local: list[Address], services: list[End], opened: list[SocketPair], doubtful: list[SocketPair], before: OwnSpace
) -> None:
    """The columns are the same as going through the sockets one by one, in whatever order they come."""
    doubtful += before.clients.objects()[:2]
    some, others, rest = (
        SocketEnds.from_objects(services),
        SocketPairs.from_objects(opened),
        SocketPairs.from_objects(doubtful),
    )

    found = own_space(Addresses.from_objects(local), some, others, rest, before)
    again = own_space(Addresses.from_objects(local[::-1]), some[::-1], others[::-1], rest[::-1], before)
    expected = plain_space(local, services, opened, doubtful, before)

    assert found.is_same(again)
    assert sorted(found.services.objects(), key=repr) == sorted(expected.services.objects(), key=repr)
    assert sorted(found.clients.objects(), key=repr) == sorted(expected.clients.objects(), key=repr)
    assert sorted(found.addresses.texts()) == sorted(expected.addresses.texts())


LOCAL: Final = Addresses.from_objects([ip_address("10.0.0.1")])
NO_SERVICE: Final = SocketEnds.empty()
NO_CONNECTION: Final = SocketPairs.empty()


def says(space: OwnSpace, pair: SocketPair) -> Saying:
    """Return what `space` says of the local end of a connection."""
    return space.says(pair.local, pair.remote)


def test_a_listener_that_was_closed_is_a_service_as_long_as_its_connections_live() -> None:
    """Its connection is then no client's; without a connection, the service is gone."""
    pair = connection("10.0.0.1", TCP, 80)
    one, any_address = SocketPairs.from_objects([pair]), SocketEnds.from_objects([end("0.0.0.0", TCP, 80)])

    first = own_space(LOCAL, any_address, NO_CONNECTION, NO_CONNECTION, NO_ENDS)
    kept = own_space(LOCAL, NO_SERVICE, NO_CONNECTION, one, first)
    still = own_space(LOCAL, NO_SERVICE, NO_CONNECTION, one, kept)
    gone = own_space(LOCAL, NO_SERVICE, NO_CONNECTION, NO_CONNECTION, still)
    never = own_space(LOCAL, NO_SERVICE, one, NO_CONNECTION, gone)

    said = [says(space, pair) for space in (kept, still, gone, never)]
    assert said == [Saying.SERVICE, Saying.SERVICE, Saying.NOTHING, Saying.CLIENT]


def test_a_client_may_get_the_port_of_a_listener_that_was_closed() -> None:
    """A TCP end that was opened here is no connection that the listener accepted; of UDP, nobody can know."""
    said = []
    for protocol in (TCP, UDP):
        pair = connection("10.0.0.1", protocol, 40000)
        one = SocketPairs.from_objects([pair])
        listened = own_space(LOCAL, one.local, NO_CONNECTION, NO_CONNECTION, NO_ENDS)
        said.append(says(own_space(LOCAL, NO_SERVICE, one, one, listened), pair))

    assert said == [Saying.CLIENT, Saying.SERVICE]


def test_a_doubtful_connection_stays_what_it_was() -> None:
    """One that was a client's stays so while it is in doubt; one that nobody knows says nothing."""
    pair = connection("10.0.0.1", TCP, 40000)
    other = facing(pair.local, pair.remote.address, 10)
    one, both = SocketPairs.from_objects([pair]), SocketPairs.from_objects([pair, other])

    unknown = own_space(LOCAL, NO_SERVICE, NO_CONNECTION, one, NO_ENDS)
    known = own_space(LOCAL, NO_SERVICE, one, one, unknown)
    still = own_space(LOCAL, NO_SERVICE, NO_CONNECTION, both, known)

    assert [says(space, pair) for space in (unknown, known, still)] == [Saying.NOTHING, Saying.CLIENT, Saying.CLIENT]
    assert says(still, other) is Saying.NOTHING
