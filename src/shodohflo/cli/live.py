"""The live table on a terminal while the agent runs: the busiest flows now, and the counters below them.

`report.busiest` has the flows, `controls` what keys do, and `keyboard` the keys; here they meet on the screen.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.live import Live
from rich.text import Text

from shodohflo.agent.status import summary
from shodohflo.cli.controls import HELP, Controls, press
from shodohflo.cli.keyboard import Keyboard, is_in_foreground
from shodohflo.cli.search import parse_search
from shodohflo.query.networks import NetworkDirectory
from shodohflo.report.busiest import COLUMNS, MOST, WINDOW, Busiest, LiveFlow, Search, Snapshot, cells_of
from shodohflo.report.flows import flow_rows
from shodohflo.report.grades import doubtful_lines
from shodohflo.report.numbers import counted, rate_text
from shodohflo.report.table import folds, hidden_titles, rich_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from shodohflo.agent import Status

_SPARE: Final = 1
"""Lines left empty, because a terminal scrolls if its last line is filled."""


_LOG_SHARE: Final = 8
"""One line in so many is left to the log, which is printed above the table."""

_DOUBTS: Final = 3
"""The most lines about rules that evidence contradicts; `rules --grade` has all."""

_UNKNOWN: Final = ConsoleDimensions(0, 0)
"""The size that the terminal had, if something else was printed since."""


class LiveView:
    """A table that is redrawn in place while the context is entered, and obeys keys if there is a keyboard."""

    def __init__(self, console: Console, keyboard: int | None = None) -> None:
        """Prepare to show on `console`; `keyboard` is the file descriptor of a terminal to read keys from."""
        self._console = console
        self._keyboard = keyboard
        self._live = Live(console=console, auto_refresh=False)
        self._leaving = ExitStack()
        # What follows is shared with the thread of the keyboard.
        self._lock = RLock()
        self._busiest = Busiest(time.time())
        self._controls = Controls()
        self._shown = Snapshot(time.time())
        self._status: Status | None = None
        self._received: deque[tuple[float, int]] = deque()
        self._size: ConsoleDimensions | None = None

    def __enter__(self) -> Self:
        """Start drawing, and reading keys."""
        self._live.start()
        self._leaving.callback(self._live.stop)
        if self._keyboard is not None:
            keys = Keyboard(self._keyboard, self.press, on_stop=self._suspend, on_resume=self._resume)
            self._leaving.enter_context(keys)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last flows on the screen, without the counters, which follow in the ledger."""
        with self._leaving, self._lock:
            self._controls = Controls(sort=self._controls.sort, reverse=self._controls.reverse)
            self._shown = self._busiest.snapshot(time.time())
            self._draw(self._table() if self._shown.flows else Text())

    def show(self, status: Status) -> None:
        """Show the flows and the counters as they are now."""
        with self._lock:
            self._take(status)
            if not self._controls.paused:
                self._shown = self._busiest.snapshot(status.time)
            self._draw(self.render(status))

    def press(self, key: str) -> None:
        """Do what `key` does, and show it; `q` ends the run as Ctrl-C does."""
        with self._lock:
            after = press(self._controls, key, self._parse)
            goes_on = self._controls.paused and not after.paused
            self._controls = replace(after, ending=False)
            if goes_on:
                self._shown = self._busiest.snapshot(time.time())
            if self._status is not None:
                self._draw(self.render(self._status))
        if after.ending:
            os.kill(os.getpid(), signal.SIGINT)

    def render(self, status: Status) -> RenderableType:
        """Return all counters, and above them as many flows as fit the terminal, or the help."""
        below = self._below(status)
        if self._controls.helping:
            return Group(_help(), below)
        return Group(self._table(below=self._lines(below)), below)

    def _take(self, status: Status) -> None:
        """Take in what was recorded since the last status."""
        self._status = status
        self._busiest.add(flow_rows(status.recent), status.time)
        self._received.append((status.time, status.ledger.received))
        while len(self._received) > 1 and self._received[1][0] <= status.time - WINDOW:
            self._received.popleft()

    def _draw(self, shown: RenderableType) -> None:
        """Draw in place, unless the terminal is the shell's at the moment.

        After that, and after a change of size, which makes terminals wrap the old lines anew, the screen is cleared.
        """
        if self._keyboard is not None and not is_in_foreground(self._keyboard):
            self._size = _UNKNOWN
            return
        with contextlib.suppress(OSError):  # the terminal was closed; SIGHUP follows
            size = self._console.size
            if self._size not in {None, size}:
                self._console.clear()
            self._size = size
            self._live.update(shown, refresh=True)

    def _below(self, status: Status) -> RenderableType:
        """Return the lines below the table."""
        running = Text(f"configuration: {status.configuration}", style="dim")
        refused = f"; a newer one was refused: {status.configuration.error}" if status.configuration.error else ""
        running.append(refused, style="red")
        way_out = "Ctrl-C ends it" if self._keyboard is None else "q ends it, ? shows the keys"
        listening = f"{status.identity.name} listens to {', '.join(status.interfaces) or 'no interface'}; {way_out}"
        counters = f"{rate_text(self._rate())} packets/s; {summary(status)}"
        waiting = [Text(status.notice, style="bold yellow")] if status.notice else []
        doubtful = doubtful_lines(status.grades, status.contradicted, status.rules.mapping)
        doubts = [Text(line, style="yellow") for line in islice(doubtful, _DOUBTS)]
        return Group(Text(), Text(counters), running, *doubts, Text(listening, style="dim"), *waiting, *self._prompt())

    def _prompt(self) -> list[Text]:
        """Return the line in which a filter is typed, and what is wrong with it."""
        state = self._controls
        if state.editing is None:
            return []
        line = Text(f"/{state.editing}", style="bold").append("_", style="blink")
        return [line, Text(state.complaint, style="red")] if state.complaint else [line]

    def _rate(self) -> float:
        """Return the packets received per second, over the last `WINDOW` seconds."""
        (first, before), (last, after) = self._received[0], self._received[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def _table(self, *, below: int = 0) -> RenderableType:
        """Return a table that leaves `below` lines free, with a line about what it does not show."""
        state = self._controls
        flows = self._shown.arrange(state.search, state.sort, reverse=state.reverse)
        width, height = self._console.size
        room = max(height - below - height // _LOG_SHARE - _SPARE - 1, 2)
        rows = [cells_of(live) for live in flows[: room - 1]]
        table = rich_table(COLUMNS, rows, width)
        # Narrow terminals fold long addresses, and then the height of the table is only known once it is rendered.
        while len(rows) > 1 and folds(COLUMNS, rows, width) and (lines := self._lines(table)) > room:
            rows = rows[: max(len(rows) * room // lines, 1)]
            table = rich_table(COLUMNS, rows, width)
        told = Text(self._told(flows, len(rows)), style="dim", no_wrap=True, overflow="ellipsis")
        return Group(table, told)

    def _told(self, flows: Sequence[LiveFlow], shown: int) -> str:
        """Return in words what the table shows and what it leaves out."""
        state = self._controls
        parts = ["PAUSED"] if state.paused else []
        if left := len(flows) - shown:
            known = "at least " if len(self._shown.flows) >= MOST else ""
            parts.append(f"and {known}{left:,} more")
        hidden = len(self._shown.flows) - len(flows)
        if state.typed:
            parts.append(f"/{state.typed} leaves out {counted(hidden, 'flow')}")
        parts.append(f"by {state.sort}{', reversed' if state.reverse else ''}")
        if missing := hidden_titles(COLUMNS, self._console.width):
            parts.append(f"no room for {missing}")
        return "; ".join(parts)

    def _lines(self, shown: RenderableType) -> int:
        return len(self._console.render_lines(shown, pad=False))

    def _parse(self, text: str) -> Search:
        """Parse a filter with the networks of the agent itself."""
        networks = self._status.identity.networks if self._status else ()
        return parse_search(text, NetworkDirectory((networks,)))

    def _suspend(self) -> None:
        """Show the cursor while the program is stopped."""
        self._console.show_cursor(True)

    def _resume(self) -> None:
        """Draw anew, on an empty screen."""
        with self._lock:
            self._console.show_cursor(False)
            self._size = _UNKNOWN


def _help() -> RenderableType:
    """Return the keys and what they do."""
    table = rich_table((), (), 0)
    table.show_header = False
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for keys, text in HELP:
        table.add_row(keys, text)
    return table


def find_keyboard() -> int | None:
    """Return the file descriptor of standard input, if it is the terminal that controls this process."""
    try:
        number = sys.stdin.fileno()
        os.tcgetpgrp(number)
    except (AttributeError, OSError, ValueError):  # it was closed, before or after the start, or is something else
        return None
    return number
