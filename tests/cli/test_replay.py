"""`shodohflo replay`: what is printed where, and what happens with unreadable captures."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from array import array
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from shodohflo.keys import from_key
from shodohflo.offline import writing
from support.filtering import passed_by_tcpdump
from support.serving import Server, programs, wait_until

if TYPE_CHECKING:
    from cli.conftest import Command, Process

OURS = ("--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48")


def counted(output: str) -> dict[str, int]:
    """Parse the output of --keys."""
    return {key: int(count) for key, count in (line.split("\t") for line in output.splitlines())}


def ledger_of(path: Path) -> dict[str, int]:
    """Read a ledger and check its sum."""
    ledger = json.loads(path.read_text())
    assert sum(ledger["outcomes"].values()) == ledger["received"]
    outcomes: dict[str, int] = ledger["outcomes"]
    return outcomes | {"received": ledger["received"]}


def test_keys_are_sorted_and_nothing_else_is_on_standard_output(shodohflo: Command, demo: Path) -> None:
    """Standard output has the sorted keys only; the ledger goes to standard error."""
    result = shodohflo("replay", "--keys", *OURS, demo)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines == sorted(lines)
    assert all(from_key(key) is not None for key in counted(result.stdout))
    assert "packets received" in result.stderr


def test_the_demo_holds_every_kind_of_key_in_both_families(shodohflo: Command, demo: Path) -> None:
    """The demo capture makes keys of every kind in both families."""
    keys = counted(shodohflo("replay", "--keys", *OURS, demo).stdout)

    assert keys["192.168.7.20;192.168.7.2;22;flow"] == 182
    assert keys["192.168.7.20;192.168.7.2;peer"] == keys["192.168.7.2;192.168.7.20;peer"]
    assert keys["192.168.7.23;192.168.7.2;40023:23;rst"] == 1
    assert keys["2001:db8:7::17;2001:db8:7::2;40023:23;rst"] == 1
    assert keys["192.168.7.23;198.51.100.99;50000:161;1;icmp"] == 1
    assert keys["2001:db8:7::17;2001:db8:dead::1;50001:443;0;icmp"] == 1
    assert keys["client;192.168.7.20"] > 182


def test_the_table_is_for_people_with_the_ledger_after_it(shodohflo: Command, demo: Path) -> None:
    """The flow with most packets comes first, and the ledger follows the table."""
    lines = shodohflo("replay", *OURS, demo).stdout.splitlines()

    assert lines[0].split() == [
        "CLIENT",
        "SERVICE",
        "PORT",
        "PACKETS",
        "BYTES",
        "FIRST",
        "PROTOCOL",
        "EVIDENCE",
        "RULE",
    ]
    assert lines[1].split() == [
        "192.168.7.20",
        "192.168.7.2",
        "22",
        "ssh",
        "182",
        "68.1",
        "kB",
        "2026-01-05",
        "10:00:28",
        "tcp",
        "guessed",
        "FLOW_MAPPING[0]",
    ]
    assert "1,677 packets received, 0 dropped by the kernel" in lines


def test_json_is_one_object_a_line(shodohflo: Command, demo: Path) -> None:
    """JSON lines have the same flows as the table, with exact numbers."""
    flows = [json.loads(line) for line in shodohflo("replay", "--json", *OURS, demo).stdout.splitlines()]

    (ssh,) = (flow for flow in flows if flow["port"] == 22 and flow["client"] == "192.168.7.20")
    assert ssh["service"] == "192.168.7.2"
    assert (ssh["packets"], ssh["octets"]) == (182, 68073)
    assert ssh["protocols"] == [{"protocol": "tcp", "packets": 182, "octets": 68073}]
    assert ssh["rule"] == "FLOW_MAPPING[0]"
    assert ssh["sentence"].startswith("from any network to our_nets: ")
    assert (ssh["age"], ssh["expires_in"], ssh["stores"], ssh["agents"]) == (None, None, [], [])
    assert ssh["first"] < ssh["last"] < 1_767_607_260


def test_the_ledger_is_written_and_sums(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """The ledger file has one outcome for every packet of the capture."""
    shodohflo("replay", "--keys", "--ledger", tmp_path / "ledger.json", *OURS, demo)

    outcomes = ledger_of(tmp_path / "ledger.json")
    assert outcomes["received"] == 1677
    assert outcomes["recorded.icmp"] == 5
    assert outcomes["refused.not_ip"] == 3


def test_a_ledger_that_could_not_be_written_is_refused_before_anything_is_read(
    shodohflo: Command, tmp_path: Path
) -> None:
    """A ledger in a missing directory is refused with status 2 before any capture is read."""
    result = shodohflo("replay", "--ledger", tmp_path / "none" / "ledger.json", "nothing.pcap")

    assert result.exit_code == 2
    assert f"'--ledger': there is no directory {tmp_path / 'none'}" in result.stderr
    assert "nothing.pcap" not in result.stderr


def test_without_our_nets_the_private_ones_are_taken_and_named(shodohflo: Command, demo: Path) -> None:
    """Without --our-nets, the private networks are ours, and standard error names them."""
    result = shodohflo("replay", "--keys", demo)

    assert "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7" in result.stderr
    assert "no --our-nets" not in result.stdout
    assert "192.168.7.20;192.168.7.1;53;flow" in result.stdout


def test_private_networks_that_the_configuration_uses_otherwise_are_warned_of(
    shodohflo: Command, demo: Path, tmp_path: Path
) -> None:
    """Presumed networks that the configuration has another use for are still ours, with a warning."""
    path = tmp_path / "notes.py"
    path.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS), ('bert', '10.0.0.1/32'))\n"
        "FLOW_MAPPING = FlowMapping((None, 'ours', LowerPort()))\n"
    )

    result = shodohflo("replay", "--keys", "--config", path, demo)

    assert "taking 10.0.0.0/8, 172.16.0.0/12, " in result.stderr
    assert "warning: the configuration has another use for addresses of 10.0.0.0/8: set --our-nets" in result.stderr


def test_several_captures_are_one_stream_of_packets(shodohflo: Command, demo: Path) -> None:
    """The counts of several captures are added up."""
    once = counted(shodohflo("replay", "--keys", *OURS, demo).stdout)
    twice = counted(shodohflo("replay", "--keys", *OURS, demo, demo).stdout)

    assert twice == {key: 2 * count for key, count in once.items()}


def test_standard_input_is_a_capture_too(demo: Path, shodohflo: Command) -> None:
    """A capture from standard input gives the same keys as from a file."""
    command = [sys.executable, "-m", "shodohflo", "replay", "--keys", *OURS, "-"]

    piped = subprocess.run(command, input=demo.read_bytes(), capture_output=True, check=True)

    assert piped.stdout.decode() == shodohflo("replay", "--keys", *OURS, demo).stdout


def test_closed_standard_input_is_told() -> None:
    """Closed standard input is an error with status 1 that says what to do."""
    command = f"{sys.executable} -m shodohflo replay --keys - <&-"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "shodohflo replay: standard input is closed: give a file, or pipe a capture into it\n" in done.stderr


def test_a_cut_capture_is_used_as_far_as_it_goes(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """A truncated capture counts up to the error, which names the byte; later captures are read; the status is 1."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(demo.read_bytes()[:100_000])
    whole = counted(shodohflo("replay", "--keys", *OURS, demo).stdout)

    alone = shodohflo("replay", "--keys", "--ledger", tmp_path / "ledger.json", *OURS, cut)
    both = shodohflo("replay", "--keys", *OURS, cut, demo)

    packets = ledger_of(tmp_path / "ledger.json")["received"]
    assert (alone.exit_code, both.exit_code) == (1, 1)
    assert f"{cut}: byte " in alone.stderr
    assert f"({packets:,} packets before that were used)" in alone.stderr
    first = counted(alone.stdout)
    assert packets > 500
    assert counted(both.stdout) == {key: count + first.get(key, 0) for key, count in whole.items()}


