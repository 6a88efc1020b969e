"""Sums of the details of one flow in several stores."""

from __future__ import annotations

from shodohflo.keys import FlowDetail, ProtocolSum
from shodohflo.query.details import join_details

UNKNOWN = FlowDetail(first=None, last=None, protocols=(), rule="", sentence="", agents=())


def test_details_of_several_stores_are_summed_up() -> None:
    """The sum has the earliest beginning, the latest end with its rule, and the packets of all stores."""
    early = FlowDetail(1.0, 5.0, (ProtocolSum("tcp", 1, 10),), "FLOW_MAPPING[0]", "early", ("bert",))
    late = FlowDetail(
        3.0, 9.0, (ProtocolSum("tcp", 2, 20), ProtocolSum("udp", 4, 40)), "FLOW_MAPPING[1]", "late", ("ernie",)
    )

    joined = join_details([early, late, UNKNOWN])

    assert joined == join_details([UNKNOWN, late, early])
    assert joined == FlowDetail(
        first=1.0,
        last=9.0,
        protocols=(ProtocolSum("tcp", 3, 30), ProtocolSum("udp", 4, 40)),
        rule="FLOW_MAPPING[1]",
        sentence="late",
        agents=("bert", "ernie"),
    )


def test_the_evidence_is_that_of_the_latest_and_a_correction_stays() -> None:
    """Evidence goes with the rule of the last packet; the latest correction in any store is told."""
    early = UNKNOWN._replace(last=5.0, evidence="guessed", corrected=4.0)
    late = UNKNOWN._replace(last=9.0, evidence="handshake")

    joined = join_details([early, late])

    assert (joined.evidence, joined.corrected) == ("handshake", 4.0)
    assert joined == join_details([late, early])
    assert join_details([early, early._replace(corrected=6.0)]).corrected == 6.0


def test_a_single_unknown_detail_stays_unknown() -> None:
    """The sum of one unknown detail is unknown."""
    assert join_details([UNKNOWN]) == UNKNOWN
