"""Dialogues with real stores and with hostile ones: bounded answers, each to its own question."""

from __future__ import annotations

import socket
import time
from itertools import repeat
from threading import Event
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ConnectionError as LostError
from valkey.exceptions import InvalidResponse, NoPermissionError, ResponseError
from valkey.exceptions import TimeoutError as LateError

from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.dialogue import Dialogue, Incoming, Limits, TooLarge
from shodohflo.store.urls import parse_url
from support.hostile import HostileStore
from support.serving import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from valkey import Valkey

    from support.hostile import Script
    from support.serving import Server

SMALL = Limits(octets=100_000)


def test_each_answer_is_that_to_its_question(client: Valkey) -> None:
    """Answers have the order of their questions, and an error is an answer like any other."""
    client.set("a", "7", px=90_000)
    client.rpush("list", "x", "y")

    answers = Dialogue(client).ask([("GET", "a"), ("GET", "list"), ("LRANGE", "list", 0, -1), ("GET", "none")])

    assert answers[0] == "7"
    assert isinstance(answers[1], ResponseError)
    assert answers[2:] == [["x", "y"], None]


def test_no_questions_have_no_answers(client: Valkey) -> None:
    """Without commands nothing is asked."""
    assert Dialogue(client).ask([]) == []


def test_a_demand_raises_what_the_store_refuses(client: Valkey) -> None:
    """The answer to a demand is never an error."""
    assert Dialogue(client).demand(("ECHO", "x")) == "x"
    with pytest.raises(ResponseError, match="unknown command"):
        Dialogue(client).demand(("NOSUCH",))


def test_an_answer_that_is_too_large_costs_only_itself(client: Valkey) -> None:
    """All other questions of the same round trip are answered, in their order, before and behind it."""
    for number in range(100):
        client.set(f"{number}", "x" * 500_000 if number % 40 == 7 else number)

    answers = Dialogue(client, SMALL).ask([("GET", f"{number}") for number in range(100)])

    assert [number for number, answer in enumerate(answers) if isinstance(answer, TooLarge)] == [7, 47, 87]
    assert all(answer == str(number) for number, answer in enumerate(answers) if number % 40 != 7)


def test_too_many_of_them_are_an_error(client: Valkey) -> None:
    """A store of which nearly every value is huge is given up."""
    client.set("huge", "x" * 500_000)

    with pytest.raises(InvalidResponse, match="more than 3 of its answers are too large"):
        Dialogue(client, Limits(octets=100_000, too_large=3)).ask([("GET", "huge")] * 5)


def test_the_database_is_that_of_the_url(server: Server) -> None:
    """The number of the database is known, and a new connection after a large answer has the same."""
    with RemoteStore(parse_url(f"unix://{server.path}?db=3")).connect() as client:
        client.set("huge", "x" * 500_000)
        client.set("a", "7")
        dialogue = Dialogue(client, SMALL)

        assert dialogue.database == 3
        assert dialogue.ask([("GET", "huge"), ("GET", "a")])[1] == "7"


def asked(tmp_path: Path, script: Script, limits: Limits) -> object:
    """Return what a hostile store answers to INFO."""
    with HostileStore(tmp_path / "s", script), SocketStore(tmp_path / "s").connect() as client:
        return Dialogue(client, limits).ask([("INFO",), ("PTTL",)])[0]


def trickle(answered: Event) -> Iterator[bytes]:
    """Yield a byte every few milliseconds, for ever."""
    for piece in repeat(b"+"):
        answered.wait(0.005)
        yield piece


def test_an_answer_in_drops_has_a_deadline(tmp_path: Path) -> None:
    """A store that always sends another byte in time is given up nevertheless."""
    with pytest.raises(LateError, match="take too long"):
        asked(tmp_path, {"INFO": lambda _: trickle(Event())}, Limits(seconds=0.2))


def test_a_whole_dialogue_has_a_deadline(tmp_path: Path) -> None:
    """The time of all round trips together is limited too."""
    with pytest.raises(LateError, match="take too long"):
        asked(tmp_path, {}, Limits(total=0.0))


def test_a_connection_that_is_closed_is_an_error(tmp_path: Path) -> None:
    """A store that ends in the middle of an answer has not answered."""
    with pytest.raises(LostError, match="closed the connection"):
        asked(tmp_path, {"INFO": (b"$100\r\nx",)}, SMALL)


@pytest.mark.parametrize("head", [b"*1048576\r\n", b"*1048576\r\n" * 1_000, b"%99999\r\n", b"*2\r\n*10000\r\n"])
def test_no_memory_is_reserved_for_a_list_that_is_too_wide(tmp_path: Path, head: bytes) -> None:
    """A list of 10,000 elements or more is too large, whatever comes of it."""
    assert isinstance(asked(tmp_path, {"INFO": (head,)}, SMALL), TooLarge)


def next_of(*pieces: bytes) -> object:
    """Return the next answer of those that arrive in `pieces`."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # each piece is received by itself
    with near, far:
        for piece in pieces:
            near.send(piece)
        return Incoming(far, 1 << 20, time.monotonic() + PATIENCE).next()


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_wide_list_is_recognised_in_two_pieces(cut: int) -> None:
    """Memory is not reserved either if the header arrives in pieces, wherever it is cut."""
    whole = b"*2\r\n*1048576\r\n"

    assert next_of(whole[:cut], whole[cut:]) == TooLarge(whole)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_text_is_whole_wherever_it_is_cut(cut: int) -> None:
    """Signs of a list are a header at the beginning of a line only, not where a piece begins or ends."""
    whole = b"$13\r\nx*12345\n*1234\r\n"

    assert next_of(whole[:cut], whole[cut:]) == "x*12345\n*1234"


def test_what_only_looks_like_a_wide_list_costs_its_own_answer(client: Valkey) -> None:
    """A text with such a header in it is no answer, but those around it are."""
    client.set("a", "7")
    client.set("odd", "x\n*123456\r\n")

    answers = Dialogue(client).ask([("GET", "a"), ("GET", "odd"), ("GET", "a")])

    assert [answers[0], answers[2]] == ["7", "7"]
    assert isinstance(answers[1], TooLarge)


def test_more_answers_than_questions_are_an_error(tmp_path: Path) -> None:
    """An answer too many would be taken for that to the next question."""
    with pytest.raises(InvalidResponse, match="more answers than"):
        asked(tmp_path, {"PTTL": b":1\r\n:2\r\n"}, SMALL)


def test_an_error_has_the_type_by_which_it_is_told_apart(tmp_path: Path) -> None:
    """Errors are those of the client library."""
    assert isinstance(asked(tmp_path, {"INFO": b"-NOPERM no\r\n"}, SMALL), NoPermissionError)
