"""Damaged data are recognised and set aside; sound data are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.store.damage import KEPT, set_aside

if TYPE_CHECKING:
    from pathlib import Path

    from support.serving import Server

NOW = 1_700_000_000.0


@pytest.fixture
def saved(own_server: Server, tmp_path: Path) -> Path:
    """Return the data of a store that has saved some keys."""
    with own_server.client() as client:
        for number in range(100):
            client.set(f"client;10.0.0.{number}", number, ex=900)
        client.save()
    return tmp_path / "dump.rdb"


@pytest.mark.parametrize("own_server", ["valkey"], indirect=True)
def test_sound_data_are_left_alone(saved: Path) -> None:
    """Data that a server has saved are not damaged."""
    before = saved.read_bytes()

    assert set_aside(saved, NOW) is None
    assert saved.read_bytes() == before


@pytest.mark.parametrize("own_server", ["valkey"], indirect=True)
def test_data_that_are_cut_or_changed_anywhere_are_set_aside(saved: Path) -> None:
    """Data are damaged wherever they are cut off, and if a single bit has changed."""
    whole = saved.read_bytes()
    changed = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(9, len(whole), 131)]
    cut = [whole[:place] for place in range(0, len(whole), 131)]

    for number, damaged in enumerate([*changed, *cut]):
        saved.write_bytes(damaged)
        aside = set_aside(saved, NOW + number)
        assert aside is not None, damaged
        assert aside.read_bytes() == damaged
        assert not saved.exists()

    assert len(list(saved.parent.glob("dump.rdb.damaged-*"))) == KEPT


def test_only_the_newest_damaged_data_are_kept(tmp_path: Path) -> None:
    """Of the damaged files the newest remain, and their names say when they were set aside."""
    for number in range(KEPT + 2):
        (tmp_path / "store.rdb").write_bytes(b"damage %d" % number)
        set_aside(tmp_path / "store.rdb", NOW + number)

    kept = sorted(tmp_path.iterdir())
    assert [path.read_bytes() for path in kept] == [b"damage 2", b"damage 3", b"damage 4"]
    assert kept[0].name == "store.rdb.damaged-20231114T221322.000000Z"


def test_what_is_no_file_is_no_damage(tmp_path: Path) -> None:
    """A missing file and a directory are not damaged data."""
    assert set_aside(tmp_path / "store.rdb", NOW) is None
    assert set_aside(tmp_path, NOW) is None
