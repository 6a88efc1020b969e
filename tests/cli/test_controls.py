"""The keys of the live table: one state after the other."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.cli.controls import HELP, LONGEST, Controls, press
from shodohflo.report.busiest import ORDERS, Search


def parse(text: str) -> Search:
    """Parse a filter of texts; `bad` is none."""
    if "bad" in text:
        raise ValueError("bad is no filter")
    return Search(texts=tuple(text.split()))


def after(keys: str, state: Controls | None = None) -> Controls:
    """Return the state after several keys."""
    return reduce(lambda before, key: press(before, key, parse), keys, state or Controls())


def test_s_goes_through_all_orders_and_back() -> None:
    """`s` is the next order, `S` the one before, in a circle."""
    orders = list(ORDERS)

    assert [after("s" * times).sort for times in range(len(orders) + 1)] == [*orders, orders[0]]
    assert after("S").sort == orders[-1]
    assert after("sS") == Controls()


@pytest.mark.parametrize("keys", ["pp", "  ", "p ", "rr", "?x", "h?", "/\x1b"])
def test_what_one_key_does_another_undoes(keys: str) -> None:
    """Pause, direction, help and an unfinished filter leave no trace."""
    assert after(keys) == Controls()


def test_each_key_does_one_thing() -> None:
    """Every letter of the help has an effect, and an unknown key has none."""
    assert after("p").paused
    assert after("r").reverse
    assert after("?").helping
    assert after("h").helping
    assert after("q").ending
    assert after("?q").ending
    assert after("x\t\x00é") == Controls()
    described = {key for keys, _ in HELP for key in keys.replace("blank", " ").split(", ")}
    assert all(after(key) != Controls() for key in described)


def test_a_filter_is_typed_and_taken() -> None:
    """While a filter is typed, keys are its characters; Enter takes it."""
    typing = after("/sp q")
    taken = after("\r", typing)

    assert (typing.editing, typing.ending, typing.paused) == ("sp q", False, False)
    assert (taken.editing, taken.typed, taken.search) == (None, "sp q", Search(texts=("sp", "q")))


def test_a_filter_can_be_changed_and_cleared() -> None:
    """The next `/` begins with the filter in force; Backspace and Ctrl-U delete, and an empty one shows all."""
    taken = after("/abc\r")

    assert after("/\x7f\x08z\n", taken).typed == "az"
    assert after("/\x15\r", taken) == Controls()
    assert after("/xyz\x1b", taken) == taken
    assert after("/\x7f\x7f\x7f\x7f\x7f", taken).editing == ""


def test_a_wrong_filter_is_told_and_the_old_one_stays() -> None:
    """The line stays for a correction, with what is wrong with it."""
    wrong = after("/abc\r/ bad\r")

    assert (wrong.editing, wrong.typed, wrong.complaint) == ("abc bad", "abc", "bad is no filter")
    assert wrong.search == Search(texts=("abc",))
    corrected = after("\x7f" * 4 + "\r", wrong)
    assert (corrected.editing, corrected.complaint) == (None, "")


@given(st.text(max_size=400))
def test_no_keys_do_harm(keys: str) -> None:
    """Whatever is typed, the order exists and the line is bounded and can be printed."""
    state = after(keys)

    assert state.sort in ORDERS
    assert state.editing is None or (len(state.editing) <= LONGEST and state.editing.isprintable())
