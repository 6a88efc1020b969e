"""The program that is attached to a packet socket: which interfaces are heard, and what of their frames passes.

It begins with the index of the interface, and jumps to the program of its link type:

    load the index of the interface
    for each interface: if it is this one, jump to the section of its link type
    leave the frame out
    section of a link type: its program; for Ethernet in two forms, of which the first is for tagged frames

Before a packet socket sees a frame, the kernel takes its outer VLAN tag from its bytes (skb_vlan_untag in
net/core/dev.c, and most network cards). An expression is about the frame on the wire, in which the tag is at bytes 12
to 16. So `tagged` makes a program for what the kernel has left: what was behind the tag is 4 bytes earlier there, and
the tag itself is loaded from the kernel's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from shodohflo.capture.filters.instructions import (
    ABS,
    ADD,
    ALU,
    AND,
    BY_X,
    BYTE,
    HALF,
    IMM,
    IND,
    JA,
    JEQ,
    JMP,
    LD,
    LDX,
    LEN,
    LSH,
    MEM,
    MISC,
    MSH,
    OR,
    RET,
    RSH,
    SCRATCH_WORDS,
    ST,
    STX,
    WORD,
    Instruction,
)
from shodohflo.capture.filters.libpcap import FilterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.capture.filters.instructions import Program

ETHERNET: Final = 1
"""The LINKTYPE_ number of the only link type whose frames can have a tag taken out."""

_IFINDEX: Final = 0xFFFFF008
_VLAN_TAG: Final = 0xFFFFF02C
_VLAN_PRESENT: Final = 0xFFFFF030
_VLAN_PROTOCOL: Final = 0xFFFFF03C
# SKF_AD_OFF + SKF_AD_IFINDEX, SKF_AD_VLAN_TAG, SKF_AD_VLAN_TAG_PRESENT, SKF_AD_VLAN_TPID (linux/filter.h)

_TAG: Final = 12
_BEHIND_TAG: Final = 16
_TAG_OCTETS: Final = 4
_LEAST_COMPUTED: Final = 14
"""Where the payload of an untagged frame begins: places that are computed from there on are behind the tag, because an
expression gets to the payload of a tagged frame only if it is about VLANs."""

_TAKE: Final = Instruction(RET, k=0xFFFFFFFF)
_LEAVE: Final = Instruction(RET, k=0)
EVERYTHING: Final = (_TAKE,)
"""The program that lets every frame through."""


def dispatching(interfaces: Mapping[int, int], programs: Mapping[int, Program]) -> Program:
    """Return the program that hears `interfaces`, link types by index, and lets through what `programs` do.

    Frames of a link type without a program are left out. The result may be longer than the kernel takes.
    """
    sections = {link: programs[link] for link in sorted({*interfaces.values()} & programs.keys())}
    heard = sorted(index for index, link in interfaces.items() if link in sections)
    starts, end = {}, 2 * len(heard) + 2
    for link, section in sections.items():
        starts[link], end = end, end + len(section)
    tests: list[Instruction] = []
    for index in heard:
        at = 1 + len(tests) + 1
        start = starts[interfaces[index]]
        tests += Instruction(JMP | JEQ, 0, 1, index), Instruction(JMP | JA, k=start - at - 1)
    code = [_load(_IFINDEX), *tests, _LEAVE]
    return (*code, *(step for section in sections.values() for step in section))


def section(program: Program, link: int) -> Program:
    """Return `program` as a section of the program for a socket; raises `FilterError` if it would differ there."""
    if any(step.family == ALU and step.operation in {LSH, RSH} and step.code & BY_X for step in program):
        # Shifted by 32 or more, a number is 0 for libpcap, and for the kernel what the lower 5 bits make of it.
        raise FilterError("it shifts by a number that a packet has, which the kernel does in another way")
    if link != ETHERNET or all(step.family == RET for step in program):
        return program
    of_tagged = tagged(program)
    beginning = (_load(_VLAN_PRESENT), Instruction(JMP | JEQ, 0, 1, 0), Instruction(JMP | JA, k=len(of_tagged)))
    return (*beginning, *of_tagged, *program)


def tagged(program: Program) -> Program:
    """Return what decides as `program`, which is for whole frames, on Ethernet frames whose tag has been taken out."""
    used = {step.k for step in program if (step.family in {LD, LDX} and step.mode == MEM) or step.family in {ST, STX}}
    making = _Tagging([slot for slot in range(SCRATCH_WORDS) if slot not in used])
    body = [making.translated(step) for step in program]
    return (*making.prologue, *body)


@dataclass(slots=True)
class _Tagging:
    """A program for tagged frames that is being made.

    Each instruction is translated to one, so that every jump stays as it is; what takes several is made before all
    others, and kept in scratch memory.
    """

    free: list[int]
    """Words of scratch memory that the program does not use."""
    prologue: list[Instruction] = field(default_factory=list)
    made: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Where what has been made is kept, by mode, place and size."""

    def translated(self, step: Instruction) -> Instruction:
        """Return the instruction that does for tagged frames what `step` does for whole ones."""
        if step.family not in {LD, LDX}:
            return step
        match step.mode:
            case mode if mode == LEN:
                return self._kept(step, 0)
            case mode if mode == IND and step.k < _LEAST_COMPUTED:
                raise FilterError("it computes a place in the frame, other than in the payload")
            case mode if mode == IND:
                return replace(step, k=step.k - _TAG_OCTETS)
            case mode if mode in {ABS, MSH}:
                return self._placed(step, 1 if mode == MSH else step.size)
        return step

    def _placed(self, step: Instruction, size: int) -> Instruction:
        """Return the instruction that loads from its new place what `step` loads from a fixed one."""
        if step.k >= _BEHIND_TAG:
            return replace(step, k=step.k - _TAG_OCTETS)
        if step.k + size <= _TAG:
            return step
        if step.code == LD | HALF | ABS and step.k in {_TAG, _TAG + 2}:
            return _load(_VLAN_PROTOCOL if step.k == _TAG else _VLAN_TAG)
        return self._kept(step, size)

    def _kept(self, step: Instruction, size: int) -> Instruction:
        """Return the instruction that loads what `step` does from where it is kept."""
        what = step.mode, step.k, size
        if what not in self.made:
            self.made[what] = self._make(step, size)
        return Instruction(step.family | MEM, k=self.made[what])

    def _make(self, step: Instruction, size: int) -> int:
        if not self.free:
            raise FilterError("it is too complex: no scratch memory is left for the VLAN tag")
        slot = self.free.pop()
        keep = Instruction(ST, k=slot)
        if step.mode == LEN:
            self.prologue += Instruction(LD | WORD | LEN), Instruction(ALU | ADD, k=_TAG_OCTETS), keep
            return slot
        self.prologue += Instruction(LD | IMM, k=0), keep
        for place in range(step.k, step.k + size):
            # What is kept so far, 8 bits higher, with the next byte in the lowest 8.
            self.prologue += Instruction(LD | MEM, k=slot), Instruction(ALU | LSH, k=8), Instruction(MISC)
            self.prologue += *_byte(place), Instruction(ALU | OR | BY_X), keep
        if step.mode == MSH:
            self.prologue += Instruction(ALU | AND, k=0xF), Instruction(ALU | LSH, k=2), keep
        return slot


def _byte(place: int) -> tuple[Instruction, ...]:
    """Return the instructions that load the byte at `place` of the whole frame."""
    if place < _TAG:
        return (Instruction(LD | BYTE | ABS, k=place),)
    if place >= _BEHIND_TAG:
        return (Instruction(LD | BYTE | ABS, k=place - _TAG_OCTETS),)
    word = _load(_VLAN_PROTOCOL if place < _TAG + 2 else _VLAN_TAG)
    is_upper = place % 2 == 0
    return (word, Instruction(ALU | RSH, k=8) if is_upper else Instruction(ALU | AND, k=0xFF))


def _load(place: int) -> Instruction:
    return Instruction(LD | WORD | ABS, k=place)
