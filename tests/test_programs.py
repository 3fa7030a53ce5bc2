"""The two programs that set everything up end with a sentence wherever they cannot do their work."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PROGRAMS = {"tests/run.py": ".venv", "example_project/demo.py": ".demo"}
"""Each with what it makes in the clone."""


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a copy of a program in a clone that holds little else, so that it can get no further than the set-up."""
    path: Path = tmp_path / request.param
    path.parent.mkdir()
    shutil.copy(ROOT / request.param, path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return path


def run(program: Path, stdout: int = subprocess.PIPE, **variables: str) -> tuple[int, str, str]:
    """Run it, and return its exit code, the last line of its output, and its errors."""
    ended = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | variables,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    *_, last = ["", *(ended.stdout or ended.stderr).splitlines()]
    return ended.returncode, last, ended.stderr


def test_a_clone_that_cannot_be_written_to(program: Path, tmp_path: Path) -> None:
    """The last line says which path could not be made, and what the clone needs."""
    made = tmp_path / PROGRAMS[program.relative_to(tmp_path).as_posix()]
    made.write_text("in the way")  # what root cannot write to either
    code, _, errors = run(program)
    assert code == 1
    assert "Traceback" not in errors
    assert errors.startswith(("tests: not set up: ", "demo: failed; "))
    assert errors.endswith("; the clone must be in a directory that you can write to\n")
    assert str(made) in errors


def test_no_package_index(program: Path) -> None:
    """After pip's own words the last line says what was needed, and shows the command."""
    code, _, errors = run(program, PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    *_, last = errors.splitlines()
    assert code == 1
    assert "Traceback" not in errors
    assert "; installing needs a package index such as PyPI: " in last
    assert " -m pip " in last


def test_a_reader_that_goes_away(program: Path) -> None:
    """`| head` ends the program without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        code, last, errors = run(program, stdout=writer)
    finally:
        os.close(writer)
    assert code == 1
    assert errors == f"{last}\n"
    assert last.endswith("went away")


def test_an_environment_that_was_moved_is_made_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its programs name the old path, so it is of no use; one that was not moved is used again."""
    module = load_run()

    def said(home: Path) -> str:
        vars(module).update(ROOT=home.parent)
        module.set_up(home, sys.executable, ["pip"])
        return capfd.readouterr().out

    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    shutil.copy(ROOT / "pyproject.toml", here)
    assert said(here / "made") == "+ setting up made\n"
    assert said(here / "made") == ""
    here.rename(there)
    assert said(there / "made") == "+ setting up made\n"


def test_what_is_thorough_names_tests_that_exist() -> None:
    """A folder that was renamed would be left out of the long tests, or be run on every Python."""
    module = load_run()
    named = [argument for argument in (*module.SLOW, *module.LONG) if argument.startswith("tests/")]
    assert [argument for argument in named if not (ROOT / argument).exists()] == []
    assert {variable for variable in module.THOROUGH if not _is_read(variable)} == set()


def test_other_pythons_are_those_that_are_supported() -> None:
    """pyproject.toml and the program name the same versions, and this one is found by itself."""
    module = load_run()
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    supported = re.findall(r"Python :: (3\.\d+)$", "\n".join(pyproject["project"]["classifiers"]), re.MULTILINE)
    assert supported == ["{}.{}".format(*version) for version in module.SUPPORTED]
    assert module.answers_as(sys.executable, sys.version_info[:2])
    assert not module.answers_as(sys.executable, (3, 6))
    assert not module.answers_as("/no/such/python", sys.version_info[:2])


def load_run() -> ModuleType:
    """Import tests/run.py."""
    specification = importlib.util.spec_from_file_location("run", ROOT / "tests" / "run.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _is_read(variable: str) -> bool:
    return any(
        variable in path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py") if path.name != "run.py"
    )
