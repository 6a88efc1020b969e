"""The targets of the fuzzer: they survive every seed and regression, and the fuzzer finds nothing in a short run."""

from __future__ import annotations

import gc
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fuzz.targets import TARGETS, Wrong

from shodohflo.capture.files.window import Window
from support.machine import missing, on_ci

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "fuzz" / "corpus"
SEEDS = sorted(path for path in CORPUS.rglob("*") if path.is_file())
"""The named seeds of each target, and those in `minimised/` that the fuzzer found."""
SECONDS = 20
"""The duration of the fuzzer's run, for all targets together."""


def _target(seed: Path) -> str:
    """Return the name of the target that a seed belongs to."""
    return seed.relative_to(CORPUS).parts[0]


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_survived_whole_and_cut(name: str) -> None:
    """Every target survives its seeds, which include all regressions, whole and truncated."""
    seeds = [seed.read_bytes() for seed in SEEDS if _target(seed) == name]
    assert seeds

    for seed in seeds:
        for end in (len(seed), len(seed) // 2, len(seed) - 1):
            TARGETS[name](seed[:end])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_bytes_are_no_trouble(target: Callable[[bytes], None]) -> None:
    """Every target survives empty and very short inputs."""
    for size in range(30):
        target(bytes(size))
        target(b"\xff" * size)


def test_every_target_has_its_seeds_and_they_are_small() -> None:
    """Every target has seeds, and all seeds together have less than 300 kB."""
    assert {_target(seed) for seed in SEEDS} == set(TARGETS)
    assert sum(seed.stat().st_size for seed in SEEDS) < 300_000


def test_inputs_that_the_fuzzer_made_are_apart_from_the_named_ones() -> None:
    """Inputs that are named by their digests are in `minimised/`."""
    unnamed = [seed for seed in SEEDS if re.fullmatch("(found-)?[0-9a-f]{8,}", seed.name)]

    assert unnamed
    assert [seed for seed in unnamed if seed.parent.name != "minimised"] == []


def test_a_target_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that loses a packet is reported as `Wrong`."""
    seed = (CORPUS / "pipeline" / "zeek-payload-syn").read_bytes()
    monkeypatch.setattr("shodohflo.attribution.pipeline.decode", _losing)

    with pytest.raises(Wrong, match="received"):
        TARGETS["pipeline"](seed)


def _losing(frames: object, tunnels: object, *, listens: bool) -> object:
    from shodohflo.wire.decode import decode  # noqa: PLC0415 - not what `pipeline` was given instead

    return decode(frames[1:], tunnels, listens=listens)  # type: ignore[index, arg-type]


def test_damage_keeps_no_memory() -> None:
    """A damaged capture leaves no window of 16 MiB behind in a reference cycle of its traceback."""
    gc.collect()
    gc.disable()
    try:
        for seed in SEEDS:
            if seed.parent.name == "pcap":
                TARGETS["pcap"](seed.read_bytes()[:-3])
        kept = [thing for thing in gc.get_objects() if isinstance(thing, Window)]
    finally:
        gc.enable()

    assert kept == []


def test_the_fuzzer_finds_nothing_in_a_few_seconds() -> None:
    """A short run of `make fuzz` finds nothing."""
    if importlib.util.find_spec("atheris") is None:
        if on_ci() and sys.version_info < (3, 14):
            missing("atheris, which has wheels for this Python")
        pytest.skip("missing: atheris has no wheel for this Python, or was not installed (make test installs it)")

    finished = subprocess.run(
        [sys.executable, "-m", "fuzz", "--time", str(SECONDS)], cwd=ROOT, capture_output=True, check=False
    )

    said = (finished.stdout + finished.stderr).decode(errors="replace")
    assert finished.returncode == 0, said[-4000:]
    assert len(re.findall("fuzzing ", said)) == len(TARGETS)
