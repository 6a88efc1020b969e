"""What an instruction is, and which programs the kernel could take."""

from __future__ import annotations

import pytest

from shodohflo.capture.filters.instructions import (
    ABS,
    BYTE,
    HALF,
    JA,
    JEQ,
    JMP,
    LD,
    MEM,
    RET,
    ST,
    WORD,
    Instruction,
    is_sound,
)

_END = Instruction(RET, k=0)


def test_an_instruction_says_what_it_loads_and_from_where() -> None:
    """Class, mode and size are parts of the code; the numbers are those of linux/bpf_common.h."""
    half = Instruction(0x28, k=12)

    assert (half.family, half.mode, half.size) == (LD, ABS, 2)
    assert [Instruction(LD | size | ABS).size for size in (WORD, HALF, BYTE)] == [4, 2, 1]
    assert Instruction(LD | MEM).mode == MEM


@pytest.mark.parametrize(
    ("step", "skips"),
    [
        (_END, ()),
        (Instruction(ST, k=3), (0,)),
        (Instruction(JMP | JA, k=7), (7,)),
        (Instruction(JMP | JEQ, 1, 2, 99), (1, 2)),
    ],
)
def test_what_may_be_skipped(step: Instruction, skips: tuple[int, ...]) -> None:
    """A jump skips what it says, a return goes nowhere, and all else goes on with the next instruction."""
    assert step.skips() == skips


def test_a_program_ends_inside_itself() -> None:
    """A program without instructions, without an end or with a jump past it is not sound."""
    assert is_sound((_END,))
    assert is_sound((Instruction(JMP | JEQ, 0, 1, 5), _END, _END))
    assert not is_sound(())
    assert not is_sound((Instruction(ST, k=0),))
    assert not is_sound((Instruction(JMP | JEQ, 0, 1, 5), _END))


def test_a_backward_jump_is_not_sound() -> None:
    """A jump backward is one of nearly 2^32 instructions forward, as libpcap writes loops."""
    assert not is_sound((Instruction(ST, k=0), Instruction(JMP | JA, k=2**32 - 2), _END))
