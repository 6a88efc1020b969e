"""The kernel lets through what tcpdump does: the same frames, on an interface and in a file, tagged or not."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from shodohflo.capture.filters.instructions import ABS, BYTE, LD, MEM, RET, SCRATCH_WORDS, ST, Instruction, is_sound
from shodohflo.capture.filters.kernel import ETHERNET, EVERYTHING, dispatching, section, tagged
from shodohflo.capture.filters.libpcap import FilterError, compile_expression
from shodohflo.capture.live.packet_socket import PacketSocket
from support.filtering import EXPRESSIONS, OF_ETHERNET, passed_by_tcpdump
from support.networks import Namespace, join, namespace, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAW_IP = 101


@pytest.fixture(name="ends", scope="module")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces: packets sent on `far0` are received on `near0`."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


@pytest.mark.parametrize("name", ["zeek-mixed-vlan-mpls.pcap", "zeek-pppoe-over-qinq.pcap", "tcpdump-QinQpacket.pcap"])
def test_the_kernel_passes_what_tcpdump_does(
    ends: tuple[Namespace, Namespace], shipped_captures: Path, name: str
) -> None:
    """The kernel takes the outer tag out of a frame, and yet each expression holds as in the file."""
    far, near = ends
    expressions = [*EXPRESSIONS, *OF_ETHERNET]
    with contextlib.ExitStack() as closing, near.entered():
        index = socket.if_nametoindex("near0")
        heard = {}
        for expression in expressions:
            heard[expression] = closing.enter_context(contextlib.closing(PacketSocket(1 << 16)))
            programs = {ETHERNET: section(compile_expression(expression, ETHERNET), ETHERNET)}
            heard[expression].accept({index: ETHERNET}, programs)
        send(far, "far0", shipped_captures / name)
        counted = {expression: packets.count().packets for expression, packets in heard.items()}

    assert counted == {expression: passed_by_tcpdump(shipped_captures / name, expression) for expression in expressions}


@pytest.mark.parametrize("expression", ["ether[ether[0]] = 1", "ether[ip[0]:2] = 3"])
def test_a_place_computed_in_the_link_header_is_refused(expression: str) -> None:
    """Whether a computed place is before or behind a tag cannot be known in advance."""
    with pytest.raises(FilterError, match="computes a place"):
        section(compile_expression(expression, ETHERNET), ETHERNET)


def test_a_shift_by_what_a_packet_has_is_refused() -> None:
    """The kernel and libpcap differ in what is left of a number that is shifted by 32 or more."""
    with pytest.raises(FilterError, match="shifts by a number"):
        section(compile_expression("1 << ip[9] > 64", RAW_IP), RAW_IP)


def test_a_program_without_free_memory_is_refused() -> None:
    """What stands in the place of the tag's bytes needs a word of scratch memory."""
    full = tuple(Instruction(ST, k=slot) for slot in range(SCRATCH_WORDS))

    with pytest.raises(FilterError, match="no scratch memory"):
        tagged((*full, Instruction(LD | BYTE | ABS, k=13), Instruction(RET)))


def test_scratch_memory_of_the_program_is_left_alone() -> None:
    """The words that a program uses are not those that are used for the tag."""
    program = (Instruction(ST, k=15), Instruction(LD | MEM, k=14), Instruction(LD | BYTE | ABS, k=13), Instruction(RET))

    made = tagged(program)

    assert {step.k for step in made if step.family == ST} == {13, 15}
    assert is_sound(made)


def test_only_ethernet_has_a_section_for_tags() -> None:
    """A program for another link type is its own section, as is one that looks at nothing."""
    program = compile_expression("host 192.0.2.1", ETHERNET)

    assert section(program, RAW_IP) is program
    assert section(EVERYTHING, ETHERNET) is EVERYTHING
    assert len(section(program, ETHERNET)) == 3 + 2 * len(program)


def test_each_interface_goes_to_the_section_of_its_link_type() -> None:
    """Run by hand: an interface's index leads to its section; another one, or one without a section, is left out."""
    passing = {1: (Instruction(RET, k=11),), 101: (Instruction(RET, k=22),)}
    program = dispatching({5: 1, 7: 101, 9: 1, 8: 127}, passing)

    def run(index: int) -> int:
        at = 1
        while program[at].family != RET:
            step = program[at]
            at += 1 + (step.jt if step.k == index else step.jf) if step.operation else 1 + step.k
        return program[at].k

    assert is_sound(program)
    assert [run(index) for index in (5, 7, 9, 8, 6)] == [11, 22, 11, 0, 0]


def test_without_interfaces_nothing_passes() -> None:
    """A program for no interface leaves everything out."""
    assert [step.k for step in dispatching({}, {ETHERNET: EVERYTHING}) if step.family == RET] == [0]
