"""Every reader before a store that is broken or hostile: one line of error at most, in bounded time and memory."""

from __future__ import annotations

import json
from itertools import count, repeat
from typing import TYPE_CHECKING, Final

import pytest

from support.hostile import FIELDS, FLOW, KEYS, HostileStore, array, bulk, hashed, matching, page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from cli.conftest import Command
    from support.hostile import Answer, Script

READERS: Final = {
    "flows": ("flows",),
    "flows of a host": ("flows", "--client", "10.0.0.1"),
    "flows as JSON": ("flows", "--json"),
    "flows by store": ("flows", "--by-store"),
    "disagreements": ("flows", "--disagreeing"),
    "peers": ("peers",),
    "clients": ("clients",),
    "recon": ("recon",),
    "services": ("services",),
    "services as CSV": ("services", "--csv"),
    "knocks as JSON": ("recon", "--kind", "knock", "--json"),
    "grades": ("rules", "--grade"),
    "a flow": ("explain", "--key", FLOW),
    "a pair": ("explain", "--key", "10.0.0.1;8.8.8.8;peer"),
    "a client": ("explain", "--key", "client;10.0.0.1"),
    "a service": ("explain", "--key", "service;10.0.0.9;tcp;54321"),
    "an origin": ("explain", "--key", "knock;203.0.113.9"),
    "a reset": ("explain", "--key", "10.0.0.1;8.8.8.8;4711:53;rst"),
}
"""Every command that reads a store."""

ALL_HASH: Final = {"a service", "an origin"}
"""Those that look up what is nothing but a hash."""

ESCAPE: Final = "\x1b]0;owned\x07\r\n\x9b31m\x7f\u202e\u200b\u2028"
"""What a terminal obeys or is confused by: C0, C1, DEL, a mark that turns text around, one of no width, a separator."""

ODD: Final[dict[str, Answer]] = {
    "an integer": b":1\r\n",
    "a negative integer": b":-9223372036854775808\r\n",
    "text": b"+fine\r\n",
    "an empty text": b"$0\r\n\r\n",
    "nothing": b"$-1\r\n",
    "an empty list": b"*0\r\n",
    "no list": b"*-1\r\n",
    "lists in a list": b"*1\r\n*1\r\n*2\r\n:1\r\n$-1\r\n",
    "a list of the right length": b"*2\r\n*0\r\n:0\r\n",
    "an error": b"-ERR " + ESCAPE.replace("\r\n", "").encode() + b"\r\n",
    "a long error": b"-" + b"x" * 100_000 + b"\r\n",
    "no permission": b"-NOPERM this user has no permissions\r\n",
    "loading": b"-LOADING the dataset in memory\r\n",
    "a push": b">2\r\n+message\r\n+hello\r\n",
    "a map": b"%1\r\n+first\r\n+2\r\n",
    "a map of lists": b"%1\r\n*1\r\n:1\r\n+2\r\n",
    "a double": b",nan\r\n",
    "a big number": b"(" + b"9" * 5_000 + b"\r\n",
    "a truth": b"#t\r\n",
    "garbage": b"\x1b]0;owned\x07\r\n",
    "a negative length": b"$-7\r\n",
    "too deep": (b"*1\r\n" * 100_000,),
    "too wide": (b"*1048576\r\n" * 100 + b":1\r\n" * 100,),  # and no more: the connection is closed
    "half an answer": (b"*2\r\n$5\r\nfir",),
    "two answers": b":1\r\n:1\r\n",
}
"""Answers of a wrong type or form."""


def check(result: Result) -> None:
    """Assert that a command ended as one that failed, or as one that did not, with harmless output."""
    assert result.exit_code in (0, 1), result.output
    assert "unexpected" not in result.stderr
    assert all(character.isprintable() or character == "\n" for character in result.stdout + result.stderr)
    assert result.stderr.count("\n") <= (1 if result.exit_code else 3)
    assert max(map(len, result.stderr.splitlines()), default=0) < 1_000


