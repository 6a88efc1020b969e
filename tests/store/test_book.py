"""A book: slots, lives and generations."""

from __future__ import annotations

import numpy as np

from shodohflo.keys.key_columns import ClientKeys, FlowKeys
from shodohflo.store.book import UNKNOWN_SLOT, Book, FlowBook


def test_a_key_has_a_slot_until_it_ends() -> None:
    """An open key is found, a closed one is not, and its slot is used again."""
    book = Book(ClientKeys, 1)
    names = [bytes([number]) * 17 for number in range(3)]

    slots = book.open(names)
    book.close(slots[:1])

    assert book.find(names).tolist() == [UNKNOWN_SLOT, *slots[1:].tolist()]
    assert len(book) == 2
    assert book.open([b"x" * 17, b"y" * 17]).tolist() == [slots[0], 3]


def test_what_was_noted_about_a_former_key_is_recognised() -> None:
    """A slot that was used again has another generation, and so has a key that began another life."""
    book = Book(ClientKeys, 1)
    slots = book.open([b"a" * 17, b"b" * 17, b"c" * 17])
    noted = book.generation[slots].copy()

    book.close(slots[:1])
    book.open([b"d" * 17])
    book.reset(slots[1:2])

    assert book.lives(slots, noted).tolist() == [False, False, True]


def test_a_book_grows_and_keeps_what_it_has() -> None:
    """Thousands of keys have their own numbers, in every column."""
    book = FlowBook(FlowKeys)
    first = book.open([bytes([0, number]) * 18 for number in range(200)])
    book.total[first], book.first[first] = 7, 9

    more = book.open([number.to_bytes(36, "big") for number in range(70_000, 75_000)])

    assert len(set(first.tolist()) | set(more.tolist())) == len(book) == 5200
    assert (book.total[first] == 7).all()
    assert (book.first[first] == 9).all()
    assert not book.total[more].any()


def test_keys_are_living_waiting_or_quiet() -> None:
    """A key with a deadline lives; it waits or, if the store has it, is quiet."""
    book = Book(ClientKeys, 1)
    slots = book.open([bytes([number]) * 17 for number in range(3)])
    book.deadline[slots] = [5, 5, 0]
    book.held[slots] = 5
    book.waits[slots[0]] = True

    assert book.living().tolist() == slots[:2].tolist()
    assert book.waiting().tolist() == slots[:1].tolist()
    assert book.quiet().tolist() == slots[1:2].tolist()
    assert book.open([]).dtype == np.int32


def test_each_of_the_two_keys_of_a_slot_waits_and_is_held_for_itself() -> None:
    """A slot is quiet when the store has both; what is in a lane that is left out is not due."""
    book = FlowBook(FlowKeys)
    slots = book.open([bytes([number]) * 36 for number in range(2)])
    book.deadline[slots], book.held[slots[0]], book.held[slots[1], 0] = 9, 9, 9
    book.place[slots] = [[1, 2], [1, 2]]

    assert book.quiet().tolist() == slots[:1].tolist()
    book.waits[slots[0]] = True
    assert book.waiting().tolist() == slots[:1].tolist()
    assert book.quiet().tolist() == []
    assert book.due()[slots].tolist() == [[True, True], [False, False]]
    assert book.due(np.array([False, True, False]))[slots].tolist() == [[False, True], [False, False]]
