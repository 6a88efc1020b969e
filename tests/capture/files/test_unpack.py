"""Packed captures: every format, cuts at every place, damage, and bounded memory."""

from __future__ import annotations

import gzip
import io
import os
import struct
import sys
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.files.unpack import GzipMember, Unpacked, packing
from shodohflo.capture.files.window import Stream
from shodohflo.errors import CaptureError
from support.savefiles import START, Drip, pcap, read

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

PACKINGS = [gzip.compress, zstd.compress]
PAYLOADS = [bytes([index]) * 100 for index in range(200)]
SKIPPED_FRAME = struct.pack("<II", 0x184D2A50, 4) + b"skip"


def unpack(packed: bytes, step: int = 1 << 20) -> tuple[bytes, str]:
    """Return everything that can be unpacked, and the message of the damage that ended it."""
    packed_as = packing(packed[:4])
    assert packed_as
    source = Unpacked(Stream(Drip(packed, step)), packed_as)  # type: ignore[arg-type]  # typeshed: no BinaryIO
    unpacked = b""
    try:
        while piece := source.read(1 << 20):
            unpacked += piece
    except CaptureError as error:
        return unpacked, str(error)
    return unpacked, ""


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_what_was_packed_comes_out(pack: Callable[[bytes], bytes], step: int) -> None:
    """Unpacking returns the original bytes, whatever the size of the pieces that arrive."""
    whole = pcap(PAYLOADS)

    assert unpack(pack(whole), step) == (whole, "")


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_members_may_follow_each_other(pack: Callable[[bytes], bytes], step: int) -> None:
    """Several members are unpacked as one file, as after `cat a.gz b.gz`, and empty members are allowed."""
    packed = pack(b"first") + pack(b"") + pack(b"second")

    assert unpack(packed, step) == (b"firstsecond", "")


def test_zeros_may_follow_a_gzip_member() -> None:
    """Zeros after a gzip member, as on tapes, are skipped, and another member may follow."""
    packed = gzip.compress(b"first") + bytes(40_000) + gzip.compress(b"second") + bytes(3)

    assert unpack(packed) == (b"firstsecond", "")
    assert unpack(packed, 1) == (b"firstsecond", "")


def test_zstd_frames_may_be_there_to_be_skipped() -> None:
    """Skippable zstd frames are ignored before, between and after the other frames."""
    packed = SKIPPED_FRAME + zstd.compress(b"first") + SKIPPED_FRAME + zstd.compress(b"second") + SKIPPED_FRAME

    assert unpack(packed) == (b"firstsecond", "")


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("rubbish", [b"\xff", b"rub", b"rubbish" * 10_000])
def test_what_follows_and_is_no_member_is_damage(pack: Callable[[bytes], bytes], rubbish: bytes) -> None:
    """Anything but a member after a member is damage, and everything before it is unpacked."""
    packed = pack(b"first")

    unpacked, damage = unpack(packed + rubbish)

    assert unpacked == b"first"
    assert damage.startswith(f"byte {len(packed)}: ")
    assert damage.endswith("data end here, and something else follows")


@pytest.mark.parametrize("pack", PACKINGS)
def test_packed_data_cut_anywhere_say_so(pack: Callable[[bytes], bytes]) -> None:
    """Packed data that are cut anywhere are reported as cut short, after the part that can be unpacked."""
    whole = pcap(PAYLOADS)
    packed = pack(whole)

    for length in range(4, len(packed)):
        unpacked, damage = unpack(packed[:length])

        assert whole.startswith(unpacked)
        assert damage.startswith(f"byte {length}: cut short: ")


def test_a_wrong_checksum_costs_nothing_that_came_before_it() -> None:
    """A wrong checksum loses none of the bytes before it, although zlib returns nothing from a call that fails."""
    whole = pcap(PAYLOADS)
    packed = bytearray(gzip.compress(whole))
    packed[-8] ^= 1

    unpacked, damage = unpack(bytes(packed))

    assert unpacked == whole
    assert "the gzip data are damaged" in damage


def test_a_damaged_member_stays_damaged() -> None:
    """A damaged member returns the bytes before the damage once, and raises the error in every later call."""
    member = GzipMember()
    packed = bytearray(gzip.compress(b"packet"))
    packed[-8] ^= 1

    assert member.decompress(bytes(packed), 100) == b"packet"
    assert not member.needs_input
    with pytest.raises(zlib.error, match="incorrect data check"):
        member.decompress(b"", 100)


