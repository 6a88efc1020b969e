"""A status of the agent, for tests of code that shows it."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network

from shodohflo.agent.status import Identity, LoadedConfiguration, Status
from shodohflo.attribution.ledger import Ledger
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.store.stats import WriterStats


def a_status(**outcomes: int) -> Status:
    """Return a status with 5 kernel-dropped packets and `outcomes`, in whose names `_` stands for a dot."""
    counts = Counter({name.replace("_", "."): count for name, count in outcomes.items()})
    return Status(
        identity=Identity("bert", 4711, 1_700_000_000.0, "valkey://localhost:6379", (ip_network("192.168.0.0/16"),)),
        configuration=LoadedConfiguration(None, "", 1_700_000_000.0),
        time=1_700_000_060.0,
        interfaces=("eth0", "eth1"),
        ledger=Ledger(received=counts.total(), kernel_dropped=5, outcomes=counts),
        rules=CompiledRules(default_enumeration(), default_mapping()),
        writer=WriterStats(connected=True),
        unmatched=Counter({("all", "-"): 3, ("-", "-"): 7}),
    )
