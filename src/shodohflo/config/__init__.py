"""The operator's configuration: where it is looked for, who may write it, and what it contains.

`known` lists every setting, `source` runs the file and finds places in it, `settings` is the result, and
`configuration` joins it with our networks: the one value by which packets are decided.

A configuration is code: `run`, `pcap_agent`, `replay`, `check`, `rules`, `explain` and `compare` execute it; the
readers of a store (`flows`, `peers`, `clients`, `recon`) never do.

It knows rules and policies. It must not know decoders, captures, the store, or how findings are proved and printed.
"""

from shodohflo.config.configuration import Configuration
from shodohflo.config.settings import SEARCHED, Settings, find, load

__all__ = ["SEARCHED", "Configuration", "Settings", "find", "load"]
