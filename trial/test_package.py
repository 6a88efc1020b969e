"""The Debian package on a small Debian machine: installed, used, upgraded, removed and purged, in this order.

Run by `make deb-check`, as root. Each test goes on where the one before it has left the machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from trial.machine import Machine, machine, run, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
CONFIGURATION: Final = "/etc/shodohflo/configuration.py"

QUESTIONS: Final = """
import socket, sys
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    end.sendto(b"question", (sys.argv[1], int(sys.argv[2])))
"""
"""Sends three datagrams to an address and a port."""


@pytest.fixture(scope="module", name="package")
def _package() -> Path:
    (found,) = (ROOT / "build/deb").glob("shodohflo_*.deb")
    return found


@pytest.fixture(scope="module", name="there")
def _there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    folder.chmod(0o755)
    with machine(folder) as made:
        yield made


def ask(there: Machine, address: str, port: int) -> None:
    """Send datagrams to a port of the machine from outside."""
    run("ip", "netns", "exec", f"{there.network}-far", "python3", "-c", QUESTIONS, address, str(port))


def shown(there: Machine, name: str) -> str:
    """Return a property of the service."""
    return there.run("systemctl", "show", "shodohflo", "--value", "--property", name).strip()


def is_active(there: Machine) -> bool:
    """Return whether the service runs, and has said that it is ready."""
    return shown(there, "ActiveState") == "active"


def flows(there: Machine) -> str:
    """Return what `shodohflo flows` prints; nothing while the store is not there."""
    return there.shell("shodohflo flows || true")


def install(there: Machine, package: Path) -> str:
    """Install a package with apt, without a question, and return what it says."""
    shutil.copy(package, there.root / "root")
    options = "-o Dpkg::Options::=--force-confdef --no-install-recommends"
    return there.shell(f"DEBIAN_FRONTEND=noninteractive apt-get install --yes {options} /root/{package.name} 2>&1")


def test_lintian_finds_nothing(package: Path) -> None:
    """Neither an error nor a warning, beside the overrides, each of which has its reason."""
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_from_the_package_to_the_first_flow_without_editing_a_file(there: Machine, package: Path) -> None:
    """One command installs and starts it; a question from outside is a flow a moment later."""
    install(there, package)

    wait_until(lambda: is_active(there), 60)
    ask(there, "192.0.2.1", 5301)
    wait_until(lambda: "5301" in flows(there))

    (row,) = (line for line in flows(there).splitlines() if "5301" in line)
    assert row.split()[:2] == ["192.0.2.2", "192.0.2.1"]
    assert shown(there, "NRestarts") == "0"
    assert re.match(r"\d+ packets? received", shown(there, "StatusText"))


def test_it_runs_with_as_few_rights_as_it_can(there: Machine) -> None:
    """The agent is its own user and may open packet sockets; the embedded store may nothing; neither may gain more."""
    words = "^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):"
    rights = there.run("grep", "-E", words, f"/proc/{shown(there, 'MainPID')}/status")
    server = there.shell("grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/$(pgrep valkey-server)/status")
    user = there.run("id", "--user", "shodohflo").strip()

    assert dict(line.split(":\t") for line in rights.splitlines()) == {
        "Uid": "\t".join([user] * 4),
        "CapEff": "0000000000002000",
        "CapBnd": "0000000000002000",
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }
    assert dict(line.split(":\t") for line in server.splitlines()) == {
        "Uid": "\t".join([user] * 4),
        "CapEff": "0000000000000000",
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


def test_others_read_only_as_members_of_the_group(there: Machine) -> None:
    """A user of the machine gets a clear refusal, and reads as a member of the group, without being able to write."""
    there.run("useradd", "alice")
    as_alice = "runuser -u alice -- "

    assert there.status("sh", "-c", f"{as_alice} shodohflo flows") != 0
    there.run("usermod", "--append", "--groups", "shodohflo", "alice")

    assert "5301" in there.shell(f"{as_alice} shodohflo flows")
    refused = there.shell(
        f'{as_alice} python3 -c "import socket; s = socket.socket(socket.AF_UNIX);'
        "s.connect('/var/lib/shodohflo/store.sock'); s.sendall(b'FLUSHALL\\r\\n'); print(s.recv(100))\""
    )
    assert "NOPERM" in refused


def test_a_reload_that_is_refused_says_why(there: Machine) -> None:
    """A mistake is told by systemctl's status and in the journal; the agent goes on."""
    there.shell(f"cp {CONFIGURATION} /root/kept && echo 'FLOW_MAPPING = 5' >> {CONFIGURATION}")

    refused = there.status("systemctl", "reload", "shodohflo")
    there.shell(f"cp /root/kept {CONFIGURATION}")
    there.run("systemctl", "reload", "shodohflo")

    assert refused != 0
    assert is_active(there)
    log = there.run("journalctl", "--unit", "shodohflo", "--priority", "err", "--output", "cat")
    assert "the configuration stays as it was" in log
    assert "FLOW_MAPPING" in log


def test_the_configuration_of_the_notes_works_on_two_interfaces(there: Machine) -> None:
    """The notes' own file takes the place of the installed one, and each interface's flows arrive."""
    shutil.copy(ROOT / "examples/notes.py", there.root / CONFIGURATION[1:])
    there.run("shodohflo", "check", CONFIGURATION)
    there.run("systemctl", "reload", "shodohflo")

    ask(there, "192.0.2.1", 5302)
    ask(there, "192.0.3.1", 5303)

    wait_until(lambda: all(port in flows(there) for port in ("5302", "5303")))
    rows = {line.split()[1]: line for line in flows(there).splitlines() if "530" in line}
    assert {"192.0.2.1", "192.0.3.1"} <= rows.keys()