@pytest.mark.parametrize("command", ["INFO", "DBSIZE", "SCAN", "GETRANGE", "PTTL", "HGETALL"])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_one_line_at_most(shodohflo: Command, tmp_path: Path, command: str, odd: str) -> None:
    """Whatever the type of an answer, a reader ends with its rows or with one line about the store."""
    with HostileStore(tmp_path / "s", {command: ODD[odd]}) as store:
        for arguments in READERS.values():
            check(shodohflo(*arguments, "--store", store.url))


@pytest.mark.parametrize("reader", READERS)
def test_what_a_store_holds_does_not_steer_a_terminal(shodohflo: Command, tmp_path: Path, reader: str) -> None:
    """No value, field or agent of a store reaches the output with characters that are not printed."""
    fields = {
        f"packets.tcp{ESCAPE}": "1",
        f"octets.{ESCAPE}": "1",
        f"agent.{ESCAPE}": "1",
        "rule": f"FLOW_MAPPING{ESCAPE}",
        "sentence": ESCAPE,
    }
    script = {"HGETALL": hashed(FIELDS | fields), "SCAN": page("0", (*KEYS, f"{ESCAPE};flow", f"agent;{ESCAPE}"))}

    with HostileStore(tmp_path / "s", script) as store:
        result = shodohflo(*READERS[reader], "--store", store.url)

    check(result)
    assert result.exit_code == 0


POISON: Final = {
    "a lifetime of 5,000 digits": {"lifetime": "9" * 5_000},
    "a time beyond all calendars": {"first": "1e308", "last": "1e308"},
    "a time of 5,000 digits": {"last": "9" * 5_000},
    "no time": {"first": "nan", "last": "-inf"},
    "a counter of 5,000 digits": {"packets.tcp": "9" * 5_000},
    "a sentence of a megabyte": {"sentence": "x" * 1_100_000},
    "a field of a megabyte": {"x" * 1_100_000: "x"},
    "ten thousand fields": {f"packets.{number}": "1" for number in range(10_000)},
    "text that is not text": {"sentence": "\ud800", "rule": "\x00"},
    "evidence of a megabyte": {"evidence": "x" * 1_000_000, "corrected": "9" * 5_000},
    "clients of 5,000 digits": {"clients": "9" * 5_000},
    "attempts of 5,000 digits": {"refused.bert;1": "9" * 5_000, "silent.bert;1": "-1", "ports": "9" * 18},
    "ten thousand targets": {f"target.10.0.0.5;tcp;{port}": "1700000009.5" for port in range(10_000)},
    "targets that are none": {"target.": "1", "target.x;tcp;1": "1", f"target.{'9' * 5_000}": "1"},
    "grades that are none": {"grade.FLOW_MAPPING[0]": "9" * 5_000, f"contradicted.FLOW_MAPPING[{'9' * 5_000}]": "1"},
}
"""Fields of a hash, each of which stopped every reader once or could have."""


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_hash_stops_no_reader(shodohflo: Command, tmp_path: Path, poison: str) -> None:
    """Hashes with malformed fields leave every count readable; a key that is nothing but a hash may be none of ours."""
    with HostileStore(tmp_path / "s", {"HGETALL": hashed(FIELDS | POISON[poison])}) as store:
        for reader, arguments in READERS.items():
            result = shodohflo(*arguments, "--store", store.url)
            check(result)
            assert result.exit_code == 0 or (reader in ALL_HASH and "no store has the key" in result.stderr)
        [row] = shodohflo("flows", "--json", "--store", store.url).stdout.splitlines()

    assert json.loads(row)["packets"] == 7


def test_what_was_left_out_is_said_once(shodohflo: Command, tmp_path: Path) -> None:
    """One line counts the flows whose details are malformed."""
    with HostileStore(tmp_path / "s", {"HGETALL": hashed(FIELDS | {"last": "never"})}) as store:
        result = shodohflo("flows", "--store", store.url)

    assert result.stderr == "1 flow has malformed or oversized details in the store; these were left out\n"


