"""The operator's configuration: where it is looked for, who may write it, and what it settles.

`known` lists every setting, `source` runs the file and finds places in it, and `settings` puts together what the
rest of the program is told. A configuration is code: `run`, `pcap_agent`, `replay`, `check`,
`rules`, `explain` and `compare` execute it; the readers of a store (`flows`, `peers`, `clients`, `recon`) never do.
"""

from shodohflo.config.settings import SEARCHED, Settings, find, load

__all__ = ["SEARCHED", "Settings", "find", "load"]
