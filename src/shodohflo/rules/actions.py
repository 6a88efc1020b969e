"""Actions: the opinion of a rule on one packet, in readable form.

Each action has an opinion on (source address and port, destination address and port): which end is the client,
which the service, and which port names it; or that the packet is dropped; or no opinion, and the next rule is tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from reprlib import repr as short_repr
from typing import Final, Protocol, TypeGuard, cast

from shodohflo.model import DST, SRC, Address, Rung

SOURCE: Final = SRC
DESTINATION: Final = DST
"""Long names for the ends of a packet."""

Opinion = tuple[Address, Address, int] | tuple[None, None, None] | None
"""(client, service, port), or (None, None, None) to drop the packet, or None: try the next rule."""

DROP: Final = (None, None, None)

_WORDS: Final = {SRC: "source", DST: "destination"}

_DROP_CODE: Final = {False: "", True: ", drop=True"}


def _end(argument: str, given: str) -> str:
    if given not in (SRC, DST):
        raise ValueError(f"{argument}: {given!r} is not an end of a packet; write SRC or DST")
    return given


class Action(Protocol):
    """Any object with this `match` can be the action of a rule."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int, /) -> Opinion:
        """Return an opinion on a packet."""


class MappingAction:
    """The base class for custom actions; by itself it has no opinion.

    Override `match`. It is called once for each distinct (addresses, ports) of a batch of packets, so it should be
    fast. An exception or a malformed answer is counted and treated as no opinion. An agent interrupts a `match`
    that takes longer than 5 seconds, and does not ask the action again until a configuration is loaded.
    """

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:  # noqa: ARG002 - the arguments are for those who override it
        """Return (client, service, port), or (None, None, None) to drop, or None for no opinion.

        The addresses are `ipaddress` objects, the ports integers from 0 to 65535.
        """
        return None

    def describe(self) -> str:
        """Describe the action in words."""
        return "no opinion"

    def why_silent(self, src_port: int, dst_port: int) -> str:  # noqa: ARG002 - the ports are for built-in actions
        """Return why the action has no opinion on a packet with these ports."""
        return "it never has an opinion"

    def to_code(self) -> str:
        """Return the call that constructs the action, in the configuration language."""
        return f"{type(self).__name__}()"


