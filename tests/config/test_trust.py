"""Root executes only files that root alone can write."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from shodohflo.config import load
from shodohflo.config.trust import read_bytes
from shodohflo.errors import ConfigurationError
from support.machine import require

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return a configuration that root owns, in a folder of its own."""
    require(root=True)
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    path = folder / "configuration.py"
    path.write_text("TTL_GRACE = 60\n", encoding="utf-8")
    path.chmod(0o644)
    return path


def test_a_file_of_root_alone_is_run(configuration: Path) -> None:
    """A file that root owns and that others can only read is loaded."""
    settings = load(configuration, {}, privileged=True)

    assert settings.ttl == 60


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(configuration: Path, mode: int) -> None:
    """A file that its group or anybody may write is refused with exit status 2."""
    configuration.chmod(mode)

    with pytest.raises(
        ConfigurationError, match=r"it may be written by others .* chmod go-w .*once you have"
    ) as caught:
        load(configuration, {}, privileged=True)

    assert caught.value.exit_code == 2


def test_a_file_in_a_folder_for_everybody_is_to_be_copied(configuration: Path) -> None:
    """In /tmp and its like, the advice is a copy: the folder must stay as it is."""
    configuration.parent.chmod(0o1777)

    with pytest.raises(ConfigurationError, match=r"etc may be written by others .*: copy it to where only root can"):
        load(configuration, {}, privileged=True)


def test_a_file_of_somebody_else_is_refused(configuration: Path) -> None:
    """A file of another user is refused, with the advice to copy it: after `chown`, its old owner may have it open."""
    os.chown(configuration, NOBODY, 0)

    with pytest.raises(ConfigurationError, match=r"it belongs to user 65534 .* install -D") as caught:
        load(configuration, {}, privileged=True)

    assert "chown" not in str(caught.value)


def test_a_folder_that_others_may_write_is_refused(configuration: Path) -> None:
    """A file in a folder that others may write is refused, because they could replace it."""
    configuration.parent.chmod(0o777)

    with pytest.raises(ConfigurationError, match=r"etc may be written by others"):
        load(configuration, {}, privileged=True)


def test_a_folder_of_somebody_else_is_refused(configuration: Path) -> None:
    """A file in a folder that another user owns is refused, because that user could replace it."""
    os.chown(configuration.parent, NOBODY, 0)

    with pytest.raises(ConfigurationError, match=r"etc belongs to user 65534"):
        load(configuration, {}, privileged=True)


def test_a_link_is_as_safe_as_both_its_ends(configuration: Path, tmp_path: Path) -> None:
    """A symbolic link is refused if others may write its own folder or the folder of its target."""
    folder = tmp_path / "links"
    folder.mkdir(mode=0o755)
    link = folder / "link.py"
    link.symlink_to(configuration)
    read_bytes(link, privileged=True)

    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="links may be written"):
        read_bytes(link, privileged=True)

    folder.chmod(0o755)
    configuration.parent.chmod(0o777)
    with pytest.raises(ConfigurationError, match="etc may be written"):
        read_bytes(link, privileged=True)


def test_a_folder_above_the_parent_counts_as_well(configuration: Path) -> None:
    """A folder of root inside a folder of another user is refused, because that user could replace it."""
    inner = configuration.parent / "inner"
    inner.mkdir(mode=0o755)
    moved = configuration.rename(inner / "configuration.py")
    os.chown(configuration.parent, NOBODY, 0)

    with pytest.raises(ConfigurationError, match=r"etc belongs to user 65534 .* copy it to where only root can write"):
        load(moved, {}, privileged=True)


@pytest.mark.parametrize("privileged", [True, False])
def test_what_is_no_file_says_why(configuration: Path, privileged: bool) -> None:  # noqa: FBT001 - a parameter
    """A folder is refused as a folder, and a missing file as missing, with or without privileges."""
    with pytest.raises(ConfigurationError, match="etc: is a directory"):
        load(configuration.parent, {}, privileged=privileged)
    with pytest.raises(ConfigurationError, match="etc/nope: no such file"):
        load(configuration.parent / "nope", {}, privileged=privileged)


def test_only_bytes_that_were_checked_are_executed(configuration: Path, tmp_path: Path) -> None:
    """While a link alternates between root's file and another user's, only root's is executed."""
    evil, current, trace = tmp_path / "evil", tmp_path / "current", tmp_path / "trace"
    evil.mkdir(mode=0o755)
    (evil / configuration.name).write_text(f"open({str(trace)!r}, 'w')\n")
    os.chown(evil, NOBODY, -1)
    current.symlink_to(evil)
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for target in (configuration.parent, evil):
                (tmp_path / "new").symlink_to(target)
                (tmp_path / "new").replace(current)

    swapping = threading.Thread(target=swap)
    swapping.start()
    executed = 0
    try:
        while executed < 50:
            with suppress(ConfigurationError):
                executed += load(current / configuration.name, {}, privileged=True).ttl == 60
    finally:
        ended.set()
        swapping.join()

    assert not trace.exists()


def test_nothing_of_a_refused_file_is_run(configuration: Path, tmp_path: Path) -> None:
    """A refused file is not executed at all."""
    trace = tmp_path / "trace"
    configuration.write_text(f"open({str(trace)!r}, 'w')\n", encoding="utf-8")
    configuration.chmod(0o666)

    with pytest.raises(ConfigurationError):
        load(configuration, {}, privileged=True)

    assert not trace.exists()


def test_without_privileges_a_file_of_others_is_as_good_as_any(configuration: Path) -> None:
    """Without privileges, the owner and the mode of a file are not checked."""
    configuration.chmod(0o666)

    assert load(configuration, {}, privileged=False).ttl == 60


def test_a_module_beside_the_file_is_not_imported(configuration: Path) -> None:
    """Modules come from the interpreter's own path, also where the working directory has some of the same name."""
    folder = configuration.parent
    for name in ("beside", "valkey", "rich"):
        (folder / f"{name}.py").write_text("open('trace', 'w')\n")
    configuration.write_text("import rich\nimport beside\n")

    done = subprocess.run(
        [sys.executable, "-m", "shodohflo", "check", configuration.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "ModuleNotFoundError: No module named 'beside'" in done.stdout
    assert not (folder / "trace").exists()
