"""Arguments and options that several commands share, each with its type and its help."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo.keys.naming import agent_name
from shodohflo.rules.networks import forgotten_length

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click.shell_completion import CompletionItem

    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.config import Configuration, Settings
    from shodohflo.config.presumed import Presumed
    from shodohflo.model import Network


def prefix(text: str) -> Network:
    """Parse an address or a prefix of either family; the error shows a correct one."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a prefix{_suggestion(text)}") from error


def our_prefix(text: str) -> Network:
    """Parse a prefix of our networks; an address that is probably a network's needs its length."""
    parsed = prefix(text)
    if meant := forgotten_length(text):
        raise click.BadParameter(f"{text!r} is a single address; write {meant}, or {parsed} for that address alone")
    return parsed


def _suggestion(text: str) -> str:
    """Return the correct form of `text` if only its host bits are wrong, otherwise an example."""
    try:
        return f": it has host bits set; write {ip_network(text, strict=False)}"
    except ValueError:
        return "; write one like 192.0.2.0/24 or 2001:db8::/32"


CAPTURE: Final = click.Path(allow_dash=True, readable=False)
"""A capture file, or - for standard input; shells complete it as a file, and its reader reports errors."""


def agent(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Return the name of an agent as it is in keys; the error shows what a name may have."""
    try:
        return None if text is None else agent_name(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def seconds(_context: click.Context, _parameter: click.Parameter, number: float | None) -> float | None:
    """Return a duration; 0, what is negative and `nan` are refused."""
    if number is not None and not number > 0:
        raise click.BadParameter("write a number of seconds greater than 0")
    return number


PORT: Final = click.IntRange(0, 65535)


def _our_nets(otherwise: str = "") -> Callable[[Callable[..., int]], Callable[..., int]]:
    text = f"A prefix of our networks; repeat it for several, of either family.{otherwise}"
    envvar = "SHODOHFLO_OUR_NETS"
    return click.option("--our-nets", type=our_prefix, multiple=True, metavar="PREFIX", envvar=envvar, help=text)


our_nets = _our_nets()
our_nets_or_presumed = _our_nets(
    " Without it, the private networks are ours, except those that contain a prefix that the configuration names after"
    " OUR_4NETS or OUR_6NETS, and those inside a prefix that it names before."
)
"""For commands that take a configuration as it is meant, and not every private address for ours; see `configured`."""

config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="SHODOHFLO_CONFIG",
    help="The configuration file.",
)


def _in_a_directory(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file in a missing directory now: a run may last for weeks before it writes the file."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no directory {path.parent}", context, parameter)
    return path


def passing(context: click.Context, parameter: click.Parameter, expression: str | None) -> CaptureFilter | None:
    """Return the compiled filter; the error is libpcap's."""
    if expression is None:
        return None
    from shodohflo.capture.filters.expression import CaptureFilter  # noqa: PLC0415 - most commands need none
    from shodohflo.capture.filters.libpcap import FilterError  # noqa: PLC0415 - as above

    try:
        return CaptureFilter.of(expression)
    except FilterError as error:
        raise click.BadParameter(str(error), context, parameter) from error


filter_ = click.option(
    "--filter",
    "passing",
    metavar="EXPRESSION",
    callback=passing,
    help="Let through only what an expression of tcpdump matches, as pcap-filter(7) has it; instead of CAPTURE_FILTER.",
)
store = click.option(
    "--store",
    metavar="URL",
    envvar="SHODOHFLO_STORE",
    help="The store: redis://, rediss://, valkey://, valkeys:// or unix://; +sentinel or +cluster may follow the first "
    "four.",
)
ledger = click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    callback=_in_a_directory,
    help="Write the ledger, the number of packets by outcome, to FILE as JSON.",
)


class StoreType(click.ParamType[str]):
    """A store, or several by one word: what is between a URL, `@FILE` and `dns:NAME` is told apart when it is read."""

    name = "store"

    _BEGINNINGS: Final = ("valkey://", "valkeys://", "redis://", "rediss://", "unix:///", "dns:")

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's own signature
        """Complete the beginning of a URL, or the name of a file after @."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only completion needs it

        if not incomplete.startswith("@"):
            return [CompletionItem(each) for each in self._BEGINNINGS if each.startswith(incomplete)]
        typed = incomplete.removeprefix("@")
        folder = Path(typed.rpartition("/")[0] + "/") if "/" in typed else Path()
        try:
            paths = sorted(f"{path}/" if path.is_dir() else str(path) for path in folder.expanduser().iterdir())
        except (OSError, RuntimeError):  # no such folder, no such user
            return []
        return [CompletionItem(f"@{path}") for path in paths if path.startswith(str(Path(typed).expanduser()))]


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def _stores(
    before: str = "", envvar: str | None = "SHODOHFLO_STORE"
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    text = (
        f"{before}A store to read: a URL or host, @FILE for a file with one a line, dns:NAME for the hosts that PTR"
        " records name; repeat it for several. By default this machine's embedded one."
    )
    return click.option("--store", "stores", multiple=True, metavar="STORE", type=StoreType(), envvar=envvar, help=text)


stores = _stores()
stores_of_key = _stores("With --key: ")
stores_of_agents = _stores("With --running or --grade: ", envvar=None)
by_store = click.option(
    "--by-store", is_flag=True, help="One row for each store that has it, instead of the sum, with the column STORE."
)


def configured(settings: Settings, our_nets: tuple[Network, ...]) -> Configuration:
    """Return the configuration for `our_nets`, or for the private networks that `settings` leave free; say which."""
    from shodohflo.config.presumed import presumed  # noqa: PLC0415 - readers of a store need no configuration

    (configuration,) = bound([settings], our_nets, lambda: presumed(settings.enumeration))
    return configuration


def bound(
    settings: Sequence[Settings], our_nets: tuple[Network, ...], presumed: Callable[[], Presumed]
) -> list[Configuration]:
    """Return each of `settings` with `our_nets` or, if none are named, the presumed ones; say on standard error which.

    Two configurations with the same networks can differ in what is ours by default.
    """
    from shodohflo.config import Configuration  # noqa: PLC0415 - readers of a store need no configuration

    taken = None if our_nets else presumed()
    for note in taken.notes if taken else ():
        click.echo(note, err=True)
    made = [Configuration(one, taken.networks if taken else our_nets) for one in settings]
    texts = [one.our_nets_text for one in made if our_nets or one.our_nets != one.named]
    for text in dict.fromkeys(texts):
        click.echo(f"our networks: {text}", err=True)
    return made
