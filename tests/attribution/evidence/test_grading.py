"""Grades count flows by rule and port, in bounded memory."""

from __future__ import annotations

import numpy as np

from shodohflo.attribution.evidence.grading import MOST_PORTS, Grades


def add(grades: Grades, rule: int, port: int, *disagrees: bool) -> None:
    """Add flows of one rule and port."""
    grades.add(rule, np.full(len(disagrees), port, np.uint16), np.array(disagrees))


def test_the_worst_port_of_a_rule_is_the_one_with_most_disagreement() -> None:
    """Two of three flows at port 443 against none at port 80."""
    grades = Grades()
    add(grades, 1, 443, True, True, False)
    add(grades, 1, 80, False)
    add(grades, 0, 22, True)

    first, second = grades.grades()

    assert (first.rule, first.graded, first.disagreed, first.worst_port) == (0, 1, 1, 22)
    assert (second.rule, second.graded, second.disagreed) == (1, 4, 2)
    assert (second.worst_port, second.worst_graded, second.worst_disagreed) == (443, 3, 2)


def test_a_flood_of_ports_is_summed_up() -> None:
    """However many pairs of rule and port there are, few more than the limit are kept, and no flow is lost."""
    grades = Grades()
    for rule in range(3):
        ports = np.arange(1, 10_001, dtype=np.uint16)
        grades.add(rule, ports, np.zeros(10_000, np.bool_))

    assert [grade.graded for grade in grades.grades()] == [10_000] * 3
    assert len(grades._graded) <= MOST_PORTS + 3


def test_flows_against_proof_are_counted_by_rule() -> None:
    """Each row is a flow."""
    grades = Grades()
    grades.contradict(np.array([2, 0, 2], np.uint16))

    assert grades.contradicted == {0: 1, 2: 2}
