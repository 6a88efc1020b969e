"""Errors in a configuration file name the file, line and entry, what is wrong, and the remedy."""

from __future__ import annotations

import builtins
import sys
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from shodohflo.config.source import Source
from shodohflo.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from shodohflo.pcap_config import *\n"


def run(tmp_path: Path, text: str | bytes) -> dict[str, object]:
    """Write a file and execute it."""
    path = tmp_path / "c.py"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Source.parse(path, path.read_bytes()).run()


def complaint(tmp_path: Path, text: str | bytes) -> str:
    """Return the error about a file that cannot be used, without its folder."""
    with pytest.raises(ConfigurationError) as caught:
        run(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_file_may_compute_what_it_says(tmp_path: Path) -> None:
    """A configuration may import modules and compute values, and `__file__` is its path."""
    names = run(tmp_path, "import os\nTTL_GRACE = sum(range(4))\nhere = os.path.basename(__file__)\n")

    assert names["TTL_GRACE"] == 6
    assert names["here"] == "c.py"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (\n", "c.py:1:5: '(' was never closed"),
        ("x = 1\n  y = 2\n", "c.py:2:2: unexpected indent"),
        (HEAD + "\nx = LowerPrt()\n", "c.py:3:5: NameError: name 'LowerPrt' is not defined (did you mean LowerPort?)"),
        ("x = 1\n1 / 0\n", "c.py:2:1: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "c.py:2:1: SystemExit: 3"),
        ("import nowhere_at_all\n", "c.py:1:1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def f():\n    return {}['a']\n\nf()\n", "c.py:2:12: KeyError: 'a'"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    """A syntax error or an exception becomes one line that begins with file, line and column."""
    assert complaint(tmp_path, text) == said


@pytest.mark.parametrize(
    "text",
    ["x = 1\nwhile True:\n    pass\n", "import time\ntime.sleep(99)\n"],
    ids=["loop", "sleep"],
)
def test_code_that_never_ends_is_interrupted(tmp_path: Path, text: str) -> None:
    """Code that takes too long is an error with its line, also if it waits."""
    path = tmp_path / "c.py"

    with pytest.raises(ConfigurationError, match=r"c.py:[23]: it did not end within 0.2 seconds") as caught:
        Source.parse(path, text.encode()).run(limit=0.2)

    assert caught.value.exit_code == 2


def test_what_a_file_prints_goes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the command, so what a configuration prints goes to standard error."""
    run(tmp_path, "import sys\nprint('one')\nsys.stdout.write('two\\n')\ndef f(): print('three')\nf()\n")

    assert capsys.readouterr() == ("", "one\ntwo\nthree\n")


def test_in_another_thread_nobody_else_is_redirected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another thread executes a configuration, which may take for ever, standard output stays as it is."""
    executing, going_on = Event(), Event()
    monkeypatch.setattr(builtins, "events", (executing, going_on), raising=False)
    source = Source.parse(tmp_path / "c.py", b"print('messages')\nevents[0].set()\nevents[1].wait()\n")
    thread = Thread(target=source.run)
    thread.start()
    executing.wait()
    sys.stdout.write("results\n")
    going_on.set()
    thread.join()

    assert capsys.readouterr() == ("results\n", "messages\n")


def test_a_misspelt_import_gets_the_nearest_name(tmp_path: Path) -> None:
    """A misspelt import from `pcap_config` is an error with the closest name."""
    said = complaint(tmp_path, "from shodohflo.pcap_config import LowerPrt\n")

    assert said.startswith("c.py:1:1: ImportError: cannot import name 'LowerPrt'")
    assert said.endswith("(did you mean LowerPort?)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import shodohflo.pcap_confg\n", "did you mean shodohflo.pcap_config?"),
        ("from shodohflo import pcap_config as p\nx = p.LowerPrt()\n", "did you mean LowerPort?"),
        (HEAD + "x = Assign(SRC, DST, {53}, dropp=True)\n", "did you mean drop?"),
        (HEAD + "x = Assign(DST, SRC, precedence=SRC)\n", "(Assign takes client_from, port_from, set_of_ports, drop)"),
        ("x = LowerPort()\n", "(write: from shodohflo.pcap_config import LowerPort)"),
        ("FLOW_MAPPING = FlowMapping()\n", "(write: from shodohflo.pcap_config import FlowMapping)"),
        (
            HEAD + "x = PortMatch(servers)\nservers = {22}\n",
            "name 'servers' is not defined (the file assigns it later)",
        ),
        (HEAD + "servers = {22}\nx = PortMatch(server)\n", "did you mean servers?"),
        (HEAD + "x = (None, None, Qqq())\n", "name 'Qqq' is not defined"),
        ("x = dict().get(qqq=10)\n", "TypeError"),
        ("from os import nothing_like_it\n", "cannot import name"),
    ],
)
def test_a_name_that_is_not_known_gets_the_nearest_that_is(tmp_path: Path, text: str, said: str) -> None:
    """An unknown name gets the closest other one as a hint or what makes it known, or no hint if none is close."""
    complained = complaint(tmp_path, text)

    assert said in complained
    assert complained.count("did you mean") == said.count("did you mean")


def test_columns_count_characters(tmp_path: Path) -> None:
    """Columns count characters, not bytes."""
    assert complaint(tmp_path, "x = 'äöü', 1 / 0\n").startswith("c.py:1:12: ZeroDivisionError")


def test_the_places_of_entries_and_settings_are_known(tmp_path: Path) -> None:
    """Each assigned name and each entry has a position, except entries after a `*more`, whose numbers are unknown."""
    path = tmp_path / "c.py"
    path.write_text("TTL_GRACE = 1\nFLOW_MAPPING = FlowMapping(\n  (1,),\n  (2,), *more, (3,))\n", encoding="utf-8")

    places = Source.parse(path, path.read_bytes()).places()

    assert {name: where.removeprefix(f"{path}:") for name, where in places.items()} == {
        "TTL_GRACE": "1:1",
        "FLOW_MAPPING": "2:1",
        "FLOW_MAPPING[0]": "3:3",
        "FLOW_MAPPING[1]": "4:3",
    }


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "(None, None, LowerPort('scr'))",
            "16: FLOW_MAPPING[1]: LowerPort.precedence: 'scr' is not an end of a packet",
        ),
        ("(None, None, Assign(SRC, DST, {0}))", "16: FLOW_MAPPING[1]: Assign.set_of_ports: 0 is not a port"),
        ("(None, None, LowerPort)", "3: FLOW_MAPPING[1]: LowerPort is a class, not an action; write LowerPort(...)"),
        ("(None, LowerPort())", "3: FLOW_MAPPING[1]: "),
        (
            "(None, None, Lower())",
            "16: FLOW_MAPPING[1]: NameError: name 'Lower' is not defined (did you mean LowerPort?)",
        ),
    ],
)
def test_an_error_in_a_rule_names_the_rule(tmp_path: Path, rule: str, said: str) -> None:
    """An error names the number of its rule, whether the action, the mapping or Python raises it."""
    text = f"{HEAD}FLOW_MAPPING = FlowMapping(\n  (None, None, LowerPort()),\n\n  {rule},\n)\n"

    assert complaint(tmp_path, text).startswith(f"c.py:5:{said}")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("('a', '10.0.0.1/8')", "3: NETWORK_ENUMERATION[1] 'a': '10.0.0.1/8' has host bits set; write '10.0.0.0/8'"),
        ("('a', None)", "3: NETWORK_ENUMERATION[1] 'a': None is not a prefix"),
        ("('a' '10.0.0.0/8')", "4: NETWORK_ENUMERATION[1]: 'a10.0.0.0/8' is not an entry"),
    ],
)
def test_an_error_in_a_network_names_the_entry(tmp_path: Path, entry: str, said: str) -> None:
    """An error names the number of its entry, and the line on which the entry is."""
    text = f"{HEAD}NETWORK_ENUMERATION: object = NetworkEnumeration(\n  ('ok', '::/0'),\n  {entry},\n)\n"

    assert complaint(tmp_path, text).startswith(f"c.py:4:{said}")


