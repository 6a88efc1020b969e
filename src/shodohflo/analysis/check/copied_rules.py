"""Copies of rules for trial questions, so that custom actions with a memory are not changed by them."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shodohflo.rules.actions import is_built_in
from shodohflo.rules.mapping import FlowMapping

if TYPE_CHECKING:
    from shodohflo.rules.actions import Action
    from shodohflo.rules.networks import NetworkEnumeration


def copied(mapping: FlowMapping, enumeration: NetworkEnumeration) -> FlowMapping:
    """Return the same rules with separate failure counters and copied custom actions."""
    rules = ((rule.src, rule.dst, _copied(rule.action)) for rule in mapping.rules)
    return FlowMapping(*rules).number_networks(enumeration)


def _copied(action: Action) -> Action:
    if is_built_in(action):
        return action
    try:
        return deepcopy(action)
    except Exception:  # noqa: BLE001 - copying a lock or a connection may raise anything; use the action itself
        return action