@given(st.sampled_from(PACKINGS), st.data())
def test_no_byte_however_wrong_makes_anything_but_a_capture_error(
    pack: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    """A changed byte raises nothing but a `CaptureError` with a message of one line."""
    packed = bytearray(pack(pcap(PAYLOADS)))
    place = data.draw(st.integers(4, len(packed) - 1))
    packed[place] = data.draw(st.integers(0, 255))

    reading = read(bytes(packed))

    assert "\n" not in reading.damage


@pytest.mark.parametrize("pack", PACKINGS)
def test_little_that_unpacks_to_much_takes_little_memory(pack: Callable[[bytes], bytes]) -> None:
    """A decompression bomb is unpacked piece by piece in less than 1 MiB of memory."""
    bomb = pack(bytes(1 << 26)) * 2
    packed_as = packing(bomb[:4])
    assert packed_as
    tracemalloc.start()
    try:
        source = Unpacked(Stream(io.BytesIO(bomb)), packed_as)
        total = sum(map(len, iter(lambda: source.read(1 << 20), b"")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert total == 1 << 27
    assert peak < 1 << 20


def test_a_zstd_frame_that_wants_too_much_memory_is_refused() -> None:
    """A zstd frame with a window above 128 MiB is refused."""
    near = zstd.compress(b"packet" * 1000, options={zstd.CompressionParameter.window_log: 27})
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 28})
    far = compressor.compress(b"packet" * 1000) + compressor.flush()

    assert unpack(near) == (b"packet" * 1000, "")
    assert "the zstd data are damaged" in unpack(far)[1]


@pytest.mark.parametrize("pack", PACKINGS)
def test_asking_whether_there_is_more_does_not_wait_for_it(pack: Callable[[bytes], bytes]) -> None:
    """`waiting` does not block while the packed data that have arrived unpack to nothing."""
    packed = pack(b"packet")
    packed_as = packing(packed[:4])
    assert packed_as
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        source = Unpacked(Stream(reader), packed_as)

        answers = [source.waiting()]
        writer.write(packed[:6])
        answers.append(source.waiting())
        writer.write(packed[6:])
        answers.append(source.waiting())

        assert answers == [False, False, True]
        assert source.read(100) == b"packet"


@pytest.mark.parametrize("head", [b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x1f\x8a\x08\x00", b"", b"\x28\xb5\x2f"])
def test_what_is_not_packed_is_not_taken_for_packed(head: bytes) -> None:
    """Data that do not begin with the magic number of a known packing are not packed."""
    assert packing(head) is None


EMPTY = {
    "gzip": (gzip.compress, gzip.compress(b"", mtime=0)),
    "gzip with a name": (
        gzip.compress,
        gzip.compress(b"", mtime=0).replace(b"\x08\0", b"\x08\x08", 1)[:10] + b"name\0\3" + bytes(9),
    ),
    "gzip with a time": (gzip.compress, gzip.compress(b"", mtime=START)),
    "gzip, zeros": (gzip.compress, bytes(8)),
    "zstd": (zstd.compress, zstd.compress(b"")),
    "zstd with a checksum": (zstd.compress, zstd.compress(b"", options={zstd.CompressionParameter.checksum_flag: 1})),
    "zstd, skippable": (zstd.compress, struct.pack("<II", 0x184D2A5F, 0)),
    "zstd with a window": (zstd.compress, b"\x28\xb5\x2f\xfd\0\x58\1\0\0"),
    "zstd with both": (zstd.compress, b"\x28\xb5\x2f\xfd\4\x58\1\0\0\x99\xe9\xd8\x51"),
}


@pytest.mark.parametrize(("pack", "empty"), EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_members_of_no_bytes_hold_nothing(pack: Callable[[bytes], bytes], empty: bytes, step: int) -> None:
    """Empty members may stand anywhere after the first, and the others are unpacked."""
    assert unpack(pack(b"first") + empty * 3 + pack(b"second") + empty, step) == (b"firstsecond", "")


@pytest.mark.parametrize(("pack", "empty"), EMPTY.values(), ids=EMPTY)
def test_a_run_of_members_of_no_bytes_is_stepped_over(pack: Callable[[bytes], bytes], empty: bytes) -> None:
    """However many empty members there are, none of them is begun: as many others would be refused."""
    assert unpack(pack(b"first") + empty * 50_000 + pack(b"second")) == (b"firstsecond", "")


@pytest.mark.parametrize("pack", PACKINGS)
def test_members_that_are_many_and_tiny_are_refused(pack: Callable[[bytes], bytes]) -> None:
    """Beginning a member has a fixed cost, so members beyond the ten thousandth must hold something on average."""
    data, damage = unpack(pack(b"1") * 20_000)

    assert len(data) in range(10_000, 10_200)
    assert "parts of the" in damage
    assert damage.endswith("bytes: unpack it first")


@pytest.mark.parametrize("pack", PACKINGS)
def test_members_that_are_many_and_hold_something_are_read(pack: Callable[[bytes], bytes]) -> None:
    """Any number of members of a few hundred bytes is read."""
    assert unpack(pack(bytes(300)) * 12_000) == (bytes(300 * 12_000), "")
