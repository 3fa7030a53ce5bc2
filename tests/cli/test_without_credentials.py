"""`no-sign-request` is for reading: every verb that writes refuses it, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.archives import make_wheel
from support.command_line import COMMANDS, run_command

WRITING = {
    "init": ["init", "./pypi", "--set", "cache-control=no-cache"],
    "init a new one": ["init", "./new"],
    "init --adopt": ["init", "./theirs", "--adopt"],
    "publish": ["publish", "./next", "-r", "./pypi"],
    "publish a new one": ["publish", "./next", "-r", "./new"],
    "yank": ["yank", "demo-pkg==1.0", "--reason", "broken", "-r", "./pypi"],
    "unyank": ["unyank", "demo-pkg==1.1", "-r", "./pypi"],
    "hide": ["hide", "demo-pkg==1.0", "-r", "./pypi"],
    "unhide": ["unhide", "demo-pkg==1.2", "-r", "./pypi"],
    "delete": ["delete", "demo-pkg==1.0", "--yes", "-r", "./pypi"],
    "status": ["status", "demo-pkg", "archived", "-r", "./pypi"],
    "prune": ["prune", "*", "--older-than", "0h", "--all-releases", "--yes", "-r", "./pypi"],
    "prune --orphans": ["prune", "*", "--orphans", "--older-than", "0h", "--yes", "-r", "./pypi"],
    "reindex": ["reindex", "-r", "./pypi"],
    "reindex --adopt": ["reindex", "--adopt", "--yes", "-r", "./pypi"],
    "from-list": ["from-list", "--package-list", "./list", "--packages-url", "../../pool", "--output-dir", "./listed"],
    "promote": ["promote", "demo-pkg==1.0", "-r", "./pypi", "--to", "./target"],
}
READING = {
    "show": ["show", "-r", "./pypi"],
    "check": ["check", "-r", "./pypi"],
    "status": ["status", "demo-pkg", "-r", "./pypi"],
    "fetch": ["fetch", "demo-pkg", "--from", "./pypi/simple/demo-pkg", "--version", "1.0", "--into", "./fetched"],
}
OTHERS = {"infra", "authorize", "exec", "serve", "repository", "user"}
"""Links need credentials, the gateway runs until it is ended, names are the user's own: see tests/reading; users are in
CloudFront: see tests/hosting."""


@pytest.fixture(autouse=True)
def _repositories(workspace: Path) -> None:
    """Make a repository with three versions and an outdated page, another tool's index, a next version, a list."""
    for version in ("1.0", "1.1", "1.2"):
        make_wheel(workspace / "dist", version=version)
    make_wheel(workspace / "next", version="2.0")
    make_wheel(workspace / "theirs" / "simple" / "other", "other", "1.0")
    for place in ("./pypi", "./target"):
        assert run_command("init", place).code == 0
    assert run_command("publish", "-r", "./pypi").code == 0
    assert run_command("yank", "demo-pkg==1.1", "--reason", "", "-r", "./pypi").code == 0
    assert run_command("hide", "demo-pkg==1.2", "-r", "./pypi").code == 0
    (workspace / "pypi" / "simple" / "demo-pkg" / "index.json").unlink()
    orphan = workspace / "pypi" / "simple" / "demo-pkg" / "demo_pkg-0.9-py3-none-any.whl"
    orphan.write_bytes(b"of a run that died")
    (workspace / "list").write_text("demo-1.0.tar.gz\n")


def contents() -> dict[str, bytes]:
    """Read every file below the current directory."""
    return {path.as_posix(): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", WRITING)
def test_a_verb_that_writes_is_refused(name: str) -> None:
    """With the setting the command changes nothing and says why; without it, it changes something."""
    before = contents()
    run = run_command(*WRITING[name], environ={"BUCKETWHEEL_NO_SIGN_REQUEST": "true"})
    assert run.code == 1, run.notices
    assert "needs credentials to write; drop no-sign-request" in run.notices
    assert contents() == before
    signed = run_command(*WRITING[name])
    assert signed.code == 0, signed.notices
    assert contents() != before


@pytest.mark.parametrize("name", READING)
def test_a_verb_that_reads_is_not(name: str) -> None:
    """What only reads works without credentials."""
    run = run_command(*READING[name], "--no-sign-request")
    assert run.code in {0, 4}, run.notices
    assert "credentials" not in run.notices


def test_every_verb_is_here() -> None:
    """A new verb fails here until it is in one of the tables."""
    assert {words[0] for words in (*WRITING.values(), *READING.values())} | OTHERS == set(COMMANDS) - {"upload"}
