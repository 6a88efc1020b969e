"""Files that name stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shodohflo.errors import ConfigurationError
from shodohflo.store.roster import LARGEST, NamedStore, read_roster


def test_a_file_has_one_store_a_line(tmp_path: Path) -> None:
    """Blank lines and comments are skipped; each store has its place for errors."""
    path = tmp_path / "stores.txt"
    path.write_text(
        "# ours\n\n  valkey://bert  \nernie:6380 # with TLS\r\n#valkey://old\ndns:s.net\n", encoding="utf-8"
    )

    assert read_roster(path) == (
        NamedStore("valkey://bert", f"{path}:3"),
        NamedStore("ernie:6380", f"{path}:4"),
        NamedStore("dns:s.net", f"{path}:6"),
    )


def test_a_password_is_in_no_text_of_a_store() -> None:
    """What a debugger or a log would print is the place."""
    assert "hush" not in repr(NamedStore("valkey://:hush@bert", "a:1"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", ": it names no store: write one a line"),
        (b"# nobody\n\n", ": it names no store: write one a line"),
        (b"valkey://:hush@bert valkey://ernie\n", ":1: there are several words: write one store a line"),
        (b"bert\n@more.txt\n", ":2: a file of stores cannot name another one"),
        (b"\xff\xfe\x00", ": it is no UTF-8 text"),
        (b"b" * (LARGEST + 1), ": it has more than 1,048,576 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    """The error names the file, the line if there is one, and the way out, without what the line has."""
    path = tmp_path / "stores.txt"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        read_roster(path)

    assert str(caught.value).startswith(f"{path}{told}")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"), [("gone", "No such file"), ("", "Is a directory"), ("a\0b", "embedded null byte")]
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, told: str) -> None:
    """The error says what the system says, and what stands after @."""
    with pytest.raises(ConfigurationError, match=f"{told}.*: after @ stands a file that names stores"):
        read_roster(tmp_path / name)


def test_a_path_may_begin_with_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell expands ~ after @."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "stores").write_text("bert", encoding="utf-8")

    assert [store.text for store in read_roster(Path("~/stores"))] == ["bert"]


def test_a_pipe_is_read_to_its_end() -> None:
    """As of `--store @<(list-stores)`."""
    reading, writing = os.pipe()
    os.write(writing, b"bert\n")
    os.close(writing)

    assert [store.text for store in read_roster(Path(f"/dev/fd/{reading}"))] == ["bert"]
    os.close(reading)
