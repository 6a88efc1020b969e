"""Options whose value is a comma-separated list: one type for all of them, with completion of the last member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem


class ListType(click.ParamType[Any]):
    """A list as a parser returns it; the parser's ValueError becomes the message."""

    def __init__(self, metavar: str, parse: Callable[[str], Any], words: Callable[[], Iterable[str]] = tuple) -> None:
        """Parse with `parse`; `words` returns what a shell may complete."""
        self.name = metavar
        self._parse = parse
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own signature
        """Parse `value`."""
        try:
            return self._parse(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's own signature
        """Complete the last member of a list."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only completion needs it

        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{word}") for word in self._words() if word.startswith(last)]


def option(name: str, kind: ListType, text: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return an option with a list, which may be repeated."""
    return click.option(name, type=kind, multiple=True, metavar=kind.name, help=text)
