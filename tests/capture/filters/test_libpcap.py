"""libpcap compiles expressions; whatever it refuses, and whatever the kernel would, is an error of one line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.filters.instructions import RET, is_sound
from shodohflo.capture.filters.libpcap import (
    LONGEST,
    SNAP_LENGTH,
    FilterError,
    LibpcapMissingError,
    compile_expression,
    library,
)
from support.filtering import EXPRESSIONS, OF_ETHERNET
from support.machine import require

if TYPE_CHECKING:
    from pathlib import Path

ETHERNET, RAW_IP = 1, 101


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *OF_ETHERNET])
def test_an_expression_becomes_a_sound_program(expression: str) -> None:
    """A program has only forward jumps, and ends by returning."""
    program = compile_expression(expression, ETHERNET)

    assert is_sound(program)
    assert program[-1].family == RET


def test_the_program_is_the_one_that_tcpdump_prints(shipped_captures: Path) -> None:
    """Instruction by instruction, the program is that of `tcpdump -ddd`."""
    require("tcpdump")
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    done = subprocess.run(
        ["tcpdump", "-ddd", "-r", str(capture), "tcp port 80 and not net 10.0.0.0/8"],
        capture_output=True,
        text=True,
        check=True,
    )
    printed = [tuple(map(int, line.split())) for line in done.stdout.splitlines()[1:]]

    program = compile_expression("tcp port 80 and not net 10.0.0.0/8", ETHERNET)

    assert [(step.code, step.jt, step.jf, step.k) for step in program] == [
        # What is returned for a match is the length of a snapshot, the file's own there.
        (code, jt, jf, SNAP_LENGTH if code == RET and k else k)
        for code, jt, jf, k in printed
    ]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("tcp prot 80", "syntax error"),
        ("port 80 and", "syntax error"),
        ("port 70000", "illegal port number 70000"),
        ("host 10.0.0.300", "invalid IPv4 address|unknown host"),
        ("ip proto 6 and protochain 6", "has a loop"),
        ("inbound", "not supported"),
        ("ether[0xfffff008:4] = 2", "no frame has a byte of"),
        ("port 80\n", "cannot be printed"),
        ("port 80\0", "cannot be printed"),
        ("x" * (LONGEST + 1), "up to 10,000 are taken"),
        ("tcp and udp", "rejects all packets"),
    ],
)
def test_what_cannot_be_used_is_an_error_of_one_line(expression: str, message: str) -> None:
    """The message of libpcap is passed on, in one line."""
    with pytest.raises(FilterError, match=message) as raised:
        compile_expression(expression, ETHERNET)

    assert len(str(raised.value).splitlines()) == 1


def test_what_a_link_type_does_not_have_is_an_error() -> None:
    """An expression can hold for one link type, and not for another one."""
    with pytest.raises(FilterError, match="VLAN"):
        compile_expression("vlan", RAW_IP)
    with pytest.raises(FilterError):
        compile_expression("ip", 0xFFFF)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    """No text raises anything else, or makes a program that the kernel would not take."""
    if "host" in text or len(text) > 12:  # a name would be asked for
        return
    try:
        assert is_sound(compile_expression(f"port {text}" if text else "", ETHERNET))
    except FilterError as error:
        said = str(error)
    else:
        said = ""
    assert said.isprintable()


def test_without_the_library_the_error_names_the_package() -> None:
    """The error says what to install; nothing but the names given is tried."""
    with pytest.raises(LibpcapMissingError, match=r"apt install libpcap0\.8"):
        library(("libpcap-that-is-not-there.so.9",))


def test_no_right_is_needed() -> None:
    """An ordinary user can compile an expression."""
    program = (
        "import os, sys\n"
        "from shodohflo.capture.filters.libpcap import compile_expression\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "print(len(compile_expression('port 80', 1)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert int(done.stdout) > 0
