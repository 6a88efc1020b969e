"""The packets of the chaos: a seed always gives the same ones, and they are counted as they say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from chaos.faults import OBSERVED, TURNING
from chaos.traffic import KINDS, OUR_NETS, Load, Traffic, kind_of, sums

from support.agents import replayed
from support.savefiles import pcap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from chaos.traffic import Known

ROUNDS = 30


def test_a_seed_gives_the_same_packets_every_time() -> None:
    """Two traffics of one seed send the same, and those of another seed something else."""
    first, again, other = (Traffic(seed) for seed in (1, 1, 2))

    assert [first.round() for _ in range(3)] == [again.round() for _ in range(3)]
    assert first.round() != other.round()


def test_a_replay_counts_the_packets_as_they_say(tmp_path: Path) -> None:
    """What the packets say of themselves is what `replay` counts, key by key and of every kind."""
    traffic = Traffic(7)
    packets = [packet for _ in range(ROUNDS) for packet in traffic.round()]
    (tmp_path / "known.pcap").write_bytes(pcap(packet.frame for packet in packets))

    assert replayed(tmp_path / "known.pcap", our_nets=OUR_NETS) == _printed(packets)
    assert set(sums((key, 1) for packet in packets for key in packet.keys)) == set(KINDS)


def test_flows_that_turn_are_counted_under_the_right_end_in_the_end(tmp_path: Path) -> None:
    """Flows that show their ends late are counted, by rules with `Observed`, as if they had shown them at once."""
    traffic = Traffic(7, TURNING, 100)
    packets = [packet for _ in range(100) for packet in traffic.round()]
    (tmp_path / "known.pcap").write_bytes(pcap(packet.frame for packet in packets))
    (tmp_path / "observed.py").write_text(OBSERVED)

    expected = _printed(packets)

    words = ("--config", tmp_path / "observed.py")
    assert replayed(tmp_path / "known.pcap", our_nets=OUR_NETS, words=words) == expected
    assert sum(key.endswith(";61000;flow") for key in expected) > 200


def _printed(packets: Iterable[Known]) -> Counter[str]:
    """Return how often each key is counted, without details, which a replay does not print."""
    return Counter(key for packet in packets for key in packet.keys if kind_of(key) != "detail")


def test_established_flows_go_on_and_others_are_over_in_their_round() -> None:
    """A key of a flow that is not established appears in one round only."""
    traffic = Traffic(3, Load(established=5))
    rounds = [{key for packet in traffic.round() for key in packet.keys if key.endswith(";flow")} for _ in range(20)]

    seen = Counter(key for keys in rounds for key in keys)

    assert {key for key, times in seen.items() if times > 1} == set(traffic.steady)


def test_every_other_key_is_of_no_kind() -> None:
    """Keys that do not count packets have no kind."""
    others = ("agent;live", "writer;4f1c9a", "knock;192.0.2.1", "10.0.0.1;1.1.1.1;dns")

    assert {kind_of(key) for key in others} == {""}
