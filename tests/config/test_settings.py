"""Settings: search order, defaults, precedence, errors and doubts."""

from __future__ import annotations

import gc
import hashlib
import os
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.policy import IgnoredFlow, Policy
from shodohflo.config import Configuration, find, load
from shodohflo.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shodohflo.config import Settings

    Written = Callable[[str], Path]

NOTES = """\
from shodohflo.pcap_config import NetworkEnumeration, FlowMapping, \\
                                  OUR_4NETS, SRC, DST, Assign, LowerPort

NETWORK_ENUMERATION = NetworkEnumeration(
            (   'our_nets',      OUR_4NETS          ),
            (   'bert',         '10.0.0.1/32'       ),
            (   'ernie',        '10.0.0.2/32'       ),
            (   'external',     '0.0.0.0/0'         )
        )
FLOW_MAPPING = FlowMapping(
            (    None,      'our_nets',     LowerPort( SRC )                            ),
            (   'our_nets',  None,          LowerPort( DST )                            ),
            (   'external', 'bert',         Assign( DST, SRC, { 53 }, drop=True )       ),
            (   'external', 'bert',         Assign( SRC, DST, { 80, 443 }, drop=True )  ),
            (    None,      'bert',         LowerPort()                                 ),
            (    None,      'ernie',        LowerPort()                                 )
        )
"""


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Return a function that writes a configuration file that only its owner can access."""

    def write(text: str) -> Path:
        path = tmp_path / "configuration.py"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write


def plain(path: Path | None) -> Settings:
    """Load `path` with an empty environment."""
    return load(path, {}, privileged=False)


def test_without_a_file_the_documented_defaults_hold() -> None:
    """Without a file, all settings have their defaults."""
    settings = plain(None)

    assert settings.path is None
    assert settings.digest == ""
    assert settings.store is None
    assert settings.ttl == 900
    assert settings.stats_interval == 60
    assert settings.log_level == "INFO"
    assert settings.suppress_own_network is False
    assert settings.ignore_flow == ()
    assert settings.warnings == ()
    assert dict(settings.enumeration.network_id) == {None: 0, "our_nets": 1, "all": 2}


def test_the_notes_file_loads_as_it_stands(written: Written) -> None:
    """The example configuration of the notes loads unmodified, without warnings, and its mapping can match."""
    path = written(NOTES)

    settings = plain(path)

    outside, bert, ours = (ip_address(text) for text in ("198.51.100.9", "10.0.0.1", "192.168.1.5"))
    mapping = Configuration(settings, (ip_network("192.168.0.0/16"),)).mapping
    assert mapping.match(outside, 53, bert, 40000) is None
    assert mapping.match(outside, 40000, bert, 22) == (outside, bert, 22)
    assert mapping.match(ours, 40000, outside, 443) == (ours, outside, 443)
    assert settings.warnings == ()
    assert settings.path == path
    assert settings.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_setting_is_read(written: Written) -> None:
    """Each setting of the file is parsed into its own field."""
    path = written(
        "import logging\n"
        "REDIS_SERVER = ' redis.example.org:6380 '\n"
        "TTL_GRACE = 60\n"
        "LOG_LEVEL = logging.DEBUG\n"
        "PCAP_STATS = 5\n"
        "SUPPRESS_OWN_NETWORK = True\n"
        "IGNORE_FLOW = {('192.0.2.0/24', 53), ('2001:db8::1', 443)}\n"
        "TUNNELS = ['vxlan', 'gtpu']\n"
        "USE_DNSPYTHON = False\n"
    )

    settings = plain(path)

    assert settings.store == "redis.example.org:6380"
    assert (settings.ttl, settings.log_level, settings.stats_interval) == (60, "DEBUG", 5)
    assert settings.suppress_own_network is True
    assert settings.tunnels == {"vxlan", "gtpu"}
    assert set(settings.ignore_flow) == {
        IgnoredFlow(ip_network("192.0.2.0/24"), 53),
        IgnoredFlow(ip_network("2001:db8::1/128"), 443),
    }


def test_settings_become_the_policy_of_a_pipeline(written: Written) -> None:
    """The policy of a configuration has its switches, its ignored flows and its tunnels."""
    settings = plain(written("SUPPRESS_OWN_NETWORK = True\nIGNORE_FLOW = {('192.0.2.1', 53)}\nTUNNELS = 'teredo'\n"))

    policy = Configuration(settings, (ip_network("10.0.0.0/8"),)).policy()

    assert policy == Policy(
        our_nets=(ip_network("10.0.0.0/8"), ip_network("fc00::/7")),
        suppress_own_network=True,
        ignored=(IgnoredFlow(ip_network("192.0.2.1/32"), 53),),
        tunnels=frozenset({"teredo"}),
    )


def test_none_is_the_same_as_not_naming_a_setting(written: Written) -> None:
    """A setting that is assigned None has its default."""
    settings = plain(written("TTL_GRACE = None\nREDIS_SERVER = None\nIGNORE_FLOW = None\nPCAP_STATS = None\n"))

    assert (settings.ttl, settings.store, settings.ignore_flow, settings.stats_interval) == (900, None, (), 60)


def test_the_environment_beats_the_file(written: Written) -> None:
    """An environment variable overrides the setting of the file."""
    path = written("TTL_GRACE = 60\nREDIS_SERVER = 'one'\nLOG_LEVEL = 'ERROR'\nPCAP_STATS = 10\n")
    environment = {
        "SHODOHFLO_TTL_GRACE": "120",
        "SHODOHFLO_STORE": "unix:///run/two",
        "SHODOHFLO_LOG_LEVEL": "debug",
        "SHODOHFLO_PCAP_STATS": "7",
    }

    settings = load(path, environment, privileged=False)

    assert (settings.ttl, settings.store) == (120, "unix:///run/two")
    assert (settings.log_level, settings.stats_interval) == ("DEBUG", 7)


def test_an_empty_variable_says_nothing(written: Written) -> None:
    """An empty environment variable does not override the file."""
    settings = load(written("REDIS_SERVER = 'one'\n"), {"SHODOHFLO_STORE": ""}, privileged=False)

    assert settings.store == "one"


def test_a_wrong_variable_is_named(written: Written) -> None:
    """An invalid environment variable is an error that names the variable."""
    with pytest.raises(ConfigurationError, match="SHODOHFLO_TTL_GRACE: 'soon' is not a number of seconds"):
        load(written(""), {"SHODOHFLO_TTL_GRACE": "soon"}, privileged=False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("STORE_MEMORY = 7", ":1:1: STORE_MEMORY: 7 is not a valid number of megabytes"),
        ("EVIDENCE_MEMORY = 3", ":1:1: EVIDENCE_MEMORY: 3 is not a valid number of megabytes; write .* from 4 up"),
        ("EVIDENCE_MEMORY = 64.0", ":1:1: EVIDENCE_MEMORY: 64.0 is not a valid number of megabytes"),
        ("LISTED_PORTS = 53", ":1:1: LISTED_PORTS: 53 is not a set; write ..'tcp', 8883., "),
        ("LISTED_PORTS = {8883}", ":1:1: LISTED_PORTS: 8883 is not .protocol, port.; write .'tcp', 8883. or"),
        ("LISTED_PORTS = {('tcp', 0)}", ":1:1: LISTED_PORTS: .'tcp', 0. is not .protocol, port."),
        ("LISTED_PORTS = {('sctp', 9)}", ":1:1: LISTED_PORTS: .'sctp', 9. is not .protocol, port."),
        ("STORE_MEMORY = '1G'", ":1:1: STORE_MEMORY: '1G' is not a valid number of megabytes"),
        ("TTL_GRACE = '900'", ":1:1: TTL_GRACE: '900' is not a number of seconds"),
        ("TTL_GRACE = 0", ":1:1: TTL_GRACE: 0 is not a number of seconds"),
        ("TTL_GRACE = True", ":1:1: TTL_GRACE: True is not a number of seconds"),
        ("\nPCAP_STATS = 1.5", ":2:1: PCAP_STATS: 1.5 is not a number of seconds"),
        ("REDIS_SERVER = 6379", ":1:1: REDIS_SERVER: int is not text"),
        ("REDIS_SERVER = 'http://h'", ":1:1: REDIS_SERVER: URL of the store: the scheme must be .*; write host"),
        ("LOG_LEVEL = 'LOUD'", ":1:1: LOG_LEVEL: 'LOUD' is not a log level; write one of DEBUG"),
        ("LOG_LEVEL = 7", ":1:1: LOG_LEVEL: 7 is not a log level"),
        ("SUPPRESS_OWN_NETWORK = 1", ":1:1: SUPPRESS_OWN_NETWORK: 1 is neither True nor False"),
        ("IGNORE_FLOW = '10.0.0.1'", ":1:1: IGNORE_FLOW: '10.0.0.1' is not a set"),
        ("IGNORE_FLOW = {('10.0.0.1', 70000)}", r":1:1: IGNORE_FLOW: \('10.0.0.1', 70000\) is not \(address or prefix"),
        (
            "IGNORE_FLOW = {('10.0.0.1/8', 53)}",
            r":1:1: IGNORE_FLOW: '10.0.0.1/8' has host bits set; write '10.0.0.0/8'",
        ),
        ("IGNORE_FLOW = {53}", ":1:1: IGNORE_FLOW: 53 is not"),
        ("TUNNELS = 7", ":1:1: TUNNELS: 7 is not a set; write {'vxlan', 'geneve'}"),
        ("TUNNELS = {'gre'}", ":1:1: TUNNELS: 'gre' is not a tunnel over UDP; those are vxlan, geneve, gtpu, teredo"),
        ("NETWORK_ENUMERATION = []", r":1:1: NETWORK_ENUMERATION: \[\] is not a NetworkEnumeration"),
        ("ACCEPTED_FINDINGS = {'DEAD-RULE FLOW_MAPPING[2]'}", ":1:1: ACCEPTED_FINDINGS: .* is not a dictionary"),
        ("ACCEPTED_FINDINGS = {'DEAD-RULE FLOW_MAPPING[2]': ' '}", ".* is accepted without a reason"),
        ("ACCEPTED_FINDINGS = {'DEAD-RULE': 'why'}", ".* 'DEAD-RULE' is not a finding that can be accepted; write"),
        ("ACCEPTED_FINDINGS = {'DEADRULE FLOW_MAPPING[2]': ''}", r".* did you mean DEAD-RULE\?"),
        ("ACCEPTED_FINDINGS = {'UNUSABLE c.py': 'why'}", ".* is not a finding that can be accepted"),
        ("FLOW_MAPPING = 3", ":1:1: FLOW_MAPPING: 3 is not a FlowMapping"),
    ],
)
def test_a_wrong_type_names_the_setting_its_line_and_the_way_out(written: Written, text: str, complaint: str) -> None:
    """An invalid value is a one-line error with file, line, setting and remedy, and exit status 2."""
    path = written(text)

    with pytest.raises(ConfigurationError, match=f"{path}{complaint}") as caught:
        plain(path)

    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_accepted_findings_keep_their_reasons(written: Written) -> None:
    """Accepted findings are keyed by code and place, and surrounding spaces are stripped from their reasons."""
    settings = plain(written("ACCEPTED_FINDINGS = {'DEAD-RULE FLOW_MAPPING[2]': ' kept for the move '}\n"))

    assert settings.accepted == {"DEAD-RULE FLOW_MAPPING[2]": "kept for the move"}


def test_doubts_are_findings_with_their_place(written: Written) -> None:
    """A doubtful setting is a finding with a label and a position."""
    path = written("TTL_GARCE = 60\n")

    (doubt,) = plain(path).doubts

    assert doubt.label == "UNKNOWN-SETTING TTL_GARCE"
    assert doubt.where == f"{path}:1:1"


SHORT = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(
    ("lan", "192.168.0.0", "2001:db8:7::"), ("host", "10.0.0.0/32", "10.0.0.1"), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping((None, None, LowerPort()))
IGNORE_FLOW = {("172.16.0.0", 53), ("198.51.100.9", 53), ("10.0.0.0/8", 53)}
"""


