"""Hashes of services and of origins of knocks, written as an agent writes them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from shodohflo.keys import knock_fields, knock_key, service_fields, service_key
from shodohflo.model import TCP, End, Knock, Rung, ServiceSeen

if TYPE_CHECKING:
    from valkey import Valkey

SECOND = 10**9


def end(address: str, port: int, protocol: int = TCP) -> End:
    """Return an end."""
    return End(ip_address(address), protocol, port)


def write_service(
    client: Valkey,
    at: End,
    *,
    first: int,
    last: int,
    rung: Rung = Rung.HANDSHAKE,
    clients: int = 1,
    agent: str = "bert",
) -> None:
    """Write the hash of a service; times are in seconds since 1970."""
    fields = service_fields(ServiceSeen(at, first * SECOND, last * SECOND, rung, clients), agent)
    client.hset(service_key(at), mapping=fields)
    client.expire(service_key(at), 86_400)


def write_knock(
    client: Valkey,
    origin: str,
    *targets: End,
    first: int,
    last: int,
    refused: int = 0,
    silent: int = 0,
    hosts: int = 1,
    ports: int = 1,
    agent: str = "bert",
) -> None:
    """Write the hash of an origin of knocks; times are in seconds since 1970."""
    network = ip_network(origin)
    knock = Knock(network, first * SECOND, last * SECOND, refused, silent, hosts, ports, targets)
    client.hset(knock_key(network), mapping=knock_fields(knock, agent, "4f1c9a"))
    client.expire(knock_key(network), 900)
