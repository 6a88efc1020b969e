"""Calls of scripts: whole, and short for a store that remembers the script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.store.dialogue import Dialogue
from shodohflo.store.scripts import ScriptCall

if TYPE_CHECKING:
    from valkey import Valkey


def test_a_store_remembers_the_script_that_it_was_sent(client: Valkey) -> None:
    """After the whole call, the short one does the same."""
    client.script_flush()
    call = ScriptCall("return {KEYS[1], ARGV[1]}", ["a"], [7])

    short, whole, again = Dialogue(client).ask([call.short, call.whole, call.short])

    assert str(short).startswith("No matching script") or "NOSCRIPT" in str(short)
    assert whole == again == ["a", "7"]
