"""The questions that `order` asks, each in both forms: for one packet with a reason, and for all rows of a batch.

The two forms of a question are next to each other. The plain form takes a `Packet` (or a `Message`) and a `Policy`;
it is the specification. The column form takes a `Batch` (or `Messages`) and a `CompiledPolicy`, and gives the same
answer for every row. Looking up our networks costs most, so it is only done for rows that meet the other conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.batch import FIN, RST, SYN, Batch, Messages, Quote
from shodohflo.model import TCP, address_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.policy import CompiledPolicy, Connection, Policy
    from shodohflo.model import Address
    from shodohflo.rules.packet import Packet

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Message:
    """The fields of an ICMP or ICMPv6 message that decide what becomes of it."""

    src_addr: Address
    dst_addr: Address
    quote: Quote


@dataclass(frozen=True, slots=True)
class Reason:
    """The answer to a question about one packet."""

    applies: bool
    because: str
    """Half a sentence, such as `it has no RST`."""


def is_own_traffic(packet: Packet, policy: Policy) -> Reason:
    """Answer whether the packet is of one of the agent's own connections, in either direction."""
    there = (packet.src_addr, packet.src_port, packet.dst_addr, packet.dst_port)
    back = (packet.dst_addr, packet.dst_port, packet.src_addr, packet.src_port)
    own = {(own.src_addr, own.src_port, own.dst_addr, own.dst_port) for own in policy.own_connections}
    applies = packet.protocol == TCP and (there in own or back in own)
    return Reason(applies, f"it is {'a' if applies else 'no'} connection of the agent to its store")


def own_traffic_rows(batch: Batch, policy: CompiledPolicy) -> Mask:
    """Answer `is_own_traffic` for each row."""
    own = np.zeros(len(batch), np.bool_)
    for connection in policy.own_connections:
        if connection.src_addr.version == batch.family:
            own |= _belongs_to(connection, batch)
    return own


def is_reset_to_us(packet: Packet, policy: Policy) -> Reason:
    """Answer whether the packet is a reset to one of our networks."""
    return _is_to_us(packet, policy) if packet.tcp_flags & RST else is_reset(packet, policy)


def reset_to_us_rows(batch: Batch, policy: CompiledPolicy) -> Mask:
    """Answer `is_reset_to_us` for each row."""
    return _where_ours(reset_rows(batch, policy), batch.dst_addr, policy)


def is_reset(packet: Packet, _policy: Policy) -> Reason:
    """Answer whether the packet is a reset."""
    if packet.tcp_flags & RST:
        return Reason(applies=True, because="it has RST, and only resets to our networks are recorded")
    return Reason(applies=False, because="it has no RST" if packet.protocol == TCP else "it is not TCP")


def reset_rows(batch: Batch, _policy: CompiledPolicy) -> Mask:
    """Answer `is_reset` for each row."""
    reset: Mask = batch.tcp_flags & RST != 0
    return reset


def is_own_network(packet: Packet | Message, policy: Policy) -> Reason:
    """Answer whether both ends are ours and SUPPRESS_OWN_NETWORK is set."""
    if not policy.suppress_own_network:
        return Reason(applies=False, because="SUPPRESS_OWN_NETWORK is not set")
    for address in (packet.src_addr, packet.dst_addr):
        if policy.our_network(address) is None:
            return Reason(applies=False, because=f"{address_text(address)} is in none of our networks")
    return Reason(applies=True, because="both ends are ours, and SUPPRESS_OWN_NETWORK is set")


def own_network_rows(rows: Batch | Messages, policy: CompiledPolicy) -> Mask:
    """Answer `is_own_network` for each row."""
    suppressed = np.full(len(rows), policy.suppress_own_network, np.bool_)
    return _where_ours(_where_ours(suppressed, rows.src_addr, policy), rows.dst_addr, policy)


def is_handshake(packet: Packet, _policy: Policy) -> Reason:
    """Answer whether the packet opens or closes a TCP connection, and so is no proof that data flowed."""
    named = [word for word, bit in (("SYN", SYN), ("FIN", FIN)) if packet.tcp_flags & bit]
    without = "it has neither SYN nor FIN" if packet.protocol == TCP else "it is not TCP"
    return Reason(applies=bool(named), because=f"it has {' and '.join(named)}" if named else without)