def test_an_address_that_looks_like_a_network_is_doubted(written: Written) -> None:
    """An address that ends in zeros needs its length, in networks and in IGNORE_FLOW; the doubt guesses the network."""
    settings = plain(written(SHORT))

    assert [(doubt.label, doubt.where.rpartition("/")[2]) for doubt in settings.doubts] == [
        ("FORGOTTEN-LENGTH NETWORK_ENUMERATION[0]", "configuration.py:3:5"),
        ("FORGOTTEN-LENGTH IGNORE_FLOW", "configuration.py:5:1"),
    ]
    assert settings.doubts[0].sentence == (
        "NETWORK_ENUMERATION[0]: without a prefix length this is a single address: "
        "192.168.0.0 (did you mean 192.168.0.0/16?), 2001:db8:7:: (did you mean 2001:db8:7::/48?)"
    )


def test_a_doubt_that_is_accepted_is_no_warning(written: Written) -> None:
    """Commands do not warn of what ACCEPTED_FINDINGS accepts."""
    accepting = "ACCEPTED_FINDINGS = {'FORGOTTEN-LENGTH IGNORE_FLOW': 'a host with that address'}\n"

    (warning,) = plain(written(SHORT + accepting)).warnings

    assert "NETWORK_ENUMERATION[0]" in warning


