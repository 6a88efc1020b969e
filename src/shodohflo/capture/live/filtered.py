"""Filtered interfaces: where the operator's filter can hold, and what it does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.capture.filters.expression import delivered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.capture.live.interfaces import Choice, Interface


def fitting(choice: Choice, passing: CaptureFilter | None) -> tuple[list[Interface], list[str]]:
    """Return those chosen for whose frames the filter can be compiled, and a warning for each other one."""
    if passing is None:
        return list(choice.listened), []
    fit, warnings = [], []
    for interface in choice.listened:
        if delivered(interface.hardware) in passing.sections:
            fit.append(interface)
        else:
            unknown = f"what is delivered of its type, {interface.hardware}, is not known"
            reason = passing.refusals.get(delivered(interface.hardware), unknown)
            warnings.append(f"{interface.name} is not listened to: the filter cannot hold there: {reason}")
    return fit, warnings


def hidden_vlans(
    heard: Iterable[Interface], interfaces: Iterable[Interface], passing: CaptureFilter | None
) -> Iterator[str]:
    """Yield a warning for each interface that carries VLANs, if the filter does not say anything about these."""
    if passing is None or "vlan" in passing.expression:
        return
    carrying = {interface.lower for interface in interfaces if interface.kind == "vlan"}
    for interface in heard:
        if interface.index in carrying:
            yield (
                f"{interface.name} carries VLANs, and the filter does not look behind their tags: "
                "write EXPRESSION or (vlan and EXPRESSION)"
            )
