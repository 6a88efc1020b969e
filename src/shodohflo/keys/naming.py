"""Names of agents: the only part of a key that a person chooses.

RKVDNS shows a key as one label of a DNS name, and stores match keys by patterns. So a name has no separator, no control
character, no space and no sign of a pattern, fits a label together with the word in front of it, and is in lower case:
the case of a question is lost on its way through resolvers.
"""

from __future__ import annotations

import re
from typing import Final

from shodohflo.keys.grammar import AGENT

LABEL: Final = 63
"""Bytes of a DNS label (RFC 1035 section 2.3.4)."""

LONGEST_NAME: Final = LABEL - len(AGENT)
"""Characters of an agent's name."""

_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.:@+-]*", re.ASCII)


def agent_name(text: str) -> str:
    """Return `text` in lower case; raise `ValueError`, with the way out, if it cannot be the name of an agent."""
    name = text.lower()
    if len(name) > LONGEST_NAME:
        raise ValueError(f"an agent's name has at most {LONGEST_NAME} characters, for it is part of a key in the store")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{text!a} cannot be the name of an agent, which is part of a key in the store: write ASCII letters, digits"
            " and any of .-_:@+, beginning with a letter or a digit"
        )
    return name


def is_agent_name(text: str) -> bool:
    """Return whether `agent_name` returns `text` as it is."""
    return len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None
