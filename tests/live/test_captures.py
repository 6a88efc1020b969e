"""A capture that is sent over a link is recorded like one read from its file: the same keys and counts."""

from __future__ import annotations

from contextlib import closing
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.files.savefile import Savefile
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.capture.live.listener import Listener
from shodohflo.errors import CaptureError
from shodohflo.keys import counts
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from support.machine import SHIPPED_CAPTURES, outside_captures
from support.networks import Namespace, join, namespace, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ETHERNET = 1
_OURS = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "2000::/4"))
)


def ethernet_captures() -> dict[str, Path]:
    """Return the captures that can be sent over a link unchanged, by name."""
    folders = [SHIPPED_CAPTURES, outside_captures() or SHIPPED_CAPTURES]
    files = {path.name: path for folder in folders for path in folder.glob("*.pcap*")}
    return {name: path for name, path in sorted(files.items()) if _is_sendable(path)}


def _is_sendable(path: Path) -> bool:
    """Return whether a capture is undamaged and contains only untruncated Ethernet frames."""
    try:
        with path.open("rb") as stream:
            batches = [
                bool((frames.layer == _ETHERNET).all() and (frames.captured == frames.original).all())
                for frames in Savefile(stream, path.name)
            ]
    except CaptureError:
        return False
    return bool(batches) and all(batches)


def a_pipeline() -> Pipeline:
    """Return a pipeline with the default rules."""
    return Pipeline(CompiledRules(default_enumeration().bound(_OURS), default_mapping()), Policy(_OURS))


def from_file(path: Path) -> Pipeline:
    """Return a pipeline that has processed the capture, as `replay` does."""
    pipeline = a_pipeline()
    with path.open("rb") as stream:
        for frames in Savefile(stream, path.name):
            pipeline.ingest(frames)
    return pipeline


@pytest.fixture(name="ends", scope="module")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


@pytest.mark.parametrize("path", ethernet_captures().values(), ids=lambda path: path.name)
def test_the_wire_and_the_file_say_the_same(ends: tuple[Namespace, Namespace], path: Path) -> None:
    """A capture gives the same outcomes, keys and counts whether it is received or read from its file."""
    far, near = ends
    live, read = a_pipeline(), from_file(path)

    with near.entered(), closing(Listener(Wanted(("near0",)))) as listener:
        sent = send(far, "far0", path)
        for frames in listener.finish():
            live.ingest(frames)
        kernel_dropped = listener.kernel_dropped

    assert (live.settle().received, kernel_dropped) == (sent, 0)
    assert live.settle().as_dict() == read.settle().as_dict()
    assert counts(live.take()) == counts(read.take())
