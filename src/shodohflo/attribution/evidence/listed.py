"""Listed ports: those that services use and clients do not choose by chance; never those of /etc/services."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.model import PORT_PROTOCOLS, TCP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PORTS: Final = 65_536

_LOW: Final = 1024
"""TCP ports below this are listed: systems reserve them for services."""


def listed_ports(more: Iterable[tuple[int, int]] = ()) -> dict[int, NDArray[np.bool_]]:
    """Return for TCP and UDP, by protocol number, which ports are listed.

    `more` are ports that an operator adds: protocol numbers with ports.
    """
    listed: dict[int, NDArray[np.bool_]] = {}
    text = resources.files(__package__).joinpath("listed_ports.tsv").read_text(encoding="ascii")
    for line in text.splitlines()[1:]:
        protocol, port = line.split("\t")
        listed.setdefault(PORT_PROTOCOLS[protocol], np.zeros(PORTS, np.bool_))[int(port)] = True
    listed[TCP][:_LOW] = True
    for number, added in more:
        listed[number][added] = True
    return listed
