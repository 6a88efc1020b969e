"""Checks of decoders with one frame: whole, truncated at each byte, with trailing bytes, and with extreme values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.wire.decode import Decoded, Packets, decode
from shodohflo.wire.tunnels import UDP_TUNNELS
from support.packets import frames_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PORTS_OF_UDP: Final = 4
"""The bytes of a UDP header that must be captured, of 8."""

TUNNELS: Final = frozenset(UDP_TUNNELS)


@dataclass(frozen=True, slots=True)
class Found:
    """The result of decoding one frame."""

    family: int
    ports: tuple[int, int]
    octets: int


def found(frame: bytes, layer: int, original: int | None = None) -> Found:
    """Decode one frame that must be a TCP or UDP packet."""
    decoded = decode(frames_of(frame, layer=layer, original=original))
    assert not decoded.refused, dict(decoded.refused)
    (batch,) = decoded.batches
    ((source, destination),) = zip(batch.src_port.tolist(), batch.dst_port.tolist(), strict=True)
    return Found(batch.family, (source, destination), *batch.octets.tolist())


def refusal(frame: bytes, layer: int, original: int | None = None) -> str:
    """Decode one frame that must be refused, and return the reason."""
    decoded = decode(frames_of(frame, layer=layer, original=original))
    assert not decoded.batches
    assert not decoded.messages
    ((reason, count),) = decoded.refused.items()
    assert count == 1
    return str(reason)


def assert_sent(frame: bytes, layer: int, shown: int) -> None:
    """Assert that a frame is counted as sent as soon as its first `shown` bytes are captured, and never otherwise."""
    for captured in range(len(frame) + 1):
        decoded = decode(frames_of(frame[:captured], layer=layer, original=len(frame)))
        assert (decoded.sent, ways_out(decoded)) == (int(captured >= shown), 1), captured


def ways_out(packets: Packets) -> int:
    """Return the number of packets that were decoded, refused or sent."""
    decoded = sum(map(len, packets.batches)) + sum(map(len, packets.messages))
    return decoded + packets.refused.total() + packets.sent


def ways_out_inside(decoded: Decoded) -> tuple[int, int]:
    """Return the number of packets inside UDP tunnels that were decoded or refused, and that of the tunnels."""
    return ways_out(decoded.inside), sum(decoded.opened[name] for name in TUNNELS)


def assert_survives_everything(frame: bytes, layer: int, trailer: int = 0, *, mirrored: bool = True) -> None:
    """Assert that a sound frame that ends with a UDP header is decoded correctly in all of these variants.

    `trailer` bytes of the frame may come after the UDP header. `mirrored` includes truncation by a mirror.
    """
    _whole_and_with_rubbish(frame, layer)
    _cut_short(frame, layer, trailer, mirrored=mirrored)
    _with_extremes(frame, layer)


def _whole_and_with_rubbish(frame: bytes, layer: int) -> None:
    """Assert that trailing bytes, such as padding or a frame check sequence, change nothing."""
    whole = found(frame, layer)
    for rubbish in (b"\0", bytes(4), b"\xff" * 46, bytes(range(256))):
        assert found(frame + rubbish, layer) == whole


def _cut_short(frame: bytes, layer: int, trailer: int, *, mirrored: bool) -> None:
    """Assert that a truncated frame is refused as cut until its ports are there, and found from then on.

    It may have been truncated by the capture, which says so (`original`), or by a mirror before, which does not.
    """
    whole = found(frame, layer)
    enough = len(frame) - trailer - 8 + PORTS_OF_UDP
    for captured in range(len(frame)):
        for original in (len(frame), captured) if mirrored else (len(frame),):
            if captured < enough:
                assert refusal(frame[:captured], layer, original).endswith("_cut"), (captured, original)
            else:
                assert found(frame[:captured], layer, original) == whole, (captured, original)


def _with_extremes(frame: bytes, layer: int) -> None:
    """Assert that the frame has one result, whatever value any of its fields has."""
    changed = list(_changed(frame))

    decoded = decode(frames_of(*changed, layer=layer, guard=b"\xa5" * 7), TUNNELS)

    assert ways_out(decoded) == len(changed)
    inside, tunnels = ways_out_inside(decoded)
    assert inside == tunnels


def _changed(frame: bytes) -> Iterator[bytes]:
    """Yield the frame with extreme values in every possible field of one, two or four bytes."""
    for size, values in ((1, _extremes(8)), (2, _extremes(16)), (4, _extremes(32))):
        for place in range(len(frame) - size + 1):
            for value in values:
                yield frame[:place] + value.to_bytes(size, "big") + frame[place + size :]


def _extremes(bits: int) -> tuple[int, ...]:
    top = 1 << bits
    return 0, 1, top // 2 - 1, top // 2, top - 2, top - 1
