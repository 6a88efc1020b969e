"""The operator's configuration: where it is looked for, who may write it, and what it contains.

`known` lists every setting, `source` runs the file and finds places in it, `settings` is the result, and
`configuration` combines the settings with our networks: the one value by which packets are decided. `trust` decides
whether root may execute the file, `limits` how long that may take, and `trial` executes it in a process of its own.
`derived` and `presumed` deal with our networks where the operator does not name them, `published` makes the networks
ready for readers, and `findings` defines the kinds of finding about a configuration.

A configuration is code: `run`, `pcap_agent`, `replay`, `check`, `rules`, `explain` and `compare` execute it; the
readers of a store (`flows`, `peers`, `clients`, `services`, `recon`) never do.

This package depends on rules and policies, on the names of the tunnels (`wire.tunnels`), on the form of a store's URL
(`store.urls`), and on that of networks in an agent's hash (`keys.networks`). It must not know decoders, captures,
connections to the store, or how findings are proved and printed.
"""

from shodohflo.config.configuration import Configuration
from shodohflo.config.settings import SEARCHED, Settings, find, load

__all__ = ["SEARCHED", "Configuration", "Settings", "find", "load"]
