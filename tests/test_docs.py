"""The documentation is true: its examples run, its links resolve, and nothing is undocumented."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from shodohflo import keys
from shodohflo.attribution.ledger import DROPPED, REFUSED, Outcome
from shodohflo.cli.program import COMMANDS, program
from shodohflo.cli.run import pcap_agent
from shodohflo.config import load
from shodohflo.config.findings import Code
from shodohflo.config.known import KNOWN
from shodohflo.keys.grammar import FORMS
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


SAVED = re.compile(r"<!-- save as (\S+) -->\n")
EVERYWHERE = "configuration.py"
"""The file that a reader saves a configuration in, unless a comment before it names another."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    text: str
    file: str
    """Where a reader saves it, if it is a configuration."""


def blocks(*languages: str) -> Iterator[Block]:
    """Yield the fenced blocks of all pages in these languages, in order."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fenced in FENCED.finditer(text):
            if fenced[1] in languages:
                saved = SAVED.search(text, max(0, fenced.start() - 60), fenced.start())
                yield Block(str(page.relative_to(ROOT)), fenced[1], fenced[2], saved[1] if saved else EVERYWHERE)


def examples(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a block, `$ ...`, with the lines after it, up to the next `$`."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def matches(promised: str, said: str) -> bool:
    """Return whether output matches a page line by line; a line `...` matches any number of lines."""
    lines = map(even, promised.splitlines())
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(pattern, even(said)) is not None


def even(text: str) -> str:
    """Return `text` with all ages set to one second and runs of spaces reduced to one, as both depend on the run."""
    return re.sub(r" +", " ", re.sub(r"\b\d+s\b", "1s", text))


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Return a directory in which the paths of the examples exist."""
    (tmp_path / "src").symlink_to(ROOT / "src")
    shutil.copy(ROOT / "src/shodohflo/demo/demo.pcap", tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", list(dict.fromkeys(block.page for block in blocks("console"))))
def test_a_page_can_be_followed_command_by_command(page: str, workplace: Path) -> None:
    """A reader who saves the configurations of a page and types its commands sees what the page says."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("SHODOHFLO_", "XDG_"))}

    for block in [block for block in blocks("python", "console") if block.page == page]:
        if block.language == "python":
            (workplace / block.file).write_text(block.text, encoding="utf-8")
        for command, output in examples(block) if block.language == "console" else ():
            done = subprocess.run(
                ["bash", "-c", f"umask 022; {command}"],
                cwd=workplace,
                env=environment | {"PATH": path, "HOME": str(workplace / "home")},
                capture_output=True,
                text=True,
                check=False,
            )
            assert matches(output, done.stdout), f"{command}\n{done.stdout}{done.stderr}"
            assert "command not found" not in done.stderr


def test_there_are_pages_to_follow() -> None:
    """At least three pages have examples, so that the test above does not run on nothing."""
    assert len({block.page for block in blocks("console")}) >= 3


def lines_of_code(text: str) -> Iterator[str]:
    """Yield the lines of the fenced and of the indented blocks of a page."""
    for fenced in FENCED.finditer(text):
        yield from fenced[2].splitlines()
    yield from re.findall(r"^ {4,}(.*)", FENCED.sub("", text), re.MULTILINE)


def typed() -> Iterator[tuple[str, str]]:
    """Yield page and line for each call of our programs, without the column of comments that examples have."""
    for page in PAGES:
        for line in lines_of_code(page.read_text(encoding="utf-8")):
            called = re.match(r"\s*(?:\$ )?(?:sudo |\S*/bin/)*((?:shodohflo|pcap_agent) .*?)(?: {2,}|$)", line)
            if called:
                yield str(page.relative_to(ROOT)), called[1]


def words_of(line: str) -> list[str]:
    """Return the words of the first command of a line, as a shell splits it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;<>&")
    lexer.whitespace_split = True
    return list(itertools.takewhile(lambda word: not set(word) <= set("|;<>&"), lexer))


@pytest.mark.parametrize("page_and_line", list(typed()), ids=lambda pair: f"{pair[0]}: {pair[1][:50]}")
def test_every_command_on_a_page_exists_with_its_options(page_and_line: tuple[str, str]) -> None:
    """Each command that a page calls is accepted by the program, with its options and arguments."""
    name, *words = words_of(page_and_line[1])
    command: click.Command = pcap_agent
    if name == "shodohflo":
        command = program.get_command(click.Context(program), words.pop(0)) or pytest.fail("no such command")

    parsed = command.make_context(name, words)

    assert parsed.params is not None


@pytest.mark.parametrize("block", list(blocks("python")), ids=lambda block: block.page)
def test_a_configuration_in_a_page_loads(block: Block, tmp_path: Path) -> None:
    """A configuration on a page loads without warnings."""
    path = tmp_path / "configuration.py"
    path.write_text(block.text, encoding="utf-8")

    settings = load(path, {}, privileged=False)

    assert settings.warnings == ()


def test_the_pages_made_from_the_code_are_as_the_code_says() -> None:
    """The generated reference pages are up to date."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools/reference.py", "--check"], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link leads to an existing file."""
    dead = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]

    assert dead == []


