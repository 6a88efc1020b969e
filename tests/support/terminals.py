"""Programs on a terminal of their own, with the screen that a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyte

from support.serving import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_ON_ITS_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(slots=True)
class Terminal:
    """A terminal with a program on it."""

    process: subprocess.Popen[bytes]
    outside: int
    screen: pyte.Screen
    stream: pyte.ByteStream

    @property
    def lines(self) -> list[str]:
        """The lines of the screen as text, as far as it has been read."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def type(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self.outside, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window, which sends SIGWINCH."""
        fcntl.ioctl(self.outside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def until(self, condition: Callable[[Terminal], object], what: str) -> None:
        """Read what the program prints until `condition` is true of the screen; fail after `PATIENCE`."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self):
            assert time.monotonic() < deadline, f"waited in vain until {what}; the screen:\n{self.text}"
            self.read(0.05)

    def shows(self, text: str) -> None:
        """Wait until the screen shows `text`."""
        self.until(lambda terminal: text in terminal.text, f"it shows {text!r}")

    def read(self, seconds: float) -> bool:
        """Read what comes within `seconds`; return whether the other side is open."""
        if not select.select([self.outside], [], [], seconds)[0]:
            return True
        try:
            received = os.read(self.outside, 65536)
        except OSError:  # EIO, once the other side is closed
            return False
        self.stream.feed(received)
        return bool(received)

    def end(self) -> int:
        """Read until the program ends, and return its status."""
        self.until(lambda terminal: not terminal.read(0.05) or terminal.process.poll() is not None, "it ends")
        while self.read(0.0) and select.select([self.outside], [], [], 0.05)[0]:
            pass
        return self.process.wait(timeout=PATIENCE)

    def modes(self) -> list[Any]:
        """Return the modes of the terminal."""
        return termios.tcgetattr(self.outside)

    def is_canonical(self) -> bool:
        """Return whether input comes by lines and with an echo, as for a shell."""
        return bool(self.modes()[3] & termios.ICANON) and bool(self.modes()[3] & termios.ECHO)


@contextmanager
def on_a_terminal(
    command: Sequence[str], *, columns: int = 100, rows: int = 30, environment: Mapping[str, str] = os.environ
) -> Iterator[Terminal]:
    """Run `command` as the leader of a session on a new terminal; it is killed when the context is left."""
    outside, inside = pty.openpty()
    fcntl.ioctl(outside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    own = {name: text for name, text in environment.items() if name not in {"COLUMNS", "LINES"}}
    with subprocess.Popen(
        [sys.executable, "-c", _ON_ITS_TERMINAL, *command],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        env=own | {"TERM": "xterm-256color"},
    ) as process:
        os.close(inside)
        screen = pyte.Screen(columns, rows)
        try:
            yield Terminal(process, outside, screen, pyte.ByteStream(screen))
        finally:
            process.kill()
            os.close(outside)