class PortMatch(MappingAction):
    """The end whose port is in `set_of_ports` is the service, and its port is the port of interest.

    If both ports are in the set, the end named by `precedence` (SRC or DST) is the service.
    With `drop=True` such packets are dropped.
    """

    def __init__(self, set_of_ports: Iterable[int], precedence: str = SRC, drop: bool = False) -> None:  # noqa: FBT001, FBT002 - the configuration language's own signature
        """Validate the arguments; a ValueError names the one that is wrong."""
        self.ports = _ports("PortMatch", set_of_ports)
        self.precedence = _end("PortMatch.precedence", precedence)
        self.drop = bool(drop)

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Return an opinion if a port is in the set."""
        src_matches, dst_matches = src_port in self.ports, dst_port in self.ports
        if not (src_matches or dst_matches):
            return None
        if self.drop:
            return DROP
        if src_matches and (self.precedence == SRC or not dst_matches):
            return dst_addr, src_addr, src_port
        return src_addr, dst_addr, dst_port

    def describe(self) -> str:
        """Describe the action in words."""
        first, second = _both(self.precedence)
        ports = _ports_text(self.ports)
        if self.drop:
            return f"dropped if the {first} or the {second} port is {ports}"
        return f"the end whose port is {ports} is the service, the {first} if both are"

    def why_silent(self, src_port: int, dst_port: int) -> str:
        """Return why the action has no opinion on a packet with these ports."""
        return f"neither {src_port} nor {dst_port} is one of its ports"

    def to_code(self) -> str:
        """Return the call that constructs the action, in the configuration language."""
        return f"PortMatch({_ports_code(self.ports)}, {self.precedence.upper()}{_DROP_CODE[self.drop]})"


class Assign(MappingAction):
    """The end named by `client_from` is the client, the other end is the service.

    The port of interest is that of the end named by `port_from`. With a `set_of_ports` the action only has an
    opinion if that port is in the set (never, if it is empty); with None, any port matches.
    With `drop=True` such packets are dropped.
    """

    def __init__(
        self,
        client_from: str,
        port_from: str,
        set_of_ports: Iterable[int] | None = None,
        drop: bool = False,  # noqa: FBT001, FBT002 - the configuration language's own signature
    ) -> None:
        """Validate the arguments; a ValueError names the one that is wrong."""
        self.client_from = _end("Assign.client_from", client_from)
        self.port_from = _end("Assign.port_from", port_from)
        self.ports = None if set_of_ports is None else _ports("Assign", set_of_ports)
        self.drop = bool(drop)

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Return an opinion if the port is in the set, or there is no set."""
        port = src_port if self.port_from == SRC else dst_port
        if self.ports is not None and port not in self.ports:
            return None
        if self.drop:
            return DROP
        return (src_addr, dst_addr, port) if self.client_from == SRC else (dst_addr, src_addr, port)

    def describe(self) -> str:
        """Describe the action in words."""
        client, service = _both(self.client_from)
        port = f"the {_WORDS[self.port_from]} port"
        ports = None if self.ports is None else _ports_text(self.ports)
        if self.drop:
            return "dropped" if ports is None else f"dropped if {port} is {ports}"
        only = "" if ports is None else f", if it is {ports}"
        return f"the {client} is the client and the {service} the service, on {port}{only}"

    def why_silent(self, src_port: int, dst_port: int) -> str:
        """Return why the action has no opinion on a packet with these ports."""
        port = src_port if self.port_from == SRC else dst_port
        return f"the {_WORDS[self.port_from]} port, {port}, is not one of its ports"

    def to_code(self) -> str:
        """Return the call that constructs the action, in the configuration language."""
        ports = "" if self.ports is None else f", {_ports_code(self.ports)}"
        return f"Assign({self.client_from.upper()}, {self.port_from.upper()}{ports}{_DROP_CODE[self.drop]})"


class LowerPort(MappingAction):
    """The end with the lower port is the service, and its port is the port of interest.

    If the ports are equal, the end named by `precedence` (SRC or DST) is the service.
    """

    def __init__(self, precedence: str = SRC) -> None:
        """Validate the argument; a ValueError names it."""
        self.precedence = _end("LowerPort.precedence", precedence)

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Return an opinion on every packet."""
        if src_port < dst_port or (src_port == dst_port and self.precedence == SRC):
            return dst_addr, src_addr, src_port
        return src_addr, dst_addr, dst_port

    def describe(self) -> str:
        """Describe the action in words."""
        return f"the end with the lower port is the service, the {_WORDS[self.precedence]} if they are equal"

    def to_code(self) -> str:
        """Return the call that constructs the action, in the configuration language."""
        return f"LowerPort({self.precedence.upper()})"


_LOWER_PORT: Final = LowerPort(SRC)


class Observed(MappingAction):
    """Evidence decides which end is the service; where there is none, `otherwise` does.

    The port of interest is that of the service. `match` sees addresses and ports only, so it has the opinion of
    `otherwise`, as if there were no evidence. If that is none, the next rule is tried. Where there is evidence for a
    packet that reaches this rule, no later rule decides.
    """

    def __init__(self, otherwise: Action = _LOWER_PORT) -> None:
        """Validate the argument; a ValueError names it."""
        self.otherwise = _otherwise(otherwise)

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Return the opinion of `otherwise`."""
        return self.otherwise.match(src_addr, src_port, dst_addr, dst_port)

    def describe(self) -> str:
        """Describe the action in words."""
        return f"by evidence if there is any, otherwise {describe(self.otherwise)}"

    def why_silent(self, src_port: int, dst_port: int) -> str:
        """Return why the action has no opinion on a packet with these ports, if there is no evidence."""
        return f"without evidence, {why_silent(self.otherwise, src_port, dst_port)}"

    def to_code(self) -> str:
        """Return the call that constructs the action, in the configuration language."""
        own = self.otherwise
        return f"Observed(otherwise={own.to_code() if is_built_in(own) else f'{type(own).__name__}(...)'})"