@pytest.mark.parametrize("code", Code)
def test_every_finding_is_explained(code: Code) -> None:
    """Every finding has a heading in the reference."""
    assert f"\n## {code}\n" in (ROOT / "docs/reference/findings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """Every command has a heading in the reference."""
    assert f"## `shodohflo {name}`" in (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", KNOWN)
def test_every_setting_is_documented(name: str) -> None:
    """Every setting has a row in the reference."""
    assert f"| `{name}` |" in (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*Outcome, DROPPED.format("n"), *(REFUSED.format(reason) for reason in Refusal)])
def test_every_outcome_is_documented(name: str) -> None:
    """Every outcome has a row in the reference."""
    assert f"| `{name}` |" in (ROOT / "docs/reference/outcomes.md").read_text(encoding="utf-8")


def variables() -> set[str]:
    """Return the environment variables that the code reads, except click's own."""
    texts = [path.read_text() for path in (ROOT / "src").rglob("*.py")]
    return {name for text in texts for name in re.findall(r"SHODOHFLO_[A-Z_]+", text)} - {"SHODOHFLO_COMPLETE"}


def test_every_environment_variable_is_documented_and_goes_through_sudo() -> None:
    """Every environment variable is documented and passed on by `make run` to the agent that sudo starts."""
    settings, makefile = (ROOT / "docs/reference/settings.md").read_text(), (ROOT / "Makefile").read_text()

    assert {name for name in variables() if f"`{name}" not in settings} == set()
    assert {name for name in variables() if not re.search(rf"^PASSED := .*\b{name}\b", makefile, re.MULTILINE)} == set()


def test_every_page_can_be_found_from_the_index() -> None:
    """The index links to every page."""
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in LINK.findall(index)}

    unlinked = [str(page.relative_to(ROOT)) for page in sorted(ROOT.glob("docs/**/*.md")) if page not in linked]

    assert unlinked == ["docs/index.md"]


def test_the_makefile_says_what_it_can_do() -> None:
    """`make` without a target lists the targets."""
    done = subprocess.run(["make", "-C", ROOT, "--no-print-directory"], capture_output=True, text=True, check=True)

    for target in ("run", "test", "demo", "bench", "docs", "help"):
        assert re.search(rf"^  make {target} ", done.stdout, re.MULTILINE)


def _glossary() -> set[str]:
    """Return the words of the glossary: those of the first column, separated by commas, verbs without "to"."""
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = (word.strip() for row in rows for word in re.sub(r"\(.*?\)", "", row).split(","))
    return {word.removeprefix("to ").lower() for word in words}


def _without_words(modules: Iterable[Path], words: set[str]) -> list[str]:
    """Return the modules whose names, also in the singular, are not among `words`."""

    def is_explained(name: str) -> bool:
        return not words.isdisjoint({name, name.removesuffix("s"), name.removesuffix("es")})

    return [str(path) for path in modules if not is_explained(path.stem.strip("_").replace("_", " "))]


def test_the_glossary_has_a_word_for_every_file() -> None:
    """Every file of the source is in the glossary, except protocols and commands, which explain themselves."""
    source = ROOT / "src" / "shodohflo"
    commands = {source / "cli" / f"{name}.py" for name in COMMANDS}
    modules = {path for path in source.rglob("*.py") if path.parent.name != "headers" and path.stem[0] != "_"}

    assert len(modules) > 100
    assert _without_words(sorted(modules - commands), _glossary()) == []


def test_a_file_that_the_glossary_does_not_name_would_be_found() -> None:
    """The check of the glossary accepts plurals, but not parts of a word."""
    assert _without_words(map(Path, ("ports.py", "prefixes.py", "port_class.py")), {"port", "prefix"}) == [
        "port_class.py"
    ]


@pytest.mark.parametrize("form", [keys.DETAIL, keys.SERVICE, keys.KNOCK, keys.AGENT, keys.WRITER, *FORMS.values()])
def test_every_kind_of_key_is_documented(form: str) -> None:
    """Every kind of key has an example on the page of keys, by which other programs read the store."""
    name = ".+".join(re.escape(fixed) for fixed in re.split(r"\{\w+\}", form))
    page = (ROOT / "docs/reference/keys.md").read_text(encoding="utf-8")

    assert any(re.match(name, quoted) for quoted in re.findall("`([^`]+)`", page))


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_a_configuration_without_doubts(example: Path) -> None:
    """Every file in `examples/` loads without warnings."""
    settings = load(example, {}, privileged=False)

    assert settings.warnings == ()
    assert settings.path == example