def test_rules_that_are_not_written_out_have_a_number_but_no_line(tmp_path: Path) -> None:
    """An error in a rule from a `*list` names its number, with the line of the whole mapping."""
    text = f"{HEAD}more = [(None, None, LowerPort()), (None, None)]\nFLOW_MAPPING = FlowMapping(*more)\n"

    assert complaint(tmp_path, text).startswith("c.py:3:1: FLOW_MAPPING[1]: ")


@pytest.mark.parametrize("text", [b"x = '\xff'\n", b"x = 1\0\n"])
def test_bytes_that_are_no_python_are_an_error_too(tmp_path: Path, text: bytes) -> None:
    """A file that is not valid Python source is an error that begins with its name."""
    said = complaint(tmp_path, text)

    assert said.startswith("c.py:")
    assert "None" not in said


def test_assigned_names_are_those_of_the_module_itself(tmp_path: Path) -> None:
    """All assignments at module level are found, and none within functions and classes."""
    path = tmp_path / "c.py"
    path.write_text(
        "import A\nB = C = 1\nD, (E, *F) = 1, (2, 3)\nG: int = 1\n"
        "if B:\n    H = 1\nelse:\n    I = 1\n"
        "try:\n    J = 1\nexcept OSError:\n    K = 1\nfinally:\n    L = 1\n"
        "for M in ():\n    N = 1\n"
        "with open('x') as O:\n    P = 1\n"
        "def q():\n    Q = 1\n"
        "class R:\n    S = 1\n"
        "match B:\n    case 1:\n        T = 1\n"
        "B = 2\n",
        encoding="utf-8",
    )

    assigned = Source.parse(path, path.read_bytes()).assigned()

    assert "".join(assigned) == "BCDEFGHIJKLMNOPT"
    assert assigned["B"] == f"{path}:2:1"
    assert assigned["K"] == f"{path}:12:5"
