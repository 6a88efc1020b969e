"""The layout of source and tests: tests mirror modules, and sizes stay within the limits of CONTRIBUTING.md."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
SOURCE: Final = TESTS.parent / "src" / "shodohflo"

BESIDE: Final = {"chaos", "data", "faults", "fuzz", "live", "reference", "support"}
"""Folders outside the mirror: test data, helpers, and tests of the project as a whole."""

ABOUT_THE_PROJECT: Final = {
    *(f"test_{what}" for what in ("bench", "docs", "examples", "json_page", "layout", "makefile", "unit_file")),
    "test_hostile_store",
}
"""Tests of files outside `src`, and of all readers together."""


def _modules() -> set[Path]:
    """Return every module relative to the source, without suffix; a package by the name of its folder."""
    found = {path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py")}
    return {path.parent if path.name == "__init__" else path for path in found}


def _tests() -> list[Path]:
    """Return every test file relative to the tests, except those in `BESIDE`."""
    found = [path.relative_to(TESTS) for path in sorted(TESTS.rglob("test_*.py"))]
    return [path for path in found if path.parts[0] not in BESIDE]


def _tested(test: Path) -> Path:
    """Return the module that `test` is named after."""
    return test.with_name(test.stem.removeprefix("test_"))


def test_every_file_of_tests_is_named_after_a_module() -> None:
    """Every test file is named after a module or package, as `rules/test_mapping.py` is after `rules/mapping.py`."""
    named = _modules() | {module / module.name for module in _modules()}

    strays = [test for test in _tests() if _tested(test) not in named and test.stem not in ABOUT_THE_PROJECT]

    assert strays == []


def test_every_module_has_a_file_of_tests() -> None:
    """Every module has a test file, as `rules/mapping.py` has `rules/test_mapping.py`."""
    tested = {_tested(test) for test in _tests()}
    modules = {path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py")}

    missing = [module for module in sorted(modules) if module.stem[:2] != "__" and module not in tested]

    assert missing == []


def test_every_package_has_its_folder_of_tests() -> None:
    """Every package has a folder of tests."""
    packages = {path.parent.relative_to(SOURCE) for path in SOURCE.rglob("*.py")} - {Path()}

    untested = [package for package in sorted(packages) if not list((TESTS / package).rglob("test_*.py"))]

    assert untested == []


def test_there_are_at_least_as_many_lines_of_tests_as_of_source() -> None:
    """There are at least as many lines of tests as of source, not counting data."""
    lines = {
        folder: sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))
        for folder in (SOURCE, TESTS)
    }

    assert lines[TESTS] >= lines[SOURCE]


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    """No module is longer than 400 lines."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCE.rglob("*.py")}

    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_no_function_body_is_longer_than_sixty_lines() -> None:
    """No function body is longer than 60 lines, not counting the docstring."""
    long = [
        f"{path.relative_to(SOURCE)}:{function.lineno} {function.name}"
        for path in SOURCE.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(function) > 60
    ]

    assert long == []


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function after its signature and docstring."""
    first = function.body[ast.get_docstring(function) is not None :][:1]
    return (function.end_lineno or 0) - first[0].lineno + 1 if first else 0


def test_at_most_four_modules_stand_outside_a_package() -> None:
    """At most four modules are outside a package."""
    loose = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}

    assert len(loose) <= 4, loose


def test_every_package_says_what_it_holds_and_what_it_must_not_know() -> None:
    """Every package has a docstring, with a sentence that states what the package must not do or know."""
    docstrings = {
        path.parent.relative_to(SOURCE): ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for path in SOURCE.rglob("__init__.py")
    }

    silent = {package for package, text in docstrings.items() if "must not " not in " ".join(text.split())}

    assert silent == set()


def test_no_class_name_stands_twice() -> None:
    """No two classes have the same name."""
    defined = Counter(
        node.name
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )

    assert [name for name, times in defined.items() if times > 1] == []


def test_the_architecture_page_prints_the_layers_of_the_contract() -> None:
    """The architecture page lists the layers line by line as import-linter checks them."""
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    page = (TESTS.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, _, after = page.partition("## Layers")

    printed = after.partition("```text\n")[2].partition("```")[0].splitlines()

    assert printed == contract["layers"]
