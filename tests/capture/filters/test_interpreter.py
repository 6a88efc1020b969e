"""The interpreter says of columns what `pcap_offline_filter` says of each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.files.savefile import open_savefile
from shodohflo.capture.filters.instructions import (
    ABS,
    ADD,
    ALU,
    AND,
    BY_X,
    BYTE,
    DIV,
    HALF,
    IMM,
    IND,
    JA,
    JEQ,
    JGE,
    JGT,
    JMP,
    JSET,
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
    ST,
    STX,
    SUB,
    TXA,
    WORD,
    XOR,
    Instruction,
    Program,
)
from shodohflo.capture.filters.interpreter import matches
from shodohflo.capture.filters.libpcap import compile_expression
from support.filtering import EXPRESSIONS, OF_ETHERNET, answers_of_libpcap
from support.packets import ETHERNET, ethernet, frames_of, ip, tag, tcp, udp

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = st.integers(0, 2**32 - 1) | st.integers(0, 70)
_LOADS = [LD | size | mode for size in (WORD, HALF, BYTE) for mode in (ABS, IND)]
_LOADS += [LD | IMM, LD | LEN, LD | MEM, LDX | IMM, LDX | LEN, LDX | MEM, LDX | BYTE | MSH, ST, STX, MISC, MISC | TXA]
_CALCULATIONS = [
    ALU | operation | by for operation in (ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, MOD, XOR) for by in (0, BY_X)
] + [ALU | NEG]


@st.composite
def _programs(draw: st.DrawFn) -> Program:
    """Return a program of any instructions, whose jumps are forward and whose places are near."""
    length = draw(st.integers(0, 12))
    steps = []
    for at in range(length):
        left = length - at  # instructions after this one
        kind = draw(st.sampled_from(["load", "calculate", "jump", "jump", "return"]))
        skip = st.integers(0, left - 1) if left else st.just(0)
        if kind == "load":
            code = draw(st.sampled_from(_LOADS))
            slot = code in {LD | MEM, LDX | MEM, ST, STX}
            k = draw(st.integers(0, 15) if slot else st.integers(0, 70) if code & 0xE0 in {ABS, IND, MSH} else _WORDS)
            steps.append(Instruction(code, k=k))
        elif kind == "calculate":
            code = draw(st.sampled_from(_CALCULATIONS))
            # libpcap's own parser refuses to divide by a constant 0, and to shift by 32 or more.
            shifts = code & 0xF0 in {LSH, RSH}
            k = draw(st.integers(0, 31) if shifts else st.integers(1, 2**32 - 1))
            steps.append(Instruction(code, k=k))
        elif kind == "jump" and draw(st.booleans()):
            steps.append(Instruction(JMP | JA, k=draw(skip)))
        elif kind == "jump":
            code = JMP | draw(st.sampled_from([JEQ, JGT, JGE, JSET])) | draw(st.sampled_from([0, BY_X]))
            steps.append(Instruction(code, draw(skip), draw(skip), draw(_WORDS)))
        else:
            steps.append(Instruction(RET | draw(st.sampled_from([0, RET_A])), k=draw(_WORDS)))
    return (*steps, Instruction(RET | RET_A))


@given(_programs(), st.lists(st.binary(max_size=70), max_size=8))
def test_any_program_says_what_libpcap_says(program: Program, packets: list[bytes]) -> None:
    """Every instruction does to columns what it does to one frame, also at the end of the frame."""
    frames = frames_of(*packets, layer=ETHERNET, guard=b"\xa5\x5a", original=50)

    assert matches(program, frames).tolist() == answers_of_libpcap(program, frames)


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *OF_ETHERNET])
def test_expressions_say_of_packets_what_libpcap_says(expression: str) -> None:
    """Packets of many kinds, each whole and cut at each byte, are matched as by libpcap."""
    inner = [
        ip(tcp(40000, 80), 6),
        ip(udp(53, 53), 17, "10.1.2.3", "192.168.1.2"),
        ip(tcp(443, 5), 6, "fe80::1", "2001:db8::2"),
    ]
    whole = [
        *(ethernet(packet, 0x86DD if packet[0] >> 4 == 6 else 0x0800) for packet in inner),
        ethernet(tag(0x0800, 100) + inner[0], 0x8100),
        ethernet(tag(0x8100, 10) + tag(0x0800, 20) + inner[1], 0x88A8),
        b"\xff" * 12 + b"\x08\x06" + bytes(28),
    ]
    packets = [packet[:length] for packet in whole for length in range(len(packet) + 1)]
    frames = frames_of(*packets, layer=ETHERNET, original=64)
    program = compile_expression(expression, ETHERNET)

    assert matches(program, frames).tolist() == answers_of_libpcap(program, frames)


@pytest.mark.parametrize("name", ["pcapplusplus-raw_ip.pcap", "zeek-linux_dlt_sll2.pcap", "brimcap-loopback.pcap"])
def test_other_link_types_are_compiled_for_themselves(shipped_captures: Path, name: str) -> None:
    """A program for another link type is run as well."""
    with open_savefile(str(shipped_captures / name)) as savefile:
        for frames in savefile:
            for expression in EXPRESSIONS:
                if expression == "arp":  # it rejects all packets here, which libpcap does not compile
                    continue
                program = compile_expression(expression, int(frames.layer[0]))
                assert matches(program, frames).tolist() == answers_of_libpcap(program, frames)


def test_no_frames_are_no_answers() -> None:
    """Without frames there is nothing to say."""
    assert matches(compile_expression("ip", ETHERNET), frames_of()).dtype == np.bool_
