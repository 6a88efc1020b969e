"""Run a filter program over frames as columns: each instruction is applied to all the frames that reach it.

As every jump is forward, one pass over the instructions is enough. The specification is `pcap_offline_filter`, which
runs the same program over one frame; a property test compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.filters.instructions import (
    ADD,
    ALU,
    AND,
    BY_X,
    DIV,
    IMM,
    IND,
    JA,
    JEQ,
    JGE,
    JGT,
    JMP,
    LD,
    LDX,
    LEN,
    LSH,
    MEM,
    MISC,
    MOD,
    MSH,
    MUL,
    NEG,
    OR,
    RET,
    RET_A,
    RSH,
    SCRATCH_WORDS,
    ST,
    SUB,
    TXA,
    XOR,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shodohflo.capture.filters.instructions import Instruction, Program
    from shodohflo.columns.frames import Frames

_BLOCK: Final = 1 << 15
"""Frames that go through a program together."""

_LOW: Final = 0xFFFFFFFF
"""The bits of a word; words are kept in 64 bits, so that nothing overflows before it is cut."""

_SIMPLE: Final[dict[int, Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]]] = {
    ADD: lambda a, b: a + b,
    SUB: lambda a, b: a - b,
    OR: lambda a, b: a | b,
    AND: lambda a, b: a & b,
    XOR: lambda a, b: a ^ b,
    NEG: lambda a, _: -a,
    LSH: lambda a, b: np.where(b < 32, a << np.minimum(b, 31), 0),
    RSH: lambda a, b: np.where(b < 32, a >> np.minimum(b, 31), 0),
    # The product of two words has 64 bits; only the lower 32 are wanted, which are the same if it wraps around.
    MUL: lambda a, b: (a.astype(np.uint64) * b.astype(np.uint64) & np.uint64(_LOW)).astype(np.int64),
}

_CONDITIONS: Final[dict[int, Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]]] = {
    JEQ: lambda a, b: a == b,
    JGT: lambda a, b: a > b,
    JGE: lambda a, b: a >= b,
}


def matches(program: Program, frames: Frames) -> NDArray[np.bool_]:
    """Return which of `frames` `program` lets through; its jumps are forward."""
    parts = [_Run(frames[start : start + _BLOCK]).over(program) for start in range(0, len(frames), _BLOCK)]
    return np.concatenate([np.empty(0, np.bool_), *parts])


class _Run:
    """The state of the machine, one row for each frame."""

    def __init__(self, frames: Frames) -> None:
        count = len(frames)
        self._frames = frames
        self._a = np.zeros(count, np.int64)
        self._x = np.zeros(count, np.int64)
        self._memory = np.zeros((SCRATCH_WORDS, count), np.int64)
        self._passed = np.zeros(count, np.bool_)

    def over(self, program: Program) -> NDArray[np.bool_]:
        """Run `program` to its end."""
        waiting: list[list[NDArray[np.int64]]] = [[] for _ in program]
        waiting[0].append(np.arange(len(self._a)))
        for at, step in enumerate(program):
            rows = np.concatenate([np.empty(0, np.int64), *waiting[at]])
            waiting[at].clear()
            if not len(rows):
                continue
            if step.family == RET:
                self._passed[rows] = (self._a[rows] if step.code & RET_A else np.int64(step.k)) != 0
            elif step.family == JMP:
                for skip, going in self._jump(step, rows):
                    waiting[at + 1 + skip].append(going)
            else:
                waiting[at + 1].append(self._apply(step, rows))
        return self._passed

    def _jump(self, step: Instruction, rows: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
        """Return the rows that go on, with how many instructions they skip."""
        if step.operation == JA:
            return [(step.k, rows)]
        a, b = self._a[rows], self._operand(step, rows)
        condition = _CONDITIONS.get(step.operation)
        is_true = condition(a, b) if condition else (a & b) != 0  # the last jump is JSET
        return [(step.jt, rows[is_true]), (step.jf, rows[~is_true])]

    def _apply(self, step: Instruction, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Apply an instruction that does not jump; return the rows that go on."""
        match step.family:
            case family if family in {LD, LDX}:
                rows, value = self._load(step, rows)
                (self._a if family == LD else self._x)[rows] = value
            case family if family == ALU:
                return self._calculate(step, rows)
            case family if family == MISC:
                to, of = (self._a, self._x) if step.code & TXA else (self._x, self._a)
                to[rows] = of[rows]
            case family:
                self._memory[step.k % SCRATCH_WORDS, rows] = (self._a if family == ST else self._x)[rows]
        return rows

    def _operand(self, step: Instruction, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._x[rows] if step.code & BY_X else np.full(len(rows), step.k, np.int64)

    def _calculate(self, step: Instruction, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        operand = self._operand(step, rows)
        if step.operation in {DIV, MOD}:
            rows, operand = rows[operand != 0], operand[operand != 0]  # the others end here, without a match
            self._a[rows] = self._a[rows] // operand if step.operation == DIV else self._a[rows] % operand
        else:
            self._a[rows] = _SIMPLE[step.operation](self._a[rows], operand) & _LOW
        return rows

    def _load(self, step: Instruction, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows that have what `step` loads, and what that is."""
        if step.mode == IMM:
            return rows, np.full(len(rows), step.k, np.int64)
        if step.mode == MEM:
            return rows, self._memory[step.k % SCRATCH_WORDS, rows]
        if step.mode == LEN:
            return rows, self._frames.original[rows]
        offset = np.full(len(rows), step.k, np.int64) + (self._x[rows] if step.mode == IND else 0)
        size = 1 if step.mode == MSH else step.size
        fits = offset + size <= self._frames.captured[rows]
        rows, place = rows[fits], self._frames.start[rows[fits]] + offset[fits]
        value = np.zeros(len(rows), np.int64)
        for byte in range(size):
            value = value << 8 | self._frames.buffer[place + byte]
        if step.mode == MSH:
            value = (value & 0xF) << 2
        return rows, value
