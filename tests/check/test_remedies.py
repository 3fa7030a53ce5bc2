"""Remedies: the commands that findings name lead to a repository that is as it should be."""

from __future__ import annotations

import re
import shlex
from itertools import chain
from pathlib import Path

import pytest

from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.command_line import run_command
from support.disorders import CASES, MEMORY, Case
from support.tampering import check_store

_COMMAND = re.compile("`bucketwheel ([^`]*)`")
_BY_HAND = {"damage_manifest", "keep_old_manifest", "lose_project", "keep_state_of_stick", "choose_unsafe_store"}
_BY_HAND |= {"keep_listing_at_the_top", "keep_page_of_another_tool", "swap_sidecar", "keep_wheels_elsewhere"}
_BY_HAND |= {"lose_logo"}
_MOST_ROUNDS = 4


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.only is not MEMORY and case.name not in _BY_HAND],
    ids=lambda case: case.name,
)
def test_the_commands_that_findings_name_fix_them(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who runs what each finding says, again and again, ends where a check finds nothing."""
    monkeypatch.chdir(tmp_path)
    make_wheel(tmp_path / "dist")
    make_sdist(tmp_path / "dist", "zoo", "2")
    assert run_command("publish", "-r", "./repository").code == 0
    storage = DirectoryStorage(root=tmp_path / "repository")
    case.tamper(storage)
    for _ in range(_MOST_ROUNDS):
        findings = check_store(storage, deep=True).findings
        if not findings:
            return
        commands = [_COMMAND.findall(finding.remedy)[:1] for finding in findings]
        for command in dict.fromkeys(chain.from_iterable(commands)):
            yes = ["--yes"] if command.startswith("delete") else []
            run = run_command(*shlex.split(command), *yes, *(() if "init" in command else ("-r", "./repository")))
            assert run.code in {0, 1}, run.notices
    assert check_store(storage, deep=True).findings == ()
