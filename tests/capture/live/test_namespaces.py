"""Another network namespace is asked from here, once a thread has entered it; what is wrong is said in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shodohflo.capture.live import namespaces
from shodohflo.capture.live.inet_diag import ADDRESSES, local_addresses
from shodohflo.capture.live.namespaces import NamespaceError, is_same, open_named, open_own, refuse_namespaces
from support.machine import require
from support.networks import namespace, run


def _identity() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_the_own_namespace_needs_no_right_and_has_a_range_of_ports() -> None:
    """What is opened without a name is of this thread's namespace."""
    opened = open_own()
    found = local_addresses(opened.addresses.dump(ADDRESSES))
    first, last = opened.ephemeral()
    opened.close()

    assert "127.0.0.1" in found.texts()
    assert f"{first}\t{last}\n" == Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()


def test_a_named_namespace_is_asked_while_all_threads_stay_where_they_are() -> None:
    """Addresses and ephemeral ports are those of the named namespace, after the thread that entered it has ended."""
    before, threads = _identity(), threading.active_count()
    with namespace() as space:
        space.ip("addr", "add", "192.0.2.77/32", "dev", "lo")
        space.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=50000 50999")

        opened = open_named(space.name)
        found = local_addresses(opened.addresses.dump(ADDRESSES)).texts()
        ephemeral = opened.ephemeral()
        space.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40999")
        changed = opened.ephemeral()
        opened.close()

    assert set(found) == {"127.0.0.1", "::1", "192.0.2.77"}
    assert (ephemeral, changed) == ((50000, 50999), (40000, 40999))
    assert (_identity(), threading.active_count()) == (before, threads)


def test_a_namespace_that_was_deleted_or_made_anew_is_another_one() -> None:
    """The name alone does not make it the same."""
    with namespace() as space:
        opened = open_named(space.name)
        before = is_same(space.name, opened)
        run("ip", "netns", "delete", space.name)
        without = is_same(space.name, opened)
        run("ip", "netns", "add", space.name)
        anew = is_same(space.name, opened)
        opened.close()

    assert (before, without, anew) == (True, False, False)


def test_a_name_that_does_not_exist_is_refused_with_those_that_do() -> None:
    """The error names the namespaces there are."""
    with namespace() as space, pytest.raises(NamespaceError) as raised:
        refuse_namespaces([space.name, "absent"])

    assert str(raised.value).startswith("there is no network namespace absent; there are ")
    assert space.name in str(raised.value)


@pytest.mark.parametrize("name", ["", ".", "..", "../../proc/self/ns/net", "a/b", "a\0b", "\x1b[2J/"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """A path is no name, and what the terminal would obey is not printed."""
    with pytest.raises(NamespaceError, match="is no name of a network namespace") as raised:
        refuse_namespaces([name])

    assert str(raised.value).isprintable()


def test_a_file_that_is_no_namespace_is_refused() -> None:
    """A file in the directory of the names, of which the namespace is gone, can't be entered."""
    require("ip", root=True)
    stray = Path("/run/netns", f"stray{os.getpid()}")
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    try:
        with pytest.raises(NamespaceError, match="cannot enter the network namespace stray"):
            refuse_namespaces([stray.name])
    finally:
        stray.unlink()


def test_without_the_right_the_way_out_is_said() -> None:
    """Entering without CAP_SYS_ADMIN fails with one line that names the right."""
    require("setpriv", root=True)
    with namespace() as space:
        code = (
            "from shodohflo.capture.live.namespaces import *\n"
            f"try: open_named({space.name!r})\n"
            "except NamespaceError as error: print(error)"
        )
        without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
        said = run(*without, sys.executable, "-c", code)

    assert said == (
        f"entering the network namespace {space.name} needs the right CAP_SYS_ADMIN: run this with sudo, "
        "or leave out --netns\n"
    )


def test_an_error_lists_some_names_of_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host of a thousand namespaces still gets an error of one line, and what a terminal obeys is escaped."""
    for number in range(999):
        (tmp_path / f"space{number:03}").touch()
    (tmp_path / "\x1b[2J").touch()
    monkeypatch.setattr(namespaces, "NAMED", tmp_path)

    with pytest.raises(NamespaceError) as raised:
        open_named("absent")

    assert str(raised.value).startswith("there is no network namespace absent; there are \\x1b[2J, space000, ")
    assert str(raised.value).endswith("space018, and 980 more")


def test_where_the_range_of_ports_is_hidden_it_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without /proc/sys, everything else is read."""
    monkeypatch.setattr(namespaces, "_EPHEMERAL", str(tmp_path / "absent"))
    opened = open_own()
    found = opened.ephemeral()
    opened.close()

    assert found == (32768, 60999)


def test_nothing_stays_open() -> None:
    """Closing, and every refusal, gives all descriptors back."""
    with namespace() as space:
        before = sorted(Path("/proc/self/fd").iterdir())
        for _ in range(3):
            open_named(space.name).close()
            open_own().close()
            with pytest.raises(NamespaceError):
                open_named("absent")
        after = sorted(Path("/proc/self/fd").iterdir())

    assert after == before


def test_the_command_refuses_a_name_in_one_line() -> None:
    """`shodohflo run --netns` of a name that does not exist ends before anything is started."""
    require("ip", root=True)
    program = Path(sys.executable).parent / "shodohflo"
    ordered = [str(program), "run", "lo", "--our-nets", "192.0.2.0/24", "--netns", "absent"]
    done = subprocess.run(ordered, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "there is no network namespace absent" in done.stderr.splitlines()[-1]
