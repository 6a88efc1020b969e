"""The first signal asks for the end; everything else stays as it was."""

from __future__ import annotations

import signal

import pytest

from shodohflo.agent.ending import SIGNALS, Ending


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted(number: signal.Signals) -> None:
    """Whichever of them it was."""
    with Ending() as ending:
        before = ending.signal
        signal.raise_signal(number)

        assert (before, ending.signal) == (None, number)


def test_a_second_interrupt_interrupts() -> None:
    """Who presses the keys again does not want to wait for the store."""
    with Ending():
        signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_the_signals_are_as_they_were() -> None:
    """Also if none came."""
    before = [signal.getsignal(number) for number in SIGNALS]

    with Ending():
        during = [signal.getsignal(number) for number in SIGNALS]

    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not set(during) & set(before)
