"""How a run is told to end: by a signal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The last is what a terminal sends that is closed."""


class Ending:
    """Set by the first signal; a second one of its kind does what it always does, for those who can't wait."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self.signal: signal.Signals | None = None
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        """Take over the signals."""
        for number in SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give them back."""
        for number in SIGNALS:
            self._give_back(number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._give_back(self.signal)

    def _give_back(self, number: signal.Signals) -> None:
        signal.signal(number, self._before[number])
