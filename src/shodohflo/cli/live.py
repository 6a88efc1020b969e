"""The live table on a terminal while the agent runs: the busiest flows, and the counters below them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from shodohflo.agent.status import summary
from shodohflo.query.sums import join_flows
from shodohflo.report.flows import flow_rows
from shodohflo.report.listings import FLOWS
from shodohflo.report.table import Row, rich_table

if TYPE_CHECKING:
    from types import TracebackType

    from shodohflo.agent import Status
    from shodohflo.model import Address
    from shodohflo.query.rows import FlowRow

MOST: Final = 2_000
"""How many flows are kept; beyond that, those seen longest ago are removed."""

_SPARE: Final = 1
"""Lines left empty, because a terminal scrolls if its last line is filled."""


@dataclass(slots=True)
class Busiest:
    """The flows of a run so far, at most `MOST`."""

    flows: dict[tuple[Address, Address, int], FlowRow] = field(default_factory=dict)

    def add(self, seen: list[FlowRow]) -> None:
        """Add the flows seen since the last call; a flow that is seen again moves to the end."""
        for flow in seen:
            key = (flow.client, flow.service, flow.port)
            before = self.flows.pop(key, None)
            self.flows[key] = flow if before is None else join_flows([before, flow])
        for key in list(self.flows)[: max(len(self.flows) - MOST, 0)]:
            del self.flows[key]

    def rows(self, most: int, now: float) -> list[Row]:
        """Return the `most` busiest flows as table rows; `now` is in seconds since 1970."""
        busiest = sorted(self.flows.values(), key=lambda flow: -flow.packets)[:most]
        return [FLOWS.cells(replace(flow, age=now - (flow.last or now))) for flow in busiest]


class LiveView:
    """A table that is redrawn in place while the context is entered."""

    def __init__(self, console: Console) -> None:
        """Prepare to show on `console`."""
        self._console = console
        self._busiest = Busiest()
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        """Start drawing."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last flows on the screen, without the counters, which follow in the ledger."""
        self._live.update(self._table(time.time()) if self._busiest.flows else Text(), refresh=True)
        self._live.stop()

    def show(self, status: Status) -> None:
        """Show the flows and the counters as they are now."""
        self._busiest.add(flow_rows(status.recent))
        with contextlib.suppress(OSError):  # the terminal was closed; SIGHUP follows
            self._live.update(self.render(status), refresh=True)

    def render(self, status: Status) -> RenderableType:
        """Return all counters, and above them as many flows as fit the terminal."""
        listening = (
            f"{status.identity.name} listens to {', '.join(status.interfaces) or 'no interface'}; Ctrl-C ends it"
        )
        running = Text(f"configuration: {status.configuration}", style="dim")
        refused = f"; a newer one was refused: {status.configuration.error}" if status.configuration.error else ""
        running.append(refused, style="red")
        counters = Group(Text(), Text(summary(status)), running, Text(listening, style="dim"))
        return Group(self._table(status.time, below=self._lines(counters)), counters)

    def _table(self, now: float, *, below: int = 0) -> RenderableType:
        """Return a table of the busiest flows that leaves `below` lines free."""
        width, height = self._console.size
        room = max(height - below - _SPARE, 2)
        rows = self._busiest.rows(room - 1, now)
        table = rich_table(FLOWS.columns, rows, width)
        # Narrow terminals fold long addresses, so the height of the table is only known once it is rendered.
        while len(rows) > 1 and (lines := self._lines(table)) > room:
            rows = rows[: len(rows) * room // lines]
            table = rich_table(FLOWS.columns, rows, width)
        return table

    def _lines(self, shown: RenderableType) -> int:
        return len(self._console.render_lines(shown, pad=False))
