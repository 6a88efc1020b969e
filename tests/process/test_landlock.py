"""Landlock: the rules for each version of it, and in the kernel."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from errno import EACCES
from functools import partial
from pathlib import Path

import pytest

from shodohflo.process.capabilities import gain_nothing
from shodohflo.process.landlock import EXECUTE, Ruleset, program_places, restrict, ruleset, version
from support.forks import error_of, in_child
from support.machine import missing


@pytest.mark.parametrize(
    ("abi", "files", "words"),
    [
        (1, 0x1FF3, 1),
        (2, 0x3FF3, 1),
        (3, 0x7FF3, 1),
        (4, 0x7FF3, 1),
        (5, 0x7FF3, 1),
        (6, 0x7FF3, 3),
        (7, 0x7FF3, 3),
        (99, 0x7FF3, 3),
    ],
)
def test_each_version_restricts_what_it_knows(tmp_path: Path, abi: int, files: int, words: int) -> None:
    """What came with a later version is in no attribute, in no rule, and not in the length of the structure.

    A kernel refuses bits and fields that it does not know (landlock(7)).
    """
    rules = ruleset(abi, [tmp_path, Path("/dev/null")], [Path("/usr")])

    assert rules.files == files
    assert len(rules.pack()) == 8 * words
    assert struct.unpack_from("=Q", rules.pack()) == (files,)
    assert all(access & ~files == 0 for _, access in rules.rules)
    assert all(access for _, access in rules.rules)


def test_a_folder_allows_more_than_a_file(tmp_path: Path) -> None:
    """A rule for a file must not hold what only folders have: the kernel refuses it."""
    folder, file, program = (access for _, access in ruleset(7, [tmp_path, Path("/dev/null")], [Path("/usr")]).rules)

    assert file == 1 << 1 | 1 << 14
    assert folder & file == file
    assert folder & (1 << 5 | 1 << 8 | 1 << 9) == 1 << 5 | 1 << 8 | 1 << 9
    assert folder & (EXECUTE | 1 << 6 | 1 << 11 | 1 << 12) == 0
    assert program == EXECUTE


def kernel() -> int:
    """Return the version of this kernel, or skip the test."""
    return version() or missing("Landlock in this kernel")


def restricted(written: list[Path], executed: list[Path]) -> None:
    """Restrict this process, by the kernel's own version."""
    gain_nothing()
    restrict(ruleset(kernel(), written, executed))


@pytest.mark.parametrize("abi", range(1, 8))
def test_the_kernel_takes_the_rules_of_all_versions_up_to_its_own(tmp_path: Path, abi: int) -> None:
    """The rules for older kernels are valid ones, and restrict."""
    if abi > kernel():
        missing(f"version {abi} of Landlock")

    def use() -> list[int]:
        gain_nothing()
        (tmp_path / "mine").mkdir()
        restrict(ruleset(abi, [tmp_path / "mine"], []))
        return [error_of(partial(place.write_text, "x")) for place in (tmp_path / "mine/file", tmp_path / "file")]

    assert in_child(use) == [0, EACCES]


def test_only_the_named_places_are_written_to(tmp_path: Path) -> None:
    """In its folders a process can make, write, rename and remove files, and make sockets; elsewhere nothing at all."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (tmp_path / "other").write_text("as it was")

    def use() -> dict[str, int]:
        restricted([mine, Path("/dev/null")], [])
        unix = socket.socket(socket.AF_UNIX)
        return {
            "write": error_of(lambda: (mine / "a").write_text("x")),
            "truncate": error_of(lambda: (mine / "a").write_text("y")),
            "rename": error_of(lambda: (mine / "a").rename(mine / "b")),
            "remove": error_of((mine / "b").unlink),
            "socket": error_of(lambda: unix.bind(str(mine / "s"))),
            "null": error_of(lambda: Path("/dev/null").write_text("x")),
            "read": error_of((tmp_path / "other").read_text),
            "other": error_of(lambda: (tmp_path / "other").write_text("x")),
            "truncate other": error_of(lambda: os.truncate(tmp_path / "other", 0)),
            "make": error_of((tmp_path / "new").mkdir),
            "link": error_of(lambda: (mine / "link").symlink_to("/etc/passwd")),
            "move": error_of(lambda: (tmp_path / "other").rename(mine / "c")),
        }

    done = in_child(use)

    allowed = ("write", "truncate", "rename", "remove", "socket", "null", "read")
    assert {name: done[name] for name in allowed} == dict.fromkeys(allowed, 0)
    if kernel() < 3:
        done["truncate other"] = EACCES  # versions 1 and 2 cannot restrict it
    assert all(error for name, error in done.items() if name not in allowed), done
    assert (tmp_path / "other").read_text() == "as it was"


def test_nothing_is_executed_that_could_have_been_written(tmp_path: Path) -> None:
    """Programs of the system, and the interpreter, can be executed; a copy in a folder that is written to can't."""
    shutil.copy("/bin/true", tmp_path / "copy")

    def use() -> list[int]:
        restricted([tmp_path], [Path(sys.executable).parent, *program_places()])
        programs = (["/bin/true"], [sys.executable, "-I", "-c", ""], [str(tmp_path / "copy")])
        return [error_of(partial(subprocess.run, words, check=True)) for words in programs]

    assert in_child(use) == [0, 0, EACCES]


def test_places_that_do_not_exist_are_left_out(tmp_path: Path) -> None:
    """A missing place is no error, and no rule."""

    def use() -> int:
        restricted([tmp_path / "missing", tmp_path], [])
        return error_of(lambda: (tmp_path / "file").write_text("x"))

    assert in_child(use) == 0


def test_what_the_kernel_refuses_is_an_error() -> None:
    """Without no_new_privs, or with bits that no kernel knows, there is an error, and no restriction."""
    kernel()

    assert error_of(lambda: restrict(Ruleset(1 << 63, 0, ()))) == 22
