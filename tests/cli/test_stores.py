"""The stores of the readers: those that are named, otherwise this machine's embedded one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.cli.stores import opened, report_failures
from shodohflo.errors import ConfigurationError, StoreError
from shodohflo.query.reader import Reader
from shodohflo.store.connection import RemoteStore

if TYPE_CHECKING:
    from pathlib import Path

    from support.serving import Server


def test_every_named_store_is_opened_in_order(server: Server) -> None:
    """Each URL gives a store of its own, and a socket is a URL too."""
    first, second = opened([f"unix://{server.path}", "redis://127.0.0.1:1"])

    assert isinstance(first, RemoteStore)
    assert first.connect().ping()
    assert second.name != first.name


def test_a_wrong_url_is_refused() -> None:
    """A URL with another scheme raises `ConfigurationError`."""
    with pytest.raises(ConfigurationError, match="the scheme must be"):
        opened(["ftp://db"])


def test_without_urls_it_is_the_embedded_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a running embedded store, the error is one line about the directory that was searched."""
    monkeypatch.setenv("SHODOHFLO_STATE_DIR", str(tmp_path))

    with pytest.raises(StoreError, match=str(tmp_path)):
        [store.connect() for store in opened([])]


def test_stores_that_failed_are_told_and_the_status_is_1(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is one line on standard error; without one, there is no word and the status is 0."""
    alive, gone = f"unix://{server.path}", f"unix://{tmp_path / 'gone.sock'}"
    well, badly = Reader(opened([alive])), Reader(opened([gone, alive]))
    well.agents()
    badly.agents()

    assert (report_failures(well), capsys.readouterr().err) == (0, "")
    assert report_failures(badly) == 1
    assert capsys.readouterr().err.endswith("; its rows are missing\n")