def without_end(start: bytes, piece: bytes) -> Iterator[bytes]:
    """Yield `start`, and then `piece` for ever."""
    yield start
    yield from repeat(piece)


ENDLESS: Final[dict[str, Script]] = {
    "SCAN": {"SCAN": lambda _: without_end(b"$2147483647\r\n", b"x" * 65_536)},
    "GETRANGE": {"GETRANGE": lambda _: without_end(b"$2147483647\r\n", b"x" * 65_536)},
    "HGETALL": {"HGETALL": lambda _: without_end(b"*2\r\n$2147483647\r\n", b"x" * 65_536)},
    "INFO": {"INFO": lambda _: without_end(b"+", b"x" * 65_536)},
    "DBSIZE": {"DBSIZE": lambda _: without_end(b"*100000\r\n", b":1\r\n" * 10_000)},
}


@pytest.mark.parametrize("command", ENDLESS)
def test_an_answer_of_gigabytes_is_not_read(shodohflo: Command, tmp_path: Path, command: str) -> None:
    """An answer that does not end is given up after a megabyte."""
    with HostileStore(tmp_path / "s", ENDLESS[command]) as store:
        check(shodohflo("flows", "--store", store.url))
        check(shodohflo("explain", "--key", FLOW, "--store", store.url))

    assert store.sent < 20 * 2**20


def circles() -> Script:
    """Return the script of a store whose cursors come again."""
    return {"SCAN": lambda command: page("2" if command[1] == b"1" else "1", KEYS)}


def new_cursors(names: tuple[str, ...]) -> Script:
    """Return the script of a store that always has another page."""
    numbers = count(1)
    return {"SCAN": lambda _: page(str(next(numbers)), names)}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (circles(), "its SCAN goes round in circles"),
        (new_cursors(()), "its SCAN does not end"),
        (new_cursors(KEYS), "its SCAN does not end"),
    ],
    ids=["circles", "empty pages", "the same page"],
)
def test_a_scan_without_end_ends(shodohflo: Command, tmp_path: Path, script: Script, said: str) -> None:
    """A scan that returns to a cursor, or finds nothing new for thousands of steps, is an error."""
    with HostileStore(tmp_path / "s", script) as store:
        result = shodohflo("clients", "--store", store.url)

    assert result.exit_code == 1
    assert result.stderr == f"shodohflo: store {store.url}: {said}\n"


def test_a_name_of_megabytes_costs_its_own_step(shodohflo: Command, tmp_path: Path) -> None:
    """A name that is too long to be read is counted as foreign, and the scan goes on behind it."""
    huge = "x" * 3 * 2**20 + ";flow"

    def scan(command: list[bytes]) -> Answer:
        return page("17", [huge]) if command[1] == b"0" else matching(command)

    with HostileStore(tmp_path / "s", {"SCAN": scan}) as store:
        result = shodohflo("flows", "--store", store.url)

    assert (result.exit_code, result.stdout.count("\n")) == (0, 2)
    assert result.stderr == "1 key looks like ours but is not; it was left out\n"


def test_a_hostile_store_does_not_hide_an_honest_one(shodohflo: Command, tmp_path: Path) -> None:
    """The rows of the other stores are shown whatever one of them answers; the status is 1."""
    honest = HostileStore(tmp_path / "honest", {"INFO": bulk(f"master_replid:{'1' * 40}\r\n")})
    with HostileStore(tmp_path / "s", {"SCAN": array(b":1\r\n")}) as store, honest:
        arguments = ("--store", store.url, "--store", honest.url)
        listed = shodohflo("flows", *arguments)
        recalled = shodohflo("explain", "--key", FLOW, "--store", f"{store.url}x", "--store", honest.url)

    assert "10.0.0.1" in listed.stdout
    assert "an odd answer to SCAN; what only it has is missing" in listed.stderr
    assert "packets     7" in recalled.stdout
    assert (listed.exit_code, recalled.exit_code) == (1, 1)
