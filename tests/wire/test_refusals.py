"""Reasons to refuse a packet: each has an explanation of its own and is covered by a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shodohflo.wire.refusals import Refusal

TESTS = Path(__file__).parent


@pytest.mark.parametrize("refusal", Refusal)
def test_a_reason_is_a_word_and_explains_itself(refusal: Refusal) -> None:
    """A reason is a word for the ledger and has an explanation for the reference page."""
    assert re.fullmatch("[a-z_]+", refusal)
    assert len(refusal.explanation.split()) >= 5
    assert not refusal.explanation.endswith(".")


def test_no_two_reasons_have_the_same_sentence() -> None:
    """No two reasons have the same explanation."""
    assert len({refusal.explanation for refusal in Refusal}) == len(Refusal)


@pytest.mark.parametrize("refusal", Refusal)
def test_every_reason_is_met_by_some_test(refusal: Refusal) -> None:
    """Every reason is the expected result of a test."""
    files = [path for path in TESTS.rglob("test_*.py") if path.name != Path(__file__).name]
    files.append(TESTS.parent / "attribution" / "test_pipeline.py")

    assert any(re.search(rf'["\.]{refusal}["\[]', path.read_text(encoding="utf-8")) for path in files)