@pytest.mark.parametrize(
    ("present", "absent"), [("NETWORK_ENUMERATION", "FLOW_MAPPING"), ("FLOW_MAPPING", "NETWORK_ENUMERATION")]
)
def test_networks_and_rules_come_together_or_not_at_all(written: Written, present: str, absent: str) -> None:
    """One without the other is an error, because the default of one does not know the names of the other."""
    action = {"NETWORK_ENUMERATION": "NetworkEnumeration", "FLOW_MAPPING": "FlowMapping"}[present]
    path = written(f"from shodohflo.pcap_config import {action}\n{present} = {action}()\n")

    with pytest.raises(ConfigurationError, match=f":2:1: {present} is set without {absent}; define both, or neither"):
        plain(path)


def test_an_unknown_network_names_the_rule_its_line_and_the_nearest_name(written: Written) -> None:
    """A rule with an unknown network is an error on loading, with its line and the closest known name."""
    path = written(NOTES.replace("'external', 'bert',         Assign( DST", "'extenral', 'bert', Assign( DST"))

    with pytest.raises(ConfigurationError, match=r":13:13: FLOW_MAPPING\[2\]: .*'extenral'.*'external'"):
        plain(path)


def test_an_unknown_capitalised_name_is_doubted_with_the_nearest_known_one(written: Written) -> None:
    """A capitalised name that is not a setting causes a warning, with a known name if one is close."""
    settings = plain(written("x = 1\nTTL_GARCE = 60\nif x:\n    ZEBRA = 2\n"))

    assert len(settings.warnings) == 2
    assert ":2:1: TTL_GARCE is not a setting (did you mean TTL_GRACE?)" in settings.warnings[0]
    assert ":4:5: ZEBRA is not a setting;" in settings.warnings[1]
    assert settings.ttl == 900


