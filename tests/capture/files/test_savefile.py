"""Capture files: their format is recognised by content, they are read while they grow, and damage is located."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import struct
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pytest

from shodohflo.capture.files.savefile import Savefile, open_savefile
from shodohflo.errors import CaptureError
from support.savefiles import Drip, enhanced, interface, pcap, pcap_header, pcapng, read, record, rows, section_header

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shodohflo.columns.frames import Frames

PAYLOADS = [b"first", b"", b"third"]
PCAP = pcap(PAYLOADS)
PCAPNG = pcapng(interface(), *map(enhanced, PAYLOADS))

DAMAGED = {
    "brimcap-extra.pcapng": "byte 12400: cut short: expected at least 12 bytes here, found 1",
    "suricata-verify-tls_DER-incomplete-content.pcap": "byte 5035: a record claims 4325376 captured bytes",
}
"""The captures that are damaged according to the manifest, and their errors."""


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Return the reading end of a pipe, buffered like standard input, and its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


def payloads(frames: Frames) -> list[bytes]:
    """Return the captured bytes of each frame."""
    return [row.data for row in rows(frames)]


def gzipped(data: bytes) -> bytes:
    """Pack `data` without the current time, so that parameters are the same whenever tests are collected."""
    return gzip.compress(data, mtime=0)


def check(directory: Path, pack: Callable[[bytes], bytes]) -> None:
    """Compare what is read from all captures in a directory, packed by `pack`, with its manifest."""
    with (directory / "MANIFEST.tsv").open(encoding="utf-8") as manifest:
        for capture in csv.DictReader(manifest, delimiter="\t"):
            packed = pack((directory / capture["file"]).read_bytes())
            reading = read(packed, capture["file"])

            assert len(reading.rows) == int(capture["packets"]), capture["file"]
            assert DAMAGED.get(capture["file"], "") in reading.damage
            assert bool(reading.damage) == (capture["file"] in DAMAGED), reading.damage


def test_the_captures_of_the_repository_have_the_packets_of_their_manifest(shipped_captures: Path) -> None:
    """The captures of the repository have the packets and the damage that their manifest lists."""
    check(shipped_captures, bytes)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_all_captures_have_the_packets_of_their_manifest(captures_dir: Path, pack: Callable[[bytes], bytes]) -> None:
    """All captures have the packets that their manifest lists, plain and packed."""
    check(captures_dir, pack)


@pytest.mark.parametrize("whole", [PCAP, PCAPNG])
@pytest.mark.parametrize("name", ["a.pcap", "a.pcapng", "a.gz", "a.zst", "a.txt"])
def test_the_name_of_a_file_says_nothing_about_its_format(whole: bytes, name: str) -> None:
    """The format is recognised by the first bytes of a file, whatever its name."""
    assert read(whole, name).payloads == PAYLOADS
    assert read(gzip.compress(whole), name).payloads == PAYLOADS
    assert read(zstd.compress(whole), name).payloads == PAYLOADS


def test_an_empty_file_is_an_error_of_its_own() -> None:
    """An empty file, packed or not, has an error message of its own."""
    assert read(b"", "a.pcap").damage == "a.pcap is empty: it has no file header"
    assert read(gzip.compress(b""), "a.gz").damage == "a.gz is empty: it has no file header"


@pytest.mark.parametrize("whole", [pcap_header(), section_header(), pcapng(interface()), gzipped(pcap_header())])
def test_a_file_without_packets_is_fine(whole: bytes) -> None:
    """A file that has a header and no packets is read without an error."""
    savefile = Savefile(io.BytesIO(whole), "a.pcap")

    assert list(savefile) == []
    assert savefile.packets == 0


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"Hello, world", "48 65 6c 6c"),
        (b"\xd4", "d4"),
        (b"\xa1\xb2\xc3", "a1 b2 c3"),
        (b"\xfd7zXZ\0", "xz data: unpack it first"),
        (b"BZh91AY", "bzip2 data: unpack it first"),
        (b"snoop\0\0\0", "a snoop file: convert it with editcap first"),
        (interface(), "a pcapng block without a section header before it"),
        (enhanced(b"packet", ">"), "a pcapng block without a section header before it"),
        (gzipped(gzipped(PCAP)), "1f 8b 08 00"),
    ],
)
def test_what_is_not_a_capture_is_told_by_what_it_begins_with(head: bytes, what: str) -> None:
    """The error for a file that is not a capture names what it begins with and, if possible, what to do."""
    assert read(head, "a.pcap").damage.startswith(f"a.pcap is not a capture: it begins with {what}")


def test_places_in_a_packed_file_are_counted_in_unpacked_bytes() -> None:
    """The place of damage in a packed file is given in unpacked bytes, and the message states that."""
    assert read(gzip.compress(PCAP + b"\0"), "a.gz").damage.startswith(f"a.gz: unpacked byte {len(PCAP)}: cut short")


def test_a_packed_file_that_is_cut_says_that_and_not_where_it_left_a_record() -> None:
    """The error for a packed file that is cut reports the cut, not the record left incomplete."""
    packed = gzip.compress(PCAP)

    reading = read(packed[:-9], "a.gz")

    assert reading.damage == f"a.gz: byte {len(packed) - 9}: cut short: the gzip data are incomplete"


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "not \udcff utf-8"])
def test_a_message_is_one_printable_line_whatever_the_name(name: str) -> None:
    """An error message is one printable line, whatever characters the file name contains."""
    damage = read(b"rubbish", name).damage

    assert damage.isprintable()
    assert damage.encode()


def test_the_lengths_of_columns_and_their_types_are_those_of_frames() -> None:
    """The columns have the types of `Frames` and one row for each packet."""
    for whole in (PCAP, PCAPNG):
        (frames,) = Savefile(io.BytesIO(whole), "a.pcap")

        columns = (frames.start, frames.captured, frames.original, frames.layer, frames.time)
        assert [column.dtype.name for column in columns] == ["int64", "int64", "int64", "uint32", "int64"]
        assert [len(column) for column in columns] == [3] * 5
        assert frames.buffer.dtype == np.uint8


def test_position_and_packets_tell_how_far_reading_has_come() -> None:
    """The position counts packed bytes, so that it can be compared with the file's size."""
    packed = gzip.compress(PCAP)
    savefile = Savefile(io.BytesIO(packed), "a.gz")
    assert (savefile.position, savefile.packets) == (0, 0)

    for _ in savefile:
        pass

    assert (savefile.position, savefile.packets) == (len(packed), 3)


