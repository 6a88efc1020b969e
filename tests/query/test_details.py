"""What `detail` hashes remember, also when somebody else has written into them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.query.details import Remembered
from shodohflo.query.rows import ProtocolSum

NAMES = st.sampled_from(["first", "last", "rule", "sentence", "packets.tcp", "octets.tcp", "agent.bert", "other"])
NOTHING = Remembered(first=None, last=None, protocols=(), rule="", sentence="", agents=())


def test_a_hash_is_read_as_it_was_written() -> None:
    """By protocol, with times, rule and agents."""
    remembered = Remembered.of(
        {
            "packets.udp": "3",
            "octets.udp": "200",
            "packets.tcp": "2",
            "octets.tcp": "150",
            "first": "1.000001",
            "last": "9.5",
            "rule": "FLOW_MAPPING[1]",
            "sentence": "in words",
            "agent.ernie": "9.5",
            "agent.bert": "4.0",
        }
    )

    assert remembered == Remembered(
        first=1.000001,
        last=9.5,
        protocols=(ProtocolSum("tcp", 2, 150), ProtocolSum("udp", 3, 200)),
        rule="FLOW_MAPPING[1]",
        sentence="in words",
        agents=("bert", "ernie"),
    )
    assert remembered.octets == 350


def test_a_hash_that_is_gone_says_nothing() -> None:
    """Not even that there were no bytes."""
    assert Remembered.of({}) == NOTHING
    assert NOTHING.octets is None


@given(st.dictionaries(NAMES | st.text(), st.text() | st.sampled_from(["nan", "inf", "1e400", "-1", "\u0663"])))
def test_rubbish_is_read_as_nothing_said(detail: dict[str, str]) -> None:
    """Never an exception, never a number that is none."""
    remembered = Remembered.of(detail)

    for seconds in (remembered.first, remembered.last):
        assert seconds is None or -1e309 < seconds < 1e309
    assert all(protocol.packets >= 0 <= protocol.octets for protocol in remembered.protocols)


def test_what_several_stores_remember_is_summed_up() -> None:
    """The earliest beginning, the latest end with its rule, everybody's packets."""
    early = Remembered(1.0, 5.0, (ProtocolSum("tcp", 1, 10),), "FLOW_MAPPING[0]", "early", ("bert",))
    late = Remembered(
        3.0, 9.0, (ProtocolSum("tcp", 2, 20), ProtocolSum("udp", 4, 40)), "FLOW_MAPPING[1]", "late", ("ernie",)
    )

    joined = Remembered.joined([early, late, NOTHING])

    assert joined == Remembered.joined([NOTHING, late, early])
    assert joined == Remembered(
        first=1.0,
        last=9.0,
        protocols=(ProtocolSum("tcp", 3, 30), ProtocolSum("udp", 4, 40)),
        rule="FLOW_MAPPING[1]",
        sentence="late",
        agents=("bert", "ernie"),
    )