def test_a_mistake_at_the_start_is_not_tried_again(there: Machine) -> None:
    """The service fails with status 2 and stays down, and starts again when the mistake is mended."""
    there.shell(f"cp {CONFIGURATION} /root/kept && echo 'FLOW_MAPPING = 5' >> {CONFIGURATION}")

    failed = there.status("systemctl", "restart", "shodohflo")
    state = (shown(there, "ActiveState"), shown(there, "ExecMainStatus"), shown(there, "NRestarts"))
    there.shell(f"cp /root/kept {CONFIGURATION} && systemctl reset-failed shodohflo && systemctl start shodohflo")

    assert failed != 0
    assert state == ("failed", "2", "0")
    assert is_active(there)


def test_an_agent_that_hangs_is_started_again(there: Machine) -> None:
    """A stopped process gives no sign of life; systemd ends it and starts another, which goes on with the store."""
    there.shell("mkdir -p /run/systemd/system/shodohflo.service.d")
    there.shell("printf '[Service]\\nWatchdogSec=3\\n' > /run/systemd/system/shodohflo.service.d/short.conf")
    there.shell("systemctl daemon-reload && systemctl restart shodohflo")
    before = shown(there, "MainPID")

    there.run("kill", "-STOP", before)

    wait_until(lambda: is_active(there) and shown(there, "MainPID") not in {before, "0"}, 60)
    assert "5303" in flows(there)
    there.shell("rm -r /run/systemd/system/shodohflo.service.d && systemctl daemon-reload")


def test_instances_run_beside_it(there: Machine) -> None:
    """A second agent has a configuration and a store of its own."""
    there.shell(f"cp {CONFIGURATION} /etc/shodohflo/inside.py && systemctl start shodohflo@inside")

    ask(there, "192.0.2.1", 5304)

    state = "SHODOHFLO_STATE_DIR=/var/lib/shodohflo-inside"
    wait_until(lambda: "5304" in there.shell(f"{state} shodohflo flows || true"))
    assert "5303" not in there.shell(f"{state} shodohflo flows")
    there.run("systemctl", "reload", "shodohflo@inside")
    there.shell("systemctl stop shodohflo@inside && rm /etc/shodohflo/inside.py")


def test_the_manual_is_there_and_has_no_mistakes(there: Machine) -> None:
    """Every command has its page, and man(1) warns of nothing."""
    # Minimal images leave documentation out when packages are unpacked; the pages are read from the package itself.
    names = run("dpkg-deb", "--contents", *(ROOT / "build/deb").glob("shodohflo_*.deb"))
    pages = re.findall(r"usr/share/man/man1/(\S+)\.1\.gz", names)

    assert {"shodohflo", "shodohflo-run", "shodohflo-flows", "pcap_agent"} <= set(pages)
    for page in sorted((ROOT / "build/deb").glob("shodohflo-*/man/*.1")):
        done = subprocess.run(
            ["man", "--warnings", "--local-file", page],
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert there.run("shodohflo", "--version").startswith("shodohflo ")


def test_an_upgrade_keeps_configuration_and_data(there: Machine, package: Path, tmp_path: Path) -> None:
    """The changed configuration stays without a question, the agent is a new process, and the store has its keys."""
    run("dpkg-deb", "--raw-extract", package, tmp_path / "next")
    control = tmp_path / "next/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: (.*)$", r"Version: \1+next", control.read_text()))
    run("dpkg-deb", "--build", "--root-owner-group", tmp_path / "next", tmp_path / "next.deb")
    there.shell(f"echo '# ours' >> {CONFIGURATION}")
    before = shown(there, "MainPID")

    install(there, tmp_path / "next.deb")

    wait_until(lambda: is_active(there), 60)
    assert there.run("dpkg-query", "--show", "--showformat", "${Version}", "shodohflo").endswith("+next")
    assert there.shell(f"tail -n 1 {CONFIGURATION}") == "# ours\n"
    assert shown(there, "MainPID") not in {before, "0"}
    wait_until(lambda: "5303" in flows(there))


def test_removed_it_is_gone_but_for_what_is_the_operators(there: Machine) -> None:
    """The service is stopped and the program gone; configuration and data stay."""
    there.shell("DEBIAN_FRONTEND=noninteractive apt-get remove --yes shodohflo 2>&1")

    assert there.status("pgrep", "--full", "^/usr/bin/python3 -I /usr/bin/shodohflo run") == 1
    assert there.status("pgrep", "valkey-server") == 1
    assert there.status("test", "-e", "/usr/bin/shodohflo") == 1
    assert there.status("test", "-e", "/usr/lib/shodohflo") == 1
    assert there.shell("ls /var/lib/shodohflo/store.rdb") != ""
    assert there.shell(f"tail -n 1 {CONFIGURATION}") == "# ours\n"


def test_purged_nothing_is_left_but_the_account(there: Machine) -> None:
    """No file of it is left on the machine, except what systemd and apt keep of any package."""
    there.shell("DEBIAN_FRONTEND=noninteractive apt-get purge --yes shodohflo 2>&1 && rm -f /root/*.deb")

    kept = "-path '/var/log/*' -o -path '/var/cache/*' -o -path '/var/lib/apt/*' -o -path '/var/lib/systemd/*'"
    left = there.shell(f"find / -xdev \\( {kept} \\) -prune -o -iname '*shodohflo*' -print")

    assert left.split() == []
    assert there.status("id", "shodohflo") == 0
