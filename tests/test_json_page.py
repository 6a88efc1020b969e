"""The page of the JSON output describes the rows that commands print: the same fields, order and types."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

import pytest

from support.seen import end, write_knock, write_service
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "json.md"
DEMO = ROOT / "src" / "shodohflo" / "demo" / "demo.pcap"
REPLAY = "replay", "--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48"

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "null": NoneType,
    "boolean": bool,
    "list of strings": list,
    "list of objects": list,
}


def printed(*arguments: object) -> list[dict[str, object]]:
    """Return the rows that a command prints."""
    command = [sys.executable, "-m", "shodohflo", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def documented(command: str) -> dict[str, str]:
    """Return the fields of a command's rows with their types, as the page has them."""
    chapters = PAGE.read_text(encoding="utf-8").split("\n## ")
    (chapter,) = (each for each in chapters if f"`shodohflo {command} --json`" in each.partition("\n")[0])
    rows = chapter.partition("Each object")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", rows, re.MULTILINE))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a running store with the flows of a capture."""
    server = Server(programs()["valkey"](), tmp_path_factory.mktemp("store")).start()
    url = f"valkey://127.0.0.1:{server.port}"
    printed(*REPLAY, "--store", url, "--json", DEMO)
    with server.client() as client:
        now = int(time.time())
        write_service(client, end("192.168.7.1", 53, 17), first=now - 9, last=now)
        write_knock(client, "203.0.113.9/32", end("192.168.7.1", 22), first=now - 9, last=now, silent=3)
    yield url
    server.kill()


@pytest.mark.parametrize("command", ["replay", "flows", "peers", "clients", "services", "recon"])
def test_the_page_describes_what_a_command_prints(command: str, url: str) -> None:
    """Every printed row, of a store or a replay, has exactly the documented fields and types."""
    pages = {"knock": documented("recon --kind knock")} if command == "recon" else {}
    told_of_all = documented(command)
    rows = printed(*REPLAY, "--json", DEMO) if command == "replay" else printed(command, "--json", "--store", url)

    assert rows
    assert pages.keys() <= {row.get("kind") for row in rows}
    for row in rows:
        told = pages.get(str(row.get("kind")), told_of_all)
        assert list(row) == list(told)
        for name, kind in told.items():
            assert any(isinstance(row[name], TYPES[one]) for one in kind.split(" or ")), (name, row[name])


def test_a_replay_and_a_store_have_the_same_flows(url: str) -> None:
    """A replay and a store give the same flows, except for fields that only a store has."""
    only_stored = {"age", "expires_in", "stores", "agents"}

    def flows(rows: list[dict[str, object]]) -> set[str]:
        shared = [{name: value for name, value in row.items() if name not in only_stored} for row in rows]
        return {json.dumps(row, sort_keys=True) for row in shared}

    assert flows(printed(*REPLAY, "--json", DEMO)) == flows(printed("flows", "--json", "--store", url))
