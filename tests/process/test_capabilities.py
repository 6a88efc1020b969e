"""Capabilities are given up for good, by the process and all that it starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from errno import EPERM
from pathlib import Path
from typing import TYPE_CHECKING

from shodohflo.process import capabilities
from shodohflo.process.capabilities import NET_RAW, SYS_ADMIN, effective, gain_nothing, keep_only, name_of, seal
from support.forks import error_of, in_child, sets_of
from support.machine import require

if TYPE_CHECKING:
    import pytest

NONE = "0000000000000000"
RAW = "0000000000002000"
SHOW = [sys.executable, "-I", "-c", "print(open('/proc/self/status').read())"]


def started() -> dict[str, str]:
    """Return the rights of a program that this process starts."""
    shown = subprocess.run(SHOW, capture_output=True, text=True, check=True).stdout
    pairs = (line.split(":\t", 1) for line in shown.splitlines() if line.startswith(("Cap", "NoNew")))
    return {name: value.strip() for name, value in pairs}


def test_root_keeps_one_capability_and_its_programs_none() -> None:
    """After that, user id 0 has the named capability, in all sets but those that programs inherit."""
    require(root=True)

    def give_up() -> tuple[dict[str, str], dict[str, str], list[int]]:
        seal()
        keep_only(frozenset({NET_RAW}))
        gain_nothing()
        return sets_of(), started(), sorted(effective())

    own, programs, held = in_child(give_up)

    assert {name: own[name] for name in ("CapPrm", "CapEff", "CapBnd")} == dict.fromkeys(
        ("CapPrm", "CapEff", "CapBnd"), RAW
    )
    assert (own["CapInh"], own["CapAmb"], own["NoNewPrivs"]) == (NONE, NONE, "1")
    assert {programs[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {NONE}
    assert programs["NoNewPrivs"] == "1"
    assert held == [NET_RAW]


def test_the_capability_works_and_the_others_do_not(tmp_path: Path) -> None:
    """A packet socket can be opened; a file of somebody else, without any permission, can't."""
    require(root=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0)
    os.chown(tmp_path / "secret", 65534, 65534)

    def use() -> list[int]:
        before = error_of((tmp_path / "secret").read_text)
        seal()
        keep_only(frozenset({NET_RAW}))
        opening = error_of(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close())
        return [before, opening, error_of((tmp_path / "secret").read_text), error_of(lambda: os.setuid(1))]

    assert in_child(use) == [0, 0, 13, EPERM]


def test_capabilities_survive_a_change_of_the_user_only_after_the_seal() -> None:
    """A sealed process keeps what it has when it becomes somebody else, so that it decides itself what goes."""
    require(root=True)

    def change() -> str:
        seal()
        os.setresuid(65534, 65534, 65534)
        keep_only(frozenset({NET_RAW, SYS_ADMIN}))
        return sets_of()["CapEff"]

    assert int(in_child(change), 16) == 1 << NET_RAW | 1 << SYS_ADMIN


def test_ambient_capabilities_of_a_service_end_with_it() -> None:
    """A service that systemd gave CAP_NET_RAW keeps it, and starts the server of its store without it."""
    require("setpriv", root=True)
    code = (
        "import subprocess, sys\n"
        "from shodohflo.process.capabilities import NET_RAW, keep_only\n"
        "keep_only(frozenset({NET_RAW}))\n"
        "print([line for line in open('/proc/self/status') if line.startswith('CapEff')])\n"
        f"subprocess.run({SHOW!r})\n"
    )
    caps = ("--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw")
    # User id 1 can't execute an interpreter in root's home: here, the user stays, and only the sets are a service's.
    done = subprocess.run(
        ["setpriv", "--securebits=+noroot", *caps, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    own, *programs = done.stdout.splitlines()
    assert RAW in own
    assert [line.split()[1] for line in programs if line.startswith(("CapEff", "CapPrm", "CapAmb"))] == [NONE] * 3


def test_what_is_not_held_is_not_gained() -> None:
    """A process without capabilities keeps none, and no error comes of it."""

    def keep() -> list[int]:
        keep_only(frozenset())
        seal()
        keep_only(frozenset({NET_RAW}))
        return sorted(effective())

    assert in_child(keep) == []


def test_an_unknown_bit_is_named_by_its_number() -> None:
    """Names are those of capabilities(7)."""
    assert [name_of(NET_RAW), name_of(SYS_ADMIN), name_of(63)] == ["CAP_NET_RAW", "CAP_SYS_ADMIN", "capability 63"]


def test_without_proc_nothing_is_taken_for_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be read is no capability."""
    monkeypatch.setattr(capabilities, "Path", lambda _: Path("/nowhere"))

    assert effective() == frozenset()