def test_names_that_are_no_doubtful_settings_make_no_warning(written: Written) -> None:
    """Imports, settings of sibling agents, other names that are not capitalised, and local names cause no warning."""
    settings = plain(
        written(
            "from socket import AF_INET, SOCK_STREAM\n"
            "SOCKET_ADDRESS = '127.0.0.1'\nDNS_CHANNEL = {}\nDNSTAP_STATS = 3\nIGNORE_DNS = None\n"
            "mine = _MINE = CamelCase = 1\n"
            "def helper():\n    LOCAL = 1\n    return LOCAL\n"
        )
    )

    assert settings.warnings == ()


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """A named file that is missing is an error; the defaults do not replace it."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.py: no such file$"):
        plain(tmp_path / "nowhere.py")


def test_what_is_no_file_is_told_apart(tmp_path: Path) -> None:
    """A directory, a pipe and a missing file each have their own message, without options that a command may lack."""
    os.mkfifo(tmp_path / "pipe")

    complaints = []
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing.py"):
        with pytest.raises(ConfigurationError) as caught:
            load(path, {"SHODOHFLO_CONFIG": str(tmp_path / "missing.py")}, privileged=False)
        complaints.append(str(caught.value))

    assert complaints == [
        f"{tmp_path}: is a directory; name the file in it, such as {tmp_path}/configuration.py",
        f"{tmp_path}/pipe: is not a regular file",
        f"{tmp_path}/missing.py: no such file (named by SHODOHFLO_CONFIG)",
    ]


def test_the_named_file_wins_over_the_searched_ones(tmp_path: Path) -> None:
    """The file is the named one, else the first one that exists, else none."""
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    second.touch()

    assert find(tmp_path / "named.py", (first, second)) == tmp_path / "named.py"
    assert find(None, (first, second)) == second
    assert find(None, (first,)) is None
    assert find(None) is None


def test_the_memory_of_the_store_is_a_number_of_megabytes(written: Written) -> None:
    """STORE_MEMORY is a whole number of megabytes, in the file and as text in the environment."""
    path = written("STORE_MEMORY = 512\n")

    in_file, in_environment = plain(path), load(path, {"SHODOHFLO_STORE_MEMORY": "64"}, privileged=False)

    assert (plain(None).store_memory, in_file.store_memory, in_environment.store_memory) == (256, 512, 64)


def test_the_memory_for_evidence_has_a_default_a_setting_and_a_variable(written: Written) -> None:
    """EVIDENCE_MEMORY is a whole number of megabytes, and the environment overrides the file."""
    path = written("EVIDENCE_MEMORY = 128\n")

    in_file, in_environment = plain(path), load(path, {"SHODOHFLO_EVIDENCE_MEMORY": "4"}, privileged=False)

    assert (plain(None).evidence_memory, in_file.evidence_memory, in_environment.evidence_memory) == (64, 128, 4)
    with pytest.raises(ConfigurationError, match="SHODOHFLO_EVIDENCE_MEMORY: 3 is not a valid number"):
        load(path, {"SHODOHFLO_EVIDENCE_MEMORY": "3"}, privileged=False)


def test_what_a_file_defines_is_not_finalised_while_its_settings_are_there(tmp_path: Path) -> None:
    """A finalizer of a configuration runs when the settings are gone, not when the collector happens to look."""
    path = tmp_path / "c.py"
    path.write_text("class Late:\n    pass\nlate = Late()\n", encoding="utf-8")
    path.chmod(0o600)
    done: list[str] = []

    settings = load(path, {}, privileged=False)
    settings.names["Late"].__del__ = lambda _: done.append("finalised")  # type: ignore[attr-defined] # a class
    gc.collect()

    assert done == []
    del settings
    gc.collect()
    assert done == ["finalised"]


def test_no_evidence_is_a_choice_for_rules_that_do_not_observe(written: Written) -> None:
    """With EVIDENCE_MEMORY = 0 and a rule that goes by evidence, the way out is named, also if a variable says so."""
    observing = written(
        "from shodohflo.pcap_config import FlowMapping, NetworkEnumeration, Observed\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('all', '0.0.0.0/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, None, Observed()))\n"
    )

    assert load(None, {"SHODOHFLO_EVIDENCE_MEMORY": "0"}).evidence_memory == 0
    with pytest.raises(ConfigurationError, match=r"EVIDENCE_MEMORY is 0, but .* Observed, .* set it to 4 or more"):
        load(observing, {"SHODOHFLO_EVIDENCE_MEMORY": "0"}, privileged=False)