BUILT_IN: Final = (MappingAction, PortMatch, Assign, LowerPort, Observed)


def parse_action(given: object) -> Action:
    """Return `given` if it can be the action of a rule; a ValueError states why it cannot."""
    if isinstance(given, type):
        raise ValueError(f"{given.__name__} is a class, not an action; write {given.__name__}(...)")  # noqa: TRY004 - one exception type for every malformed rule
    if not callable(getattr(given, "match", None)):
        raise ValueError(f"{short_repr(given)} is not an action; it has no `match`")  # noqa: TRY004 - as above
    return cast("Action", given)


def is_built_in(action: object) -> TypeGuard[MappingAction]:
    """Return whether `action` is a built-in one, unmodified, so that its answers can be tabulated."""
    return _is_unmodified(action) and (not isinstance(action, Observed) or is_built_in(action.otherwise))


def rung(action: object) -> Rung:
    """Return what says which end is the service where `action` does, without evidence.

    `Rung.GUESSED` if it goes by the ports, which may mislead; `Rung.RULE` if it is the operator's word: `Assign`
    without a set of ports, or a custom action.
    """
    if not _is_unmodified(action):
        return Rung.RULE
    if isinstance(action, Observed):
        return rung(action.otherwise)
    goes_by_ports = isinstance(action, LowerPort | PortMatch) or (isinstance(action, Assign) and action.ports)
    return Rung.GUESSED if goes_by_ports else Rung.RULE


def describe(action: object) -> str:
    """Return a description of any action; a custom action need not have its own `describe`."""
    words = getattr(action, "describe", None)
    inherited = getattr(type(action), "describe", None) in {built_in.describe for built_in in BUILT_IN}
    if words is None or (inherited and not _is_unmodified(action)):
        return f"as {type(action).__name__} decides"
    return str(words())


def why_silent(action: object, src_port: int, dst_port: int) -> str:
    """Return why any action has no opinion on a packet with these ports, as far as that is known."""
    if _is_unmodified(action):
        return action.why_silent(src_port, dst_port)
    return "it has no opinion on this packet"


def _both(end: str) -> tuple[str, str]:
    return (_WORDS[SRC], _WORDS[DST]) if end == SRC else (_WORDS[DST], _WORDS[SRC])


def _is_unmodified(action: object) -> TypeGuard[MappingAction]:
    return type(action) in BUILT_IN and "match" not in vars(action)


def _otherwise(given: object) -> Action:
    try:
        action = parse_action(given)
    except ValueError as error:
        raise ValueError(f"Observed.otherwise: {error}") from None
    if isinstance(action, Observed):
        raise ValueError(  # noqa: TRY004 - one exception type for every malformed argument
            "Observed.otherwise: Observed is for where there is evidence; write what decides where there is none, "
            "such as LowerPort()"
        )
    if isinstance(action, PortMatch | Assign) and action.drop:
        raise ValueError(
            f"Observed.otherwise: {type(action).__name__} with drop=True drops packets that evidence would record; "
            "write it as a rule of its own before this one"
        )
    return action


def _ports_code(ports: frozenset[int]) -> str:
    return f"{{{', '.join(map(str, sorted(ports)))}}}" if ports else "()"


def _ports(action: str, given: Iterable[int]) -> frozenset[int]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ValueError(f"{action}.set_of_ports: {given!r} is not a set of ports; write one like {{80, 443}}")  # noqa: TRY004 - one exception type for every malformed argument
    ports = list(given)
    for port in ports:
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            raise ValueError(f"{action}.set_of_ports: {port!r} is not a port (1 to 65535)")
    return frozenset(ports)


def _ports_text(ports: frozenset[int]) -> str:
    """Return sorted ports with consecutive ones as a range: `22, 80 or 8000 to 8099`."""
    runs: list[list[int]] = []
    for port in sorted(ports):
        if runs and runs[-1][-1] == port - 1:
            runs[-1][1:] = [port]
        else:
            runs.append([port])
    texts = [" to ".join(str(port) for port in run) for run in runs]
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]])) if texts else "in an empty set (never)"
