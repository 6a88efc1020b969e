"""Rules to be asked by way of trial: what an operator's action remembers of that must not reach the live one."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shodohflo.rules.actions import is_built_in
from shodohflo.rules.mapping import FlowMapping

if TYPE_CHECKING:
    from shodohflo.rules.actions import Action
    from shodohflo.rules.networks import NetworkEnumeration


def apart(mapping: FlowMapping, enumeration: NetworkEnumeration) -> FlowMapping:
    """Return the same rules with counters of their own, and with operators' actions as they are now."""
    rules = ((rule.src, rule.dst, _copied(rule.action)) for rule in mapping.rules)
    return FlowMapping(*rules).number_networks(enumeration)


def _copied(action: Action) -> Action:
    if is_built_in(action):
        return action
    try:
        return deepcopy(action)
    except Exception:  # noqa: BLE001 - whatever holds a lock or a connection raises what it likes, and is asked itself
        return action