def test_what_is_no_capture_is_named(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """Each file that is not a capture gives one line, and the valid capture is read."""
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("not a capture\n")

    result = shodohflo("replay", "--keys", tmp_path / "missing", tmp_path / "empty", tmp_path / "text", *OURS, demo)

    start = f"shodohflo replay: {tmp_path}/"
    named = [line.removeprefix(start).split()[0] for line in result.stderr.splitlines() if line.startswith(start)]
    assert result.exit_code == 1
    assert named == ["missing:", "empty", "text"]
    assert counted(result.stdout) == counted(shodohflo("replay", "--keys", *OURS, demo).stdout)


def _waits_at(pipe: IO[bytes] | None, pid: int) -> bool:
    """Return whether the process has read everything in the pipe and sleeps."""
    assert pipe is not None
    left = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, left)
    return left[0] == 0 and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_an_interrupt_while_waiting_for_standard_input_shows_what_was_read(demo: Path) -> None:
    """After Ctrl-C, which ends both sides of `tcpdump -w - | shodohflo replay -`, the packets so far are shown."""
    command = [sys.executable, "-m", "shodohflo", "replay", "--keys", *OURS, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
        assert reading.stdin is not None
        reading.stdin.write(demo.read_bytes())
        reading.stdin.flush()
        wait_until(lambda: _waits_at(reading.stdin, reading.pid), "standard input is read as far as it goes")

        reading.send_signal(signal.SIGINT)
        told = reading.communicate(timeout=30)

    assert reading.returncode == 1
    assert b"standard input: interrupted (1,677 packets before that were used)" in told[1]
    assert b"192.168.7.20;192.168.7.2;22;flow\t182\n" in told[0]


def test_shells_complete_captures_as_files(process: Process) -> None:
    """Shells complete the names of captures as files."""
    done = process(_SHODOHFLO_COMPLETE="bash_complete", COMP_WORDS="shodohflo replay of", COMP_CWORD="2")

    assert done.stdout.split() == ["file,of"]


def test_captures_of_which_nothing_could_be_read_say_so(shodohflo: Command, demo: Path, shipped_captures: Path) -> None:
    """The status is 1 if no packet has a link type with a decoder, and 0 as soon as one packet has."""
    unreadable = str(shipped_captures / "tcpdump-vsock-1.pcapng")

    alone = shodohflo("replay", "--keys", unreadable)
    beside = shodohflo("replay", "--keys", unreadable, str(demo))

    assert alone.exit_code == 1
    assert "nothing could be read: no link type of the captures has a decoder" in alone.stderr
    assert "refused.link_type[VSOCK]" in alone.stderr
    assert beside.exit_code == 0


def test_a_configuration_decides(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """The rules of --config decide, and its unknown settings are warned of."""
    path = tmp_path / "configuration.py"
    path.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS), ('all', '0.0.0.0/0', '::/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, None, PortMatch({53}, drop=True)), (None, None, LowerPort()))\n"
        "TTL_GARCE = 3\n"
    )
    path.chmod(0o600)

    result = shodohflo("replay", "--keys", "--config", path, "--ledger", tmp_path / "ledger.json", *OURS, demo)

    assert not any(";53;flow" in key for key in counted(result.stdout))
    assert ledger_of(tmp_path / "ledger.json")["dropped.FLOW_MAPPING[0]"] == 108
    assert "dropped.FLOW_MAPPING[0]" in result.stderr
    assert "warning: " in result.stderr
    assert "TTL_GARCE is not a setting (did you mean TTL_GRACE?)" in result.stderr


@pytest.mark.parametrize(
    ("capture", "opened", "inner"),
    [
        ("zeek-vxlan.pcap", {"vxlan": 10}, None),
        ("zeek-geneve-47101.pcap", {"geneve": 24}, "192.168.0.107;145.40.68.75;443;flow\t20"),
        ("zeek-gtp1_gn_normal_incl_fragmentation.pcap", {"gtpu": 72}, "10.131.47.185;79.101.110.141;80;flow\t68"),
        ("zeek-Teredo.pcap", {"teredo": 4}, None),
    ],
)
def test_what_is_inside_the_tunnels_named_is_recorded_beside_them(
    shodohflo: Command,
    shipped_captures: Path,
    tmp_path: Path,
    *,
    capture: str,
    opened: dict[str, int],
    inner: str | None,
) -> None:
    """With TUNNELS, inner packets are recorded too, and the outer ones keep their keys and outcomes."""
    (tmp_path / "tunnels.py").write_text("TUNNELS = {'vxlan', 'geneve', 'gtpu', 'teredo'}\n")
    command = ("replay", "--keys", "--our-nets", "0.0.0.0/0", "--our-nets", "::/0", shipped_captures / capture)

    outer = shodohflo(*command, "--ledger", tmp_path / "outer.json")
    both = shodohflo(*command, "--config", tmp_path / "tunnels.py", "--ledger", tmp_path / "both.json")

    assert set(counted(outer.stdout)) <= set(counted(both.stdout))
    assert ("inside" in both.stderr, inner is None or inner in both.stdout.splitlines()) == (True, True)
    assert inner is None or inner not in outer.stdout
    assert ledger_of(tmp_path / "outer.json") == ledger_of(tmp_path / "both.json")
    beside = json.loads((tmp_path / "both.json").read_text())
    assert beside["opened"] == opened
    assert sum(beside["inside"].values()) == sum(opened.values())


def test_a_configuration_that_merely_lies_there_is_not_run(demo: Path, tmp_path: Path) -> None:
    """`replay` does not run a configuration that it finds in the working directory."""
    (tmp_path / "configuration.py").write_text("raise SystemExit(9)\n")

    done = subprocess.run(
        [sys.executable, "-m", "shodohflo", "replay", "--keys", *OURS, demo],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0


def test_an_action_that_fails_is_told_with_the_ledger(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """A custom action that raises has no opinion, and its failures are reported with the ledger."""
    path = tmp_path / "configuration.py"
    path.write_text(
        "from shodohflo.pcap_config import *\n"
        "class Mine(MappingAction):\n"
        "    def match(self, *packet):\n"
        "        raise KeyError('mine')\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('all', '0.0.0.0/0', '::/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, None, Mine()), (None, None, LowerPort()))\n"
    )
    path.chmod(0o600)

    result = shodohflo("replay", "--keys", "--config", path, *OURS, demo)

    assert result.exit_code == 0
    assert "FLOW_MAPPING[0] gave no answer" in result.stderr
    assert "KeyError: 'mine'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keys", "--json", "x"], "--keys prints all keys, sorted by name; it excludes --json"),
        (["--keys", "--csv", "x"], "it excludes --json, --csv"),
        (["--keys", "--sort", "bytes", "x"], "it excludes --json, --csv, --sort"),
        (["--keys", "-n", "2", "x"], "it excludes --json, --csv, --sort, -r and -n"),
        (["--keys", "--port", "22", "x"], "filters choose the flows that are shown, so --keys and --store exclude"),
        (["--store", "redis://x", "--client", "::1", "x"], "so --keys and --store exclude them"),
        (["--our-nets", "::1", "--client", "nets", "x"], "--client: 'nets' is neither a prefix nor a configured"),
        (["--json", "--csv", "x"], "--json and --csv exclude each other"),
        ([], "Missing argument 'CAPTURE...'"),
        (["--our-nets", "10.0.0.1/8", "x"], "'10.0.0.1/8' is not a prefix: it has host bits set; write 10.0.0.0/8"),
        (["--our-nets", "home", "x"], "'home' is not a prefix; write one like 192.0.2.0/24"),
        (["--config", "/nowhere.py", "x"], "/nowhere.py: no such file"),
        (["--store", "http://x", "x"], "the scheme must be redis"),
    ],
)
def test_wrong_use_is_one_line_with_status_2(shodohflo: Command, arguments: list[str], said: str) -> None:
    """Each error is one line with status 2 that says what is right."""
    result = shodohflo("replay", *arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if not line.startswith("our networks: ")]) == 1


