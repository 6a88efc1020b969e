"""Places of passwords: files, variables and credentials, and what is said when one can't be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from shodohflo.store.passwords import LONGEST, PasswordPlace, PasswordSource

if TYPE_CHECKING:
    from pathlib import Path


def in_file(path: Path) -> PasswordPlace:
    """Return the place that is a file."""
    return PasswordPlace(PasswordSource.FILE, str(path))


@pytest.mark.parametrize(
    ("octets", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        (b" secret \n", " secret "),
        ("geh\u00e4im".encode(), "geh\u00e4im"),
    ],
)
def test_one_final_newline_is_not_part_of_the_password(tmp_path: Path, octets: bytes, password: str) -> None:
    """Editors end a file with a newline; everything else in it is the password."""
    file = tmp_path / "password"
    file.write_bytes(octets)

    assert in_file(file).read() == password


@pytest.mark.parametrize(
    ("octets", "said"),
    [(b"", "the file is empty"), (b"\n", "the file is empty"), (b"x" * (LONGEST + 1), "16,384"), (b"\xff", "UTF-8")],
)
def test_a_file_without_a_password_is_named(tmp_path: Path, octets: bytes, said: str) -> None:
    """A file that can't hold a password is an error that names it and quotes nothing of it."""
    file = tmp_path / "password"
    file.write_bytes(octets)

    with pytest.raises(ValueError, match=f"password_file {file}: .*{said}") as caught:
        in_file(file).read()
    assert "xxx" not in str(caught.value)


def test_a_pipe_that_nobody_writes_to_does_not_hold_us(tmp_path: Path) -> None:
    """A named pipe without a writer is an empty file."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ValueError, match="is empty"):
        in_file(tmp_path / "pipe").read()


def test_a_file_that_is_missing_is_named_with_the_way_out(tmp_path: Path) -> None:
    """It may be there and unreadable, or be another one."""
    with pytest.raises(ValueError, match=f"password_file {tmp_path}/no: No such file .*, or name another file"):
        in_file(tmp_path / "no").read()


def test_a_variable_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable has the password, or is named."""
    place = PasswordPlace(PasswordSource.VARIABLE, "STORE_PASSWORD")

    monkeypatch.setenv("STORE_PASSWORD", "secret")
    assert place.read() == "secret"
    monkeypatch.setenv("STORE_PASSWORD", "")
    with pytest.raises(ValueError, match="password_env STORE_PASSWORD: the variable is empty"):
        place.read()
    monkeypatch.delenv("STORE_PASSWORD")
    with pytest.raises(ValueError, match="password_env STORE_PASSWORD: the variable is not set"):
        place.read()


def test_a_credential_is_in_the_directory_that_systemd_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A credential is a file of its name; without a directory, the error says what to write in the unit."""
    place = PasswordPlace(PasswordSource.CREDENTIAL, "store")

    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ValueError, match="write LoadCredential=store:PATH in the unit"):
        place.read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ValueError, match=r"store: No such file .*, or write LoadCredential=store:PATH"):
        place.read()
    (tmp_path / "store").write_bytes(b"secret\n")
    assert place.read() == "secret"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (PasswordSource.FILE, "secret"),
        (PasswordSource.VARIABLE, "my secret"),
        (PasswordSource.VARIABLE, "1secret"),
        (PasswordSource.CREDENTIAL, "../secret"),
        (PasswordSource.CREDENTIAL, ".."),
    ],
)
def test_what_is_no_place_is_refused_and_not_quoted(source: PasswordSource, place: str) -> None:
    """A value that has not the form of its place may be the password itself."""
    with pytest.raises(ValueError, match=f"{source} needs") as caught:
        PasswordPlace(source, place).check()

    assert "secret" not in str(caught.value)
