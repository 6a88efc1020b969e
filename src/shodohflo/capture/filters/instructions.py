"""The instructions of classic BPF: what libpcap compiles an expression to, and what the kernel attaches to a socket.

linux/bpf_common.h, linux/filter.h. A program has an accumulator A, an index X and 16 words of scratch memory. It ends
with a number: 0 leaves the frame out. Loads past the end of the frame end it with 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_INSTRUCTIONS: Final = 4096
"""BPF_MAXINSNS: the kernel takes no longer program."""

SCRATCH_WORDS: Final = 16
"""BPF_MEMWORDS."""

LD: Final = 0x00
LDX: Final = 0x01
ST: Final = 0x02
STX: Final = 0x03
ALU: Final = 0x04
JMP: Final = 0x05
RET: Final = 0x06
MISC: Final = 0x07
"""Classes: `code & 0x07`."""

WORD: Final = 0x00
HALF: Final = 0x08
BYTE: Final = 0x10
"""Sizes of what is loaded: `code & 0x18`."""

SIZES: Final = {WORD: 4, HALF: 2, BYTE: 1}
"""The same in bytes."""

IMM: Final = 0x00
ABS: Final = 0x20
IND: Final = 0x40
MEM: Final = 0x60
LEN: Final = 0x80
MSH: Final = 0xA0
"""Where a value is loaded from, `code & 0xE0`: k itself, the frame at k or at X + k, scratch memory, the length of the
frame, and four times the lower half of the byte at k, which is the length of an IPv4 header."""

ADD: Final = 0x00
SUB: Final = 0x10
MUL: Final = 0x20
DIV: Final = 0x30
OR: Final = 0x40
AND: Final = 0x50
LSH: Final = 0x60
RSH: Final = 0x70
NEG: Final = 0x80
MOD: Final = 0x90
XOR: Final = 0xA0
"""Operations on A: `code & 0xF0`."""

JA: Final = 0x00
JEQ: Final = 0x10
JGT: Final = 0x20
JGE: Final = 0x30
JSET: Final = 0x40
"""Jumps: `code & 0xF0`."""

BY_X: Final = 0x08
"""The operand is X; otherwise it is k."""

RET_A: Final = 0x10
TXA: Final = 0x80
"""Return A instead of k; X to A instead of A to X."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: struct sock_filter."""

    code: int
    jt: int = 0
    """Instructions to skip if a condition is true."""
    jf: int = 0
    """The same if it is false."""
    k: int = 0
    """An operand of 32 bits."""

    @property
    def family(self) -> int:
        """The class of the instruction."""
        return self.code & 0x07

    @property
    def mode(self) -> int:
        """Where a load takes its value from."""
        return self.code & 0xE0

    @property
    def size(self) -> int:
        """The number of bytes that a load takes."""
        return SIZES.get(self.code & 0x18, 4)

    @property
    def operation(self) -> int:
        """What an operation or a jump does."""
        return self.code & 0xF0

    def skips(self) -> tuple[int, ...]:
        """Return how many instructions may be skipped after this one; none after the end of the program."""
        if self.family == RET:
            return ()
        if self.family != JMP:
            return (0,)
        return (self.k,) if self.operation == JA else (self.jt, self.jf)


Program = tuple[Instruction, ...]
"""Instructions in their order; every jump is forward, and within the program."""


def is_sound(program: Program) -> bool:
    """Return whether each jump of `program` is forward, as the kernel requires, and none leaves it."""
    return bool(program) and all(
        at + 1 + skip < len(program) for at, step in enumerate(program) for skip in step.skips()
    )