@pytest.mark.parametrize("file", [PCAP, PCAPNG])
def test_packets_are_yielded_as_they_arrive(file: bytes, pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """Complete packets are yielded while the writer is still running and the next packet is incomplete."""
    reader, writer = pipe
    frames = iter(Savefile(reader, "standard input"))
    end_of_first = file.index(b"first") + (5 if file is PCAP else 12)
    beginning, rest = file[: end_of_first + 10], file[end_of_first + 10 :]

    writer.write(beginning)
    first = payloads(next(frames))
    writer.write(rest)
    others = payloads(next(frames))
    writer.close()

    assert (first, others) == (PAYLOADS[:1], PAYLOADS[1:])
    assert list(frames) == []


def test_packed_packets_are_yielded_as_they_arrive(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """Packets of a packed stream are yielded as soon as they can be unpacked."""
    reader, writer = pipe
    frames = iter(Savefile(reader, "standard input"))

    writer.write(gzip.compress(pcap_header() + record(b"first")) + gzip.compress(record(b"second"))[:12])

    assert payloads(next(frames)) == [b"first"]


@pytest.mark.parametrize("whole", [PCAP, PCAPNG, gzipped(PCAP), zstd.compress(PCAPNG)])
def test_byte_by_byte_is_as_good_as_at_once(whole: bytes) -> None:
    """A file that arrives byte by byte, packed or not, gives the same result as a whole one."""
    assert read(Drip(whole)) == read(whole)  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO


def test_a_file_that_ends_early_in_a_huge_record_is_damaged() -> None:
    """A file that ends before the head of a huge record is complete is reported with the number of bytes it has."""
    usb = 220
    header = pcap_header(link=usb, snap_length=2**31)

    reading = read(header + struct.pack("<IIII", 0, 0, 2**27, 2**27) + bytes(100))

    assert reading.damage == f"made.pcap: byte 24: cut short: expected at least {2**20} bytes here, found 116"


def test_a_file_is_opened_by_its_path(tmp_path: Path) -> None:
    """A file is opened by its path and closed afterwards."""
    (tmp_path / "a.pcap").write_bytes(PCAP)

    with open_savefile(str(tmp_path / "a.pcap")) as savefile:
        assert [payloads(frames) for frames in savefile] == [PAYLOADS]


@pytest.mark.parametrize("path", ["missing.pcap", ".", "nul\0"])
def test_a_file_that_cannot_be_opened_is_a_capture_error(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be opened is a `CaptureError` of one line that begins with its name."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CaptureError) as error, open_savefile(path):
        pass

    assert re.fullmatch(r"missing\.pcap: No such .*|\.: Is a .*|'nul\\x00': embedded .*", str(error.value))


def test_a_dash_is_standard_input() -> None:
    """The name `-` means standard input, which may be a pipe."""
    program = (
        "from shodohflo.capture.files.savefile import open_savefile\n"
        "with open_savefile('-') as savefile:\n"
        "    print(sum(map(len, savefile)))\n"
    )

    printed = subprocess.run([sys.executable, "-c", program], input=PCAPNG, capture_output=True, check=True).stdout

    assert printed == b"3\n"


@pytest.mark.parametrize("kept", range(0, len(PCAPNG), 5))
def test_no_file_ends_in_anything_but_frames_or_a_capture_error(kept: int) -> None:
    """Files spliced from two formats yield valid frames or a `CaptureError`."""
    for made in (PCAP[:kept] + PCAPNG, PCAPNG[:kept] + PCAP, gzip.compress(PCAP)[:kept] + PCAPNG):
        with suppress(CaptureError):
            for frames in Savefile(io.BytesIO(made), "made"):
                assert (frames.start + frames.captured <= len(frames.buffer)).all()
                assert (frames.original >= frames.captured).all()
