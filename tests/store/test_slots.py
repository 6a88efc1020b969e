"""Hash slots: the same as in a real cluster, and a tag for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.store.slots import SLOTS, TAGS, slot_of

if TYPE_CHECKING:
    from support.clusters import Cluster

NAMES = ["", "123456789", "{}", "{}a", "a{b}c", "a{b}{c}", "{{b}}", "a{b", "a}b{c}", "}{", "client;10.0.0.1", "\u00e4"]


def test_a_key_is_in_the_slot_that_the_cluster_says(cluster: Cluster) -> None:
    """Slots with and without tags are those of the servers."""
    with cluster.nodes[0].client() as client:
        for name in NAMES:
            assert client.execute_command("CLUSTER KEYSLOT", name) == slot_of(name), name


def test_there_is_a_short_tag_for_each_slot() -> None:
    """Every slot has a tag of at most four letters, and the key with it is in that slot."""
    assert len(TAGS) == SLOTS
    assert max(map(len, TAGS)) <= 4
    assert [slot_of(f"writer;4f1c9a;{{{tag}}}") for tag in TAGS] == list(range(SLOTS))