def handshake_rows(batch: Batch, _policy: CompiledPolicy) -> Mask:
    """Answer `is_handshake` for each row."""
    handshake: Mask = batch.tcp_flags & (SYN | FIN) != 0
    return handshake


def is_ignored(packet: Packet, policy: Policy) -> Reason:
    """Answer whether IGNORE_FLOW holds one end of the packet."""
    for address, port in ((packet.src_addr, packet.src_port), (packet.dst_addr, packet.dst_port)):
        for ignored in policy.ignored:
            if ignored.port == port and address in ignored.prefix:
                because = f"it holds ({ignored.prefix}, {port}): no flow, only peers and client"
                return Reason(applies=True, because=because)
    return Reason(applies=False, because="it holds neither end")


def ignored_rows(batch: Batch, policy: CompiledPolicy) -> Mask:
    """Answer `is_ignored` for each row."""
    ignored = np.zeros(len(batch), np.bool_)
    for port, prefixes in policy.ignored.items():
        ignored |= (batch.src_port == port) & (prefixes.find(batch.src_addr) != 0)
        ignored |= (batch.dst_port == port) & (prefixes.find(batch.dst_addr) != 0)
    return ignored


def is_quote(quote: Quote, message: Message, policy: Policy) -> Reason:
    """Answer whether the message is an unreachable to one of our networks with this kind of quote."""
    if message.quote != quote:
        return Reason(applies=False, because=_QUOTES[message.quote])
    return _is_to_us(message, policy)


def quote_rows(quote: Quote, messages: Messages, policy: CompiledPolicy) -> Mask:
    """Answer `is_quote` for each row."""
    return _where_ours(messages.quote == quote, messages.dst_addr, policy)


def is_any_message(_message: Message, _policy: Policy) -> Reason:
    """Answer yes: this question is asked last, about messages to which no other applies."""
    return Reason(applies=True, because="no question before this one applies")


def any_message_rows(messages: Messages, _policy: CompiledPolicy) -> Mask:
    """Answer `is_any_message` for each row."""
    return np.ones(len(messages), np.bool_)


_QUOTES = {
    Quote.NONE: "it is no unreachable of TCP or UDP",
    Quote.PORTS: "it quotes both ports",
    Quote.CUT: "its quote is too short for ports",
    Quote.FRAGMENT: "it quotes a later fragment",
    Quote.MALFORMED: "it quotes no IP packet",
}


def _is_to_us(packet: Packet | Message, policy: Policy) -> Reason:
    address, ours = address_text(packet.dst_addr), policy.our_network(packet.dst_addr)
    if ours is None:
        return Reason(applies=False, because=f"{address} is in none of our networks")
    return Reason(applies=True, because=f"{address} is ours, by {ours}")


def _belongs_to(connection: Connection, batch: Batch) -> Mask:
    near, far = (_as_element(end, batch) for end in (connection.src_addr, connection.dst_addr))
    there = (batch.src_port == connection.src_port) & (batch.dst_port == connection.dst_port)
    back = (batch.src_port == connection.dst_port) & (batch.dst_port == connection.src_port)
    there &= (batch.src_addr == near) & (batch.dst_addr == far)
    back &= (batch.src_addr == far) & (batch.dst_addr == near)
    belongs: Mask = (there | back) & (batch.protocol == TCP)
    return belongs


def _as_element(address: Address, batch: Batch) -> NDArray[Any]:
    return np.array([address.packed if batch.family == 6 else int(address)], batch.src_addr.dtype)


def _where_ours(mask: Mask, addresses: NDArray[Any], policy: CompiledPolicy) -> Mask:
    """Return `mask` without the rows whose address is in none of our networks."""
    rows = np.flatnonzero(mask)
    ours = np.zeros(len(mask), np.bool_)
    if len(rows):
        ours[rows] = policy.is_ours(addresses[rows])
    return ours