def test_a_store_that_does_not_answer_ends_it_before_anything_is_read(shodohflo: Command, demo: Path) -> None:
    """An unreachable store ends the replay with status 1 before any capture is read."""
    result = shodohflo("replay", "--store", "127.0.0.1:1", *OURS, demo)

    assert result.exit_code == 1
    assert "store valkey://127.0.0.1:1: " in result.stderr
    assert "packets received" not in result.stderr + result.stdout


def test_a_store_that_fails_does_not_take_the_ledger_with_it(
    shodohflo: Command, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a store does not take everything, it is said what it took, the status is 1, and the ledger is written."""
    monkeypatch.setattr(writing, "PATIENCE", 0.5)
    server = Server(programs()["valkey"](), tmp_path, ("--maxmemory", "1")).start()

    result = shodohflo(
        "replay", "--store", f"unix://{server.path}", "--ledger", str(tmp_path / "ledger.json"), *OURS, demo
    )
    server.kill()

    assert result.exit_code == 1
    assert "only 0 of " in result.stderr
    assert "used memory > 'maxmemory'" in result.stderr
    assert ledger_of(tmp_path / "ledger.json")["received"] > 0


def test_keys_need_neither_rich_nor_the_stores_client(demo: Path) -> None:
    """`replay --keys` imports neither rich nor a store client, so that it starts quickly."""
    look = "import sys; from shodohflo.cli.program import program\n"
    look += f"try: program.main(['replay', '--keys', {str(demo)!r}])\nexcept SystemExit: pass\n"
    unwanted = {"rich", "valkey", "pyroute2", "scapy"}
    look += f"print(sorted({unwanted!r} & set(sys.modules)), file=sys.stderr)"

    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert done.stderr.splitlines()[-1] == "[]"


def test_the_flows_of_a_replay_can_be_chosen_and_sorted(shodohflo: Command, demo: Path) -> None:
    """Filters, also by the name of a configured network, choose what is shown; the ledger has all packets."""
    words = ["--client", "our_nets", "--not-port", "ssh,123", "--protocol", "tcp", "--sort", "bytes", "-n", "2"]

    result = shodohflo("replay", *OURS, *words, demo)

    lines = result.stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["192.168.7.20", "198.51.100.80", "443", "https"],
        ["2001:db8:7::17", "2001:db8:f00::80", "443", "https"],
    ]
    assert lines[4].startswith("1,677 packets received")
    assert result.stderr.splitlines()[1:] == ["and 24 more flows; -n 26 shows all"]


def test_a_replay_as_csv_has_a_line_for_each_flow(shodohflo: Command, demo: Path) -> None:
    """CSV has the fields of the JSON objects, and the ledger is on standard error."""
    table = list(csv.DictReader(shodohflo("replay", *OURS, "--csv", demo).stdout.splitlines()))
    objects = [json.loads(line) for line in shodohflo("replay", *OURS, "--json", demo).stdout.splitlines()]

    assert [(row["client"], row["port"], row["packets"]) for row in table] == [
        (flow["client"], str(flow["port"]), str(flow["packets"])) for flow in objects
    ]
    assert list(table[0]) == list(objects[0])


def test_a_replay_without_flows_says_why(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """Below an empty table, it is said what the packets are, or that the filters leave all flows out."""
    dropping = tmp_path / "dropping.py"
    dropping.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('all', '0.0.0.0/0', '::/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, None, Assign(SRC, DST, drop=True)))\n"
    )
    none = shodohflo("replay", *OURS, "--config", dropping, demo)
    filtered = shodohflo("replay", *OURS, "--port", "1", demo)

    assert "no flows: of 1,677 packets, " in none.stderr
    assert "dropped.FLOW_MAPPING[0]" in none.stderr
    assert filtered.stderr.splitlines()[1:] == ["the filters leave out all 49 flows"]


def test_a_replay_on_a_terminal_keeps_data_and_bar_apart(demo: Path) -> None:
    """Progress bar and ledger go to standard error; standard output has the keys only."""
    terminal, inside = pty.openpty()
    command = [sys.executable, "-c", "from shodohflo.offline import progress; progress.PATIENCE = -1.0\n"]
    command[-1] += (
        "from shodohflo.cli import main; import sys; sys.argv[1:] = ['replay', '--keys', sys.argv[1]]; main()"
    )

    with subprocess.Popen([*command, str(demo)], stdout=subprocess.PIPE, stderr=inside, text=True) as replaying:
        os.close(inside)
        shown = b""
        try:
            while chunk := os.read(terminal, 65536):
                shown += chunk
        except OSError:  # EIO on Linux, once the other side is closed
            pass
        assert replaying.stdout is not None
        keys = replaying.stdout.read()
    os.close(terminal)

    assert all(line.split("\t")[1].isdecimal() for line in keys.splitlines())
    assert b"kB" in shown
    assert b"packets received" in shown


def test_nearly_everything_unmatched_is_hinted_at(shodohflo: Command, demo: Path) -> None:
    """If our networks are not those of a capture, standard error says so; if they are, it does not."""
    wrong, right = (
        shodohflo("replay", "--keys", f"--our-nets={ours}", demo) for ours in ("203.0.113.9/32", "192.168.7.0/24")
    )

    assert wrong.exit_code == 0
    assert "hint: 100 % of 1,507 packets that reached the rules are unmatched" in wrong.stderr
    assert "hint: " not in right.stderr


def test_a_capture_that_could_not_be_read_is_not_called_empty(shodohflo: Command, tmp_path: Path) -> None:
    """Without any packet read, the error of the capture is why there are no flows."""
    shown = shodohflo("replay", *OURS, tmp_path / "nope.pcap")

    assert shown.exit_code == 1
    assert "no flows" not in shown.stderr
    assert "No such file or directory" in shown.stderr


def test_an_empty_table_has_one_reason(shodohflo: Command, demo: Path) -> None:
    """If nearly everything is unmatched, the hint is the reason why there are no flows, and there is no second one."""
    shown = shodohflo("replay", "--our-nets=203.0.113.9/32", demo)

    assert shown.stderr.count("hint: 100 % of 1,507 packets that reached the rules are unmatched") == 1
    assert "no flows" not in shown.stderr


def test_a_capture_with_both_directions_of_a_host_gets_one_note(shodohflo: Command, shipped_captures: Path) -> None:
    """The note is on standard error, once, and names the first capture; the keys have nothing of it."""
    capture = shipped_captures / "zeek-ftp-ipv4.pcap"

    alone = shodohflo("replay", "--keys", capture)
    twice = shodohflo("replay", "--keys", capture, capture)

    for result in (alone, twice):
        notes = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
        assert len(notes) == 1
        assert f"note: {capture} has both directions of a host's traffic" in notes[0]
        assert "note" not in result.stdout


def test_a_filter_of_tcpdump_leaves_packets_out(shodohflo: Command, shipped_captures: Path, tmp_path: Path) -> None:
    """The option takes the place of the setting; what is left out is an outcome like the others."""
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    configuration, ledger = tmp_path / "filtering.py", tmp_path / "ledger.json"
    configuration.write_text('CAPTURE_FILTER = "udp"\n')
    passed = passed_by_tcpdump(capture, "tcp src port 80")
    assert passed

    by_setting = shodohflo("replay", *OURS, "--config", configuration, "--ledger", ledger, capture)
    all_but_udp = ledger_of(ledger)
    by_option = shodohflo(
        "replay", *OURS, "--config", configuration, "--filter", "tcp src port 80", "--ledger", ledger, capture
    )

    assert (by_setting.exit_code, by_option.exit_code) == (0, 0)
    assert all_but_udp["excluded"] == 62 - (passed_by_tcpdump(capture, "udp") or 0)
    assert ledger_of(ledger)["excluded"] == 62 - passed
    assert "  left out of a replay by --filter or CAPTURE_FILTER" in by_option.stdout


@pytest.mark.parametrize("expression", ["port 80 and", "", "\x1b[2J"])
def test_a_wrong_filter_is_one_line_with_status_2(shodohflo: Command, demo: Path, expression: str) -> None:
    """Nothing is read with a filter that means nothing."""
    result = shodohflo("replay", "--filter", expression, demo)

    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith("shodohflo replay: Invalid value for '--filter': ")
