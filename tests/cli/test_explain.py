"""`shodohflo explain` as users see it: the text, the JSON, and the errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.conftest import Command

NOTES = Path(__file__).parents[2] / "examples" / "notes.py"
CONFIGURED = ("--config", NOTES, "--our-nets", "192.168.0.0/16")

DROPPED = """\
8.8.8.8:53 > 10.0.0.1:40000 udp

from  8.8.8.8   external  NETWORK_ENUMERATION[3], 0.0.0.0/0
to    10.0.0.1  bert      NETWORK_ENUMERATION[1], 10.0.0.1/32

before the rules
  own traffic      no   it is no connection of the agent to its store
  reset            no   it is not TCP
  reset elsewhere  no   it is not TCP
  own network      no   SUPPRESS_OWN_NETWORK is not set
  handshake        no   it is not TCP

rules
  FLOW_MAPPING[0]  no   from any network to our_nets: the end with the lower port is the service, the source if they \
are equal
                        the destination is in bert
  FLOW_MAPPING[1]  no   from our_nets to any network: the end with the lower port is the service, the destination if \
they are equal
                        the source is in external
  FLOW_MAPPING[2]  yes  from external to bert: dropped if the source port is 53
                        the packet is dropped

outcome  dropped.FLOW_MAPPING[2]: by that rule
keys     none
"""

RESET = """\
8.8.8.8:53 > 192.168.0.1:40000 tcp rst

from  8.8.8.8      external  NETWORK_ENUMERATION[3], 0.0.0.0/0
to    192.168.0.1  our_nets  NETWORK_ENUMERATION[0], 192.168.0.0/16

before the rules
  own traffic  no   it is no connection of the agent to its store
  reset        yes  192.168.0.1 is ours, by 192.168.0.0/16

the rules are not asked

outcome  recorded.rst: a TCP reset to one of our networks: recorded under rst and client keys
keys     192.168.0.1;8.8.8.8;40000:53;rst
         client;192.168.0.1
"""

NO_NETWORK = """\
[2001:db8::1]:53 > [2001:db8::2]:40000 udp

from  2001:db8::1  in no network
to    2001:db8::2  in no network

before the rules
  own traffic      no   it is no connection of the agent to its store
  reset            no   it is not TCP
  reset elsewhere  no   it is not TCP
  own network      no   SUPPRESS_OWN_NETWORK is not set
  handshake        no   it is not TCP

the rules are not asked

outcome  unmatched.no_network: an address in no network of NETWORK_ENUMERATION
keys     none
"""


@pytest.mark.parametrize("expected", [DROPPED, RESET, NO_NETWORK])
def test_a_packet_is_explained_from_top_to_bottom(shodohflo: Command, expected: str) -> None:
    """The text has networks, questions, rules, outcome and keys, in that order."""
    result = shodohflo("explain", expected.splitlines()[0], *CONFIGURED)

    assert result.exit_code == 0
    assert result.stdout == expected


def test_what_is_asked_after_the_rules_is_shown_where_there_is_any(shodohflo: Command, tmp_path: Path) -> None:
    """IGNORE_FLOW is shown after the rules if it is set."""
    path = tmp_path / "ignoring.py"
    path.write_text("IGNORE_FLOW = {('8.8.8.0/24', 53)}\n")
    path.chmod(0o600)

    result = shodohflo("explain", "8.8.8.8:53 > 10.0.0.1:40000 udp", "--config", path, "--our-nets", "10.0.0.0/8")

    assert "after the rules\n  IGNORE_FLOW  yes  it holds (8.8.8.0/24, 53): no flow" in result.stdout
    assert "outcome  recorded.flow_ignored" in result.stdout


def test_json_is_one_object(shodohflo: Command) -> None:
    """The JSON form is one object with the same facts."""
    result = shodohflo("explain", "8.8.8.8:443 > 192.168.0.1:40000 tcp", "--json", *CONFIGURED)

    told = json.loads(result.stdout)
    assert told["packet"] == "8.8.8.8:443 > 192.168.0.1:40000 tcp"
    assert told["source"]["network"] == "external"
    assert told["outcome"] == "recorded.flow"
    assert told["rules"][-1]["name"] == "FLOW_MAPPING[0]"
    assert "192.168.0.1;8.8.8.8;443;flow" in told["keys"]


def test_without_our_nets_the_private_ones_are_taken_and_named(shodohflo: Command) -> None:
    """Presumed networks are named on standard error."""
    result = shodohflo("explain", "8.8.8.8:443 > 192.168.0.1:40000 tcp", "--json")

    assert "no --our-nets: taking 10.0.0.0/8" in result.stderr
    assert json.loads(result.stdout)["destination"]["network"] == "our_nets"


def test_what_is_taken_for_our_networks_swallows_nothing_that_the_configuration_names(shodohflo: Command) -> None:
    """A private network that contains a prefix of a later entry is not presumed to be ours."""
    result = shodohflo("explain", "8.8.8.8:53 > 10.0.0.1:40000 udp", "--config", NOTES)

    assert result.stdout == DROPPED
    assert "no --our-nets: taking 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7 for" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name either a PACKET or --key KEY"),
        (["1.1.1.1:1 > 1.1.1.2:2 udp", "--key", "client;1.1.1.1"], "name either a PACKET or --key KEY"),
        (["1.1.1.1 > 1.1.1.2:2 udp"], "'1.1.1.1' is not an address with a port; write "),
        (["1.1.1.1:1 > 1.1.1.2:2 upd"], "did you mean udp?"),
        (["1.1.1.1:1 > 1.1.1.2:2", "--config", "/nowhere.py"], "/nowhere.py: no such file"),
        (
            ["--key", "10.0.0.1;flow"],
            "'10.0.0.1;flow' is not one of our keys; write one like '10.0.0.1;8.8.8.8;53;flow'",
        ),
    ],
)
def test_wrong_use_is_one_line_with_status_2(shodohflo: Command, arguments: list[str], said: str) -> None:
    """Each error is one line with status 2 that shows a correct form."""
    result = shodohflo("explain", *arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_packet_needs_neither_rich_nor_the_stores_client() -> None:
    """Explaining a packet imports neither rich nor a store client, so that it starts quickly."""
    look = "import sys; from shodohflo.cli.program import program\n"
    look += "try: program.main(['explain', '1.1.1.1:1 > 10.0.0.1:2 udp'])\nexcept SystemExit: pass\n"
    look += "print(sorted({'rich', 'valkey', 'pyroute2', 'scapy'} & set(sys.modules)), file=sys.stderr)"

    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert done.stderr.splitlines()[-1] == "[]"
