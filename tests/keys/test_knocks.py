"""The hash of an origin of knocks: what an agent writes into it, and what a reader takes from it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.knocks import MOST_TARGETS, StoredKnock, knock_fields, knock_key, knock_origin
from shodohflo.keys.sightings import MOST_AGENTS, Sightings
from shodohflo.keys.values import MOST
from shodohflo.model import TCP, Address, End, Knock
from support.observing import ADDRESSES

SSH, TELNET = (End(ip_address("10.0.0.5"), TCP, port) for port in (22, 23))
ORIGIN = ip_network("203.0.113.9")
NAME = "knock;203.0.113.9"
SEEN = Knock(
    ORIGIN,
    first=1_700_000_000_250_000_000,
    last=1_700_000_012_250_000_000,
    refused=1,
    silent=15,
    hosts=1,
    ports=2,
    targets=(SSH, TELNET),
)
FIELDS = {
    "first": "1700000000.250000",
    "last": "1700000012.250000",
    "agent.bert": "1700000012.250000",
    "refused.bert;4f1c9a": "1",
    "silent.bert;4f1c9a": "15",
    "hosts": "1",
    "ports": "2",
    "target.10.0.0.5;tcp;22": "1700000012.250000",
    "target.10.0.0.5;tcp;23": "1700000012.250000",
}


def stored(fields: dict[str, str]) -> StoredKnock:
    """Return what a reader gets from a hash with times."""
    knock = StoredKnock.from_fields(NAME, fields)
    assert knock is not None
    return knock


def test_the_example_of_the_module_is_true() -> None:
    """An agent writes the fields that the module shows, and a reader gets back what it knew."""
    last = 1700000012.25

    assert knock_key(ORIGIN) == NAME
    assert knock_fields(SEEN, "bert", "4f1c9a") == FIELDS
    assert stored(FIELDS) == StoredKnock(
        ORIGIN,
        Sightings(1700000000.25, last, {"bert": last}),
        refused=1,
        silent=15,
        hosts=1,
        ports=2,
        targets={SSH: last, TELNET: last},
    )


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("203.0.113.9", "knock;203.0.113.9"),
        ("203.0.113.0/24", "knock;203.0.113.0/24"),
        ("2001:db8::1", "knock;2001:db8::1"),
        ("2001:db8::/64", "knock;2001:db8::/64"),
        ("::ffff:10.0.0.1", "knock;::ffff:10.0.0.1"),
        ("::/64", "knock;::/64"),
    ],
)
def test_an_origin_is_an_address_or_a_network(origin: str, name: str) -> None:
    """Both directions agree; networks are /24 and /64."""
    assert knock_key(ip_network(origin)) == name
    assert knock_origin(name) == ip_network(origin)


@given(ADDRESSES)
def test_a_name_is_that_of_one_origin(address: Address) -> None:
    """Both directions agree for every address and its network."""
    origin = ip_network(address)
    around = origin.supernet(new_prefix=24 if origin.version == 4 else 64)

    assert knock_origin(knock_key(origin)) == origin
    assert knock_origin(knock_key(around)) == around


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/24",
        "203.0.113.9/24",
        "203.0.113.9/32",
        "203.0.113.0/024",
        "203.0.113.0/0",
        "203.0.113.0/",
        "203.0.113.0/24/",
        "203.0.113.0/255.255.255.0",
        "203.0.112.0/23",
        "2001:db8::/65",
        "2001:db8::1/64",
        "2001:db8::/24",
        "203.0.113.9;flow",
        "fe80::1%eth0",
        "x" * 10_000,
    ],
)
def test_another_name_is_that_of_none(rest: str) -> None:
    """There is no second spelling, and no other size of a network."""
    assert knock_origin(f"knock;{rest}") is None
    assert StoredKnock.from_fields(f"knock;{rest}", FIELDS) is None
    assert knock_origin("203.0.113.9") is None


def test_the_attempts_of_all_agents_are_added_up() -> None:
    """Each agent has written its own totals; a name that no agent has counts for nothing."""
    theirs = {"refused.ernie;a1": "4", "silent.ernie;a1": "5"}
    nobodys = {"silent.": "100", "silent.A B;1": "100", "silent.bert": "100", "silent.bert;": "100", "refused": "100"}
    knock = stored(FIELDS | theirs | nobodys)

    assert (knock.refused, knock.silent) == (5, 20)


def test_a_sum_is_bounded() -> None:
    """However many agents say however much, a sum is a count."""
    agents = {f"silent.a{number};1": str(MOST) for number in range(10 * MOST_AGENTS)}

    assert stored(FIELDS | agents).silent == MOST


def test_the_first_targets_are_kept_and_no_more() -> None:
    """Of too many targets the first are read; malformed ones are left out. An agent writes no more than so many."""
    many = {f"target.10.0.0.5;tcp;{port}": f"{port}.5" for port in range(2 * MOST_TARGETS, 0, -1)}
    bad = {"target.10.0.0.5;tcp;99999": "0.1", "target.": "0.1", "target.10.0.0.6;tcp;1": "soon"}

    ports = [end.port for end in stored({"first": "1.5", "last": "9.5"} | many | bad).targets]

    assert ports == list(range(1, MOST_TARGETS + 1))
    ends = tuple(End(ip_address("10.0.0.5"), TCP, port) for port in range(1000))
    written = knock_fields(Knock(ORIGIN, 1, 2, 0, 0, 1, 1, ends), "bert", "4f1c9a")
    assert len([field for field in written if field.startswith("target.")]) == MOST_TARGETS


@pytest.mark.parametrize("value", ["-1", "many", "9" * 10_000, "", "\x1b[2J"])
def test_a_number_out_of_bounds_is_left_out(value: str) -> None:
    """A malformed number counts as none, and all other fields are read as ever."""
    knock = stored(FIELDS | dict.fromkeys(["refused.bert;4f1c9a", "hosts", "ports"], value))

    assert (knock.refused, knock.silent, knock.hosts, knock.ports) == (0, 15, 0, 0)


@given(st.dictionaries(st.sampled_from(list(FIELDS)) | st.text(), st.text() | st.sampled_from(list(FIELDS.values()))))
def test_any_hash_can_be_read(fields: dict[str, str]) -> None:
    """Parsing a hash with any content raises nothing."""
    knock = StoredKnock.from_fields(NAME, fields)

    assert knock is None or knock.silent >= 0


def test_an_agent_that_starts_again_goes_on_counting() -> None:
    """Each run has totals of its own, which are added up."""
    before, after = (knock_fields(Knock(ORIGIN, 1, 2, 15, 0, 1, 15), "bert", run) for run in ("4f1c9a", "77aa01"))

    assert stored(FIELDS | before | after).refused == 30
