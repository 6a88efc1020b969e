"""Failures in words: one line, escaped, with the way out if only somebody can end them."""

from __future__ import annotations

import socket
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ResponseError

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.connection import RemoteStore
from shodohflo.store.failures import any_errors, one_line, store_errors
from shodohflo.store.urls import StoreUrl
from support.serving import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


def refused(url: StoreUrl) -> StoreError:
    """Return the error of connecting to `url`."""
    with pytest.raises(StoreError) as caught:
        RemoteStore(url).connect()
    return caught.value


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        (StoreUrl(password="wrong"), "correct user and password"),
        (StoreUrl(username="nobody", password="wrong"), "correct user and password"),
        (StoreUrl(), "asks for a password"),
        (StoreUrl(password="right", database=99), "no database of that number"),
        (StoreUrl(username="mute", password="right"), "lacks a permission"),
        (StoreUrl(password="right", tls=True), "does not speak TLS"),
        (StoreUrl(host="db..example.org", password="right"), "name of the host is malformed"),
        (StoreUrl(host="d" * 70 + ".example.org", password="right"), "name of the host is malformed"),
    ],
)
def test_a_failure_that_lasts_names_the_way_out(own_server: Server, url: StoreUrl, way_out: str) -> None:
    """What only somebody can correct is an error of its own kind, in one line with the way out and no password."""
    with own_server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "mute", "on", ">right", "+@all", "-ping", "~*")
        admin.config_set("requirepass", "right")

    error = refused(replace_port(url, own_server.port))

    assert isinstance(error, LastingStoreError)
    assert way_out in str(error)
    assert "\n" not in str(error)
    assert "right" not in str(error).replace("rights", "")


def replace_port(url: StoreUrl, port: int) -> StoreUrl:
    """Return `url` on this machine, unless it names another host, with `port`."""
    host = "127.0.0.1" if url.host == "localhost" else url.host
    return StoreUrl(host, port, "", url.database, url.username, url.password, url.tls)


@pytest.fixture
def web_port() -> Iterator[int]:
    """Return the port of a web server, which answers one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            accepted, _ = listening.accept()
            with accepted:
                accepted.recv(1 << 16)
                accepted.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        answering = Thread(target=answer)
        answering.start()
        yield int(listening.getsockname()[1])
        answering.join()


def test_a_port_of_something_else_is_told(web_port: int) -> None:
    """A port where no store listens is a failure that lasts."""
    error = refused(StoreUrl(host="127.0.0.1", port=web_port))

    assert isinstance(error, LastingStoreError)
    assert "no Valkey or Redis listens there" in str(error)


def test_a_store_that_is_away_may_come_back() -> None:
    """A port where nothing listens is a failure that may pass."""
    assert not isinstance(refused(StoreUrl(host="127.0.0.1", port=free_port())), LastingStoreError)


def test_a_text_of_the_store_is_escaped() -> None:
    """Control characters in an error of the store are escaped, and a long one is cut off."""
    with pytest.raises(StoreError) as caught, store_errors("x"):
        raise ResponseError("ERR \x1b]0;owned\x07 \n no " + "a" * 100_000)

    assert str(caught.value).startswith("store x: ERR \\x1b]0;owned\\x07 no aaa")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("error", [TypeError("odd"), IndexError(), AssertionError("odd\x1b"), RecursionError("deep")])
def test_any_error_of_an_odd_answer_is_one_of_the_store(error: Exception) -> None:
    """Whatever the client library raises at an odd answer is a `StoreError` that names what it was."""
    with pytest.raises(StoreError, match=f"cannot be understood .{type(error).__name__}") as caught, any_errors("x"):
        raise error

    assert str(caught.value).isprintable()


def test_an_error_without_text_is_named_by_its_type() -> None:
    """An error without text is shown as the name of its type, and a final full stop is left out."""
    assert one_line(ValueError()) == "ValueError"
    assert one_line(ValueError("no. ")) == "no"
