"""A project's status marker: the manifest says it, the pages show it, and publishers obey it (PEP 792)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.commands.status import ProjectStatus, change_status
from bucketwheel.errors import Denied, Refused, Unfinished
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Status
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, Storage
from support.archives import make_wheel
from support.releasing import context_for, manifest_of, page_json, release_files
from support.tampering import make_newer, state
from support.witness import Killed, Witness

DEMO = ProjectName("demo-pkg")


@pytest.fixture(autouse=True)
def _released(storage: Storage, tmp_path: Path) -> None:
    """Release one version."""
    release_files(storage, make_wheel(tmp_path))


def mark(
    storage: Storage, status: str, reason: str | None = None, *, project: str = "demo-pkg", dry_run: bool = False
) -> ProjectStatus:
    """Set a status, as one command does."""
    with context_for(storage, dry_run=dry_run) as context:
        return change_status(context, ProjectName(project), Status(status=status, reason=reason))


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_closed_project_takes_no_files(storage: Storage, tmp_path: Path, status: str) -> None:
    """Publishing is refused until the project is active again; both pages show status and reason."""
    assert mark(storage, status, "superseded").changed
    assert page_json(storage, "demo-pkg")["project-status"] == {"status": status, "reason": "superseded"}
    new = make_wheel(tmp_path, version="1.1")
    with pytest.raises(Refused, match=f"is {status} and takes no new files"):
        release_files(storage, new)
    mark(storage, "active")
    assert page_json(storage, "demo-pkg")["project-status"] == {"status": "active"}
    release_files(storage, new)


@pytest.mark.parametrize(("status", "listed"), [("archived", 1), ("deprecated", 1), ("quarantined", 0), ("active", 1)])
def test_only_a_quarantined_project_lists_no_files(storage: Storage, status: str, listed: int) -> None:
    """Its files stay where they are, and are listed again afterwards."""
    mark(storage, status)
    assert len(page_json(storage, "demo-pkg")["files"]) == listed
    mark(storage, "active")
    assert len(page_json(storage, "demo-pkg")["files"]) == 1


def test_an_equal_status_is_done(storage: Storage) -> None:
    """The same status again writes nothing; another reason is another status."""
    mark(storage, "deprecated", "old")
    before = state(storage)
    assert not mark(storage, "deprecated", "old").changed
    assert state(storage) == before
    assert mark(storage, "deprecated", "very old").changed
    assert mark(storage, "deprecated").changed
    assert manifest_of(storage, "demo-pkg").status == Status(status="deprecated")


def test_pages_follow_the_manifest(storage: Storage) -> None:
    """A command that dies is finished by the same command."""
    with pytest.raises(Killed):
        mark(Witness(storage, deaths=1), "quarantined")
    assert len(page_json(storage, "demo-pkg")["files"]) == 1
    mark(storage, "quarantined")
    assert page_json(storage, "demo-pkg")["files"] == []


def test_pages_that_cannot_be_written_are_unfinished(storage: Storage) -> None:
    """Publishers obey the status already, and the exit says that clients do not see it yet."""

    def trouble(verb: str, key: str) -> None:
        if verb == "swap" and key.startswith("simple/"):
            raise Denied("no")

    with pytest.raises(Unfinished, match="everything is committed, but some pages are out of date: no"):
        mark(Witness(storage, before=trouble), "archived")


def test_a_project_that_is_not_there_is_refused(storage: Storage) -> None:
    """A wrong project name creates nothing, not even a page."""
    before = state(storage)
    with pytest.raises(Refused, match="nothing is not in "):
        mark(storage, "archived", project="nothing")
    assert state(storage) == before
    assert storage.read(manifest_key(ProjectName("nothing"))) is None


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_manifest_of_a_newer_version_is_left_alone(storage: Storage, *, dry_run: bool) -> None:
    """A newer format is refused: a swap would lose what it adds."""
    make_newer(storage)
    with pytest.raises(Refused, match="newer bucketwheel"):
        mark(storage, "archived", dry_run=dry_run)


def test_a_dry_run_changes_nothing(storage: Storage) -> None:
    """A dry run reports whether anything would change."""
    witness = Witness(storage)
    assert mark(witness, "archived", dry_run=True).changed
    assert not mark(witness, "active", dry_run=True).changed
    assert witness.writes == []
    assert storage.read(Key("simple/demo-pkg/index.json")) is not None
