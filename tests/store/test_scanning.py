"""Scans: every name once, in steps, and always with an end."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import InvalidResponse, ResponseError

from shodohflo.store import scanning
from shodohflo.store.connection import SocketStore
from shodohflo.store.dialogue import Dialogue, Limits
from shodohflo.store.scanning import Scan
from support.hostile import HostileStore, page

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

    from support.hostile import Answer, Script


def scanned(tmp_path: Path, script: Script) -> list[str]:
    """Return the names that a scan of a hostile store finds."""
    with HostileStore(tmp_path / "s", script), SocketStore(tmp_path / "s").connect() as client:
        return [name for names in Scan(Dialogue(client), "*") for name in names]


def test_every_name_that_matches_is_found_once(client: Valkey) -> None:
    """Several steps together have all names that match, and no other."""
    client.mset({f"{number};flow": "1" for number in range(5_000)} | {"client;10.0.0.1": "1"})

    steps = list(Scan(Dialogue(client), "*;flow"))

    assert len(steps) > 1
    assert sorted(name for names in steps for name in names) == sorted(f"{number};flow" for number in range(5_000))


def test_a_name_is_its_own_scan(client: Valkey) -> None:
    """A pattern without signs is not looked for: there is one key that it can match."""
    assert list(Scan(Dialogue(client), "client;10.0.0.1")) == [["client;10.0.0.1"]]


def test_a_name_that_comes_again_is_told_once(tmp_path: Path) -> None:
    """SCAN may return a name in several steps, as it does while a store changes the size of its table."""
    pages = {b"0": page("7", "ab"), b"7": page("9", "bc"), b"9": page("0", "ca")}

    assert scanned(tmp_path, {"SCAN": lambda command: pages[command[1]]}) == ["a", "b", "c"]


def test_a_large_store_may_have_many_empty_steps(tmp_path: Path) -> None:
    """As many steps without a name are patiently taken as the size of a store explains."""
    numbers = count(1)

    def answer(_: list[bytes]) -> Answer:
        number = next(numbers)
        return page("0", ["a"]) if number == 1_500 else page(str(number), ())

    assert scanned(tmp_path, {"DBSIZE": b":1000000\r\n", "SCAN": answer}) == ["a"]


def test_a_store_that_does_not_tell_its_size_may_be_large(tmp_path: Path) -> None:
    """A user who may not ask for the number of keys finds those of a large store all the same."""
    numbers = count(1)

    def answer(_: list[bytes]) -> Answer:
        number = next(numbers)
        return page("0", ["a"]) if number == 3_000 else page(str(number), ())

    assert scanned(tmp_path, {"DBSIZE": b"-NOPERM no\r\n", "SCAN": answer}) == ["a"]


@pytest.mark.parametrize("size", [b":7\r\n", b":-1\r\n", b"+many\r\n", b"$-1\r\n"])
def test_empty_steps_for_ever_are_an_error(tmp_path: Path, size: bytes) -> None:
    """Without a size that explains them, a thousand steps without a name are too many."""
    numbers = count(1)

    with pytest.raises(InvalidResponse, match="SCAN does not end"):
        scanned(tmp_path, {"DBSIZE": size, "SCAN": lambda _: page(str(next(numbers)), ())})


def test_new_names_for_ever_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan that finds more names than fit the memory says how to ask for less."""
    monkeypatch.setattr(scanning, "MOST_NAMES", 1_000)
    numbers = count(1)

    with pytest.raises(InvalidResponse, match="more than 1,000 of its keys match; ask for less"):
        scanned(tmp_path, {"SCAN": lambda _: page(str(next(numbers)), [f"{next(numbers)}"])})


def test_a_cursor_that_comes_again_is_an_error(tmp_path: Path) -> None:
    """A scan never returns to where it was."""
    with pytest.raises(InvalidResponse, match="round in circles"):
        scanned(tmp_path, {"SCAN": page("7", ["a"])})


@pytest.mark.parametrize("cursor", ["", "-1", "x", "\u0663", "0" * 25])
def test_a_cursor_that_is_no_number_is_an_error(tmp_path: Path, cursor: str) -> None:
    """A cursor is a decimal number of 64 bits, perhaps behind the place of a node."""
    with pytest.raises(InvalidResponse, match="odd answer to SCAN"):
        scanned(tmp_path, {"SCAN": page(cursor, ["a"])})


def test_a_scan_that_is_forbidden_is_an_error(tmp_path: Path) -> None:
    """The error of the store is raised as it is."""
    with pytest.raises(ResponseError, match="no scan"):
        scanned(tmp_path, {"SCAN": b"-ERR no scan\r\n"})


def test_names_that_are_too_long_are_counted(client: Valkey) -> None:
    """A name of megabytes is left out, and its step is counted; the others are found."""
    client.mset({f"{number};flow": "1" for number in range(5_000)})
    client.set("x" * 3 * 2**20 + ";flow", "1")
    scan = Scan(Dialogue(client, Limits(too_large=100)), "*;flow")

    names = [name for step in scan for name in step]

    assert scan.too_long == 1
    assert 4_950 < len(names) <= 5_000
