"""What a run is told by signals: to end, or to read its configuration again.

SIGHUP is both. A terminal that is closed sends it, and then the agent that was started there ends; anybody else
who sends it means that the configuration is to be read again. An agent started by `nohup` never takes it for an end.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

ENDING: Final = (signal.SIGTERM, signal.SIGINT)
SIGNALS: Final = (*ENDING, signal.SIGHUP)

_STANDARD: Final = (0, 1, 2)


class Orders:
    """Noted when they come, obeyed when it suits; a second signal to end does what it always does."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self.end: signal.Signals | None = None
        """The signal to end, once there was one."""
        self._reread = False
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        ignored = self._before[signal.SIGHUP] == signal.SIG_IGN
        self._on_terminal = [number for number in _STANDARD if os.isatty(number)]
        self._ends_with_terminal = has_terminal() and not ignored

    def __enter__(self) -> Self:
        """Take over the signals."""
        for number in ENDING:
            signal.signal(number, self._note_end)
        signal.signal(signal.SIGHUP, self._note_hangup)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give them back."""
        for number in SIGNALS:
            self._give_back(number)

    def take_reread(self) -> bool:
        """Say whether the configuration is to be read again; it is said once."""
        told, self._reread = self._reread, False
        return told

    def _note_end(self, number: int, _frame: FrameType | None) -> None:
        self.end = signal.Signals(number)
        self._give_back(self.end)

    def _note_hangup(self, number: int, _frame: FrameType | None) -> None:
        if not self._ends_with_terminal or has_terminal():
            self._reread = True
            return
        self.end = self.end or signal.Signals(number)
        self._let_go_of_terminal()

    def _let_go_of_terminal(self) -> None:
        """Have the last words, which are an error where there is no terminal any more, go nowhere."""
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for number in self._on_terminal:
            os.dup2(nowhere, number)
        os.close(nowhere)

    def _give_back(self, number: signal.Signals) -> None:
        signal.signal(number, self._before[number])


def has_terminal() -> bool:
    """Say whether this process has a terminal whose closing would tell it so."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
