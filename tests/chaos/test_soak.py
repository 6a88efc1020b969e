"""A small share of `python -m chaos.soak`: seconds of it, with the changes that the seed gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from chaos.changes import CHANGES
from chaos.soak import Soaked, soak

from support.machine import require

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 4
SECONDS = 16.0


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soaked:
    """Return what came of a short run."""
    require("ip", root=True)
    return soak(SEED, SECONDS, tmp_path_factory.mktemp("soak"))


def test_the_store_has_what_the_ledger_says(soaked: Soaked, record_property: Callable[[str, object], None]) -> None:
    """Whatever changes around the agent, each count of its ledger is in the store, or its loss has a name."""
    record_property("figures", soaked.line())

    assert soaked.faults() == [], soaked.line()
    assert soaked.ledger["received"] > soaked.steady.packets, "something must arrive on the other interface, too"
    assert soaked.changes, "something must have changed"


def test_a_count_that_is_missing_is_found(soaked: Soaked) -> None:
    """A ledger that says more than the store was told is a fault, and so is a flow that counts too little."""
    more = replace(soaked, ledger={**soaked.ledger, "recorded.rst": soaked.ledger["recorded.rst"] + 1})
    key, count = next(iter(soaked.steady.keys.items()))
    counts = soaked.found.counts | Counter({key: count + 1})
    wrong = replace(soaked, found=replace(soaked.found, counts=counts), ledger={**soaked.ledger, "kernel_dropped": 0})

    assert any(fault.startswith("rst: ") for fault in more.faults())
    assert any(key in fault for fault in wrong.faults())


def test_an_agent_that_ended_badly_is_a_fault(soaked: Soaked) -> None:
    """A wrong exit status, and a line of the log that tells of a mistake, are faults."""
    bad = replace(soaked, status=1, mistakes=["Traceback"])

    assert len(bad.faults()) == len(soaked.faults()) + 2


def test_every_change_says_what_it_does() -> None:
    """Each change has a sentence of its own."""
    said = {(change.__doc__ or "").strip() for change in CHANGES.values()}

    assert all(said)
    assert len(said) == len(CHANGES)
