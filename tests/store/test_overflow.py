"""Keys that were refused are remembered for a lifetime, and at most two."""

from __future__ import annotations

from shodohflo.store.overflow import Overflow


def test_a_refused_key_is_remembered_for_a_lifetime() -> None:
    """It is there until the second turn; another one hardly ever is."""
    overflow = Overflow()
    overflow.turn(1000, 900)
    assert overflow.is_empty

    overflow.add([b"a", b"b"])

    assert overflow.has([b"a", b"b"]).tolist() == [True, True]
    assert overflow.has([b"%d" % number for number in range(1000)]).sum() < 10
    overflow.turn(1899, 900)
    overflow.turn(1900, 900)
    assert overflow.has([b"a"]).all()
    overflow.turn(2800, 900)
    assert overflow.is_empty


def test_after_a_long_time_nothing_is_remembered() -> None:
    """A turn that comes two lifetimes late forgets both halves."""
    overflow = Overflow()
    overflow.turn(0, 900)
    overflow.add([b"a"])

    overflow.turn(5000, 900)

    assert overflow.is_empty
