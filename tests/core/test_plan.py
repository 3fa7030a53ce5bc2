"""Plans: what a publish decides from the manifest and the uploads alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bucketwheel.errors import Refused
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, Status, empty_manifest
from bucketwheel.names import ProjectName, Sha256, distribution_name, sha256_of
from bucketwheel.protocol.plan import Existing, StoredFile, Upload, plan_release, released, spelled_twice
from bucketwheel.storage import Key

DEMO = ProjectName("demo")
OURS, THEIRS = Sha256("a" * 64), Sha256("b" * 64)
WHEEL = "demo-1.0-py3-none-any.whl"
METADATA = b"Metadata-Version: 2.1\n"
NOW = datetime(2026, 11, 21, 9, 30, 15, 123456, tzinfo=UTC)


def upload(filename: str = WHEEL, sha256: Sha256 = OURS) -> Upload:
    """Return a wheel to be released."""
    return Upload(
        name=distribution_name(filename),
        size=10,
        sha256=sha256,
        content=Path(filename),
        requires_python=">=3.9",
        metadata=METADATA,
    )


def entry(filename: str = WHEEL, sha256: Sha256 = OURS, *, key: Key | None = None) -> PublishedFile:
    """Return the entry of a released file."""
    name = distribution_name(filename)
    return PublishedFile(
        filename=filename,
        version=str(name.version),
        sha256=sha256,
        size=10,
        upload_time="2026-01-01T00:00:00.000000Z",
        by="an earlier run",
        key=key,
        yanked="broken",
        hidden=True,
    )


def manifest(**parts: object) -> Manifest:
    """Return revision 7 of demo."""
    return replace(empty_manifest(DEMO), revision=7, **parts)  # type: ignore[arg-type]  # fields by name


def refusal(truth: Manifest, *uploads: Upload, existing: Existing = "same") -> str:
    """Return the message of a refused plan."""
    with pytest.raises(Refused) as caught:
        plan_release(truth, uploads, existing)
    return str(caught.value)


def test_a_new_name_is_placed() -> None:
    """A name that the manifest does not hold is new."""
    plan = plan_release(manifest(), [upload()], "same")
    assert plan.new == (upload(),)
    assert plan.to_upload == (upload(),)


def test_the_same_bytes_are_there_already() -> None:
    """A released name with the same bytes is unchanged, also when other bytes would be skipped."""
    truth = manifest(files=(entry(),))
    assert plan_release(truth, [upload()], "same").unchanged == (upload(),)
    assert plan_release(truth, [upload()], "skip").unchanged == (upload(),)
    assert plan_release(truth, [upload()], "same").to_upload == ()


def test_other_bytes_are_refused_with_both_digests_and_what_to_do() -> None:
    """A released file never changes; the message names both digests and the ways on."""
    message = refusal(manifest(files=(entry(sha256=THEIRS),)), upload())
    assert "a" * 64 in message
    assert "b" * 64 in message
    assert "--skip-existing" in message
    assert "release a new version" in message


def test_other_bytes_are_left_alone_when_they_may_be_skipped() -> None:
    """`existing = skip` leaves released bytes as they are, and sends nothing."""
    plan = plan_release(manifest(files=(entry(sha256=THEIRS),)), [upload()], "skip")
    assert (plan.skipped, plan.to_upload) == ((upload(),), ())


def test_strict_refuses_even_the_same_bytes() -> None:
    """`existing = refuse` refuses every name that is already released."""
    assert "already exists" in refusal(manifest(files=(entry(),)), upload(), existing="refuse")


@pytest.mark.parametrize("existing", ["same", "skip", "refuse"])
def test_a_deleted_name_stays_dead(existing: Existing) -> None:
    """No policy and no digest brings a deleted name back."""
    dead = DeletedFile(filename=WHEEL, version="1.0", sha256=OURS, by="x")
    assert "deleted" in refusal(manifest(deleted=(dead,)), upload(), existing=existing)


def test_a_missing_file_comes_back_with_its_own_bytes_only() -> None:
    """The same bytes revive a missing entry; others are refused."""
    truth = manifest(missing=(entry(),))
    assert plan_release(truth, [upload()], "same").restored == (upload(),)
    assert "b" * 64 in refusal(truth, upload(sha256=THEIRS))


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_closed_project_takes_no_files(status: str) -> None:
    """PEP 792: archived and quarantined projects take no uploads."""
    assert status in refusal(manifest(status=Status(status=status)), upload())


def test_a_deprecated_project_takes_files() -> None:
    """PEP 792: deprecated warns users and does not stop publishers."""
    assert plan_release(manifest(status=Status(status="deprecated")), [upload()], "same").new


def test_a_released_distribution_is_not_released_again_under_another_spelling() -> None:
    """`Legacy.Proj-3.0.tar.gz` and `legacy_proj-3.0.tar.gz` are one distribution."""
    truth = replace(
        empty_manifest(ProjectName("legacy-proj")), revision=1, files=(entry("Legacy.Proj-3.0.tar.gz", THEIRS),)
    )
    other = upload("legacy_proj-3.0.tar.gz")
    assert "Legacy.Proj-3.0.tar.gz" in refusal(truth, other)
    assert plan_release(truth, [other], "skip").skipped == (other,)
    assert plan_release(truth, [upload("legacy_proj-3.1.tar.gz")], "same").new


SPELLINGS = [
    ("Legacy.Proj-3.0.tar.gz", "legacy_proj-3.0.tar.gz"),
    ("legacy_proj-3.0.tar.gz", "legacy-proj-3.tar.gz"),
    ("legacy_proj-3.0.tar.gz", "legacy_proj-3.0.0.zip"),
    ("legacy_proj-3.0rc1.tar.gz", "legacy_proj-v3.0.c1.tar.gz"),
    ("legacy_proj-3.0-1A-py3-none-any.whl", "legacy_proj-3.0-1a-py3-none-any.whl"),
    ("Legacy_Proj-3.0-py2.py3-none-any.whl", "legacy_proj-3.0.0-py3.py2-none-any.whl"),
]


@pytest.mark.parametrize(("spelled", "other"), SPELLINGS)
@pytest.mark.parametrize("where", ["files", "missing", "deleted"])
def test_no_name_comes_back_under_another_spelling(where: str, spelled: str, other: str) -> None:
    """A released, missing or deleted distribution stays what it is, however its name is written."""
    dead = DeletedFile(filename=spelled, version="3.0", sha256=THEIRS, by="x")
    record = dead if where == "deleted" else entry(spelled, THEIRS)
    truth = replace(empty_manifest(ProjectName("legacy-proj")), revision=1, **{where: (record,)})  # type: ignore[arg-type]
    message = refusal(truth, upload(other))
    assert message.startswith(f"{other} {'was deleted as' if where == 'deleted' else 'already exists as'} {spelled}")
    if where == "files":
        assert plan_release(truth, [upload(other)], "skip").skipped
    else:
        assert refusal(truth, upload(other), existing="skip") == message


def test_names_that_differ_in_case_only_are_one_name() -> None:
    """In a directory on macOS or Windows they would be one file, also if no new file could have the other name."""
    truth = manifest(files=(replace(entry(), filename="DEMO-1.0-py3-none-ANY.WHL", version="1.0"),))
    assert "already exists as DEMO-1.0-py3-none-ANY.WHL" in refusal(truth, upload())


def test_other_distributions_are_no_spellings() -> None:
    """Another version, kind, build or tag is another distribution."""
    truth = manifest(files=(entry("demo-1.0.tar.gz"), entry("demo-1.0-1-py3-none-any.whl"), entry("demo-10.zip")))
    others = ["demo-1.0-py3-none-any.whl", "demo-1.0-2-py3-none-any.whl", "demo-1.0.1.tar.gz", "demo-100.tar.gz"]
    assert plan_release(truth, [upload(name) for name in others], "same").new == tuple(map(upload, others))


def test_two_spellings_in_one_call_are_a_problem() -> None:
    """Two spellings of one name are refused, and the message names both."""
    names = [distribution_name(name) for name in ("Legacy.Proj-3.0.tar.gz", "legacy_proj-3.0.tar.gz", WHEEL, WHEEL)]
    problems = spelled_twice(names)
    assert [problem.subject for problem in problems] == ["legacy_proj-3.0.tar.gz"]
    assert "Legacy.Proj-3.0.tar.gz" in str(problems[0])


def test_all_problems_are_said_at_once() -> None:
    """One refusal reports all problems at once."""
    truth = manifest(
        files=(entry(sha256=THEIRS),),
        deleted=(DeletedFile(filename="demo-0.9.tar.gz", version="0.9", sha256=OURS, by="x"),),
    )
    message = refusal(truth, upload(), upload("demo-0.9.tar.gz"))
    assert WHEEL in message
    assert "demo-0.9.tar.gz" in message


def test_a_release_adds_its_entries_in_one_revision() -> None:
    """All files of a run come with the next revision, with the run id and the time it began."""
    plan = plan_release(manifest(files=(entry("demo-0.1.tar.gz"),)), [upload()], "same")
    placement = StoredFile(key=Key(f"simple/demo/{WHEEL}"), added=True, gpg_sig=True)
    after = released(
        manifest(files=(entry("demo-0.1.tar.gz"),)), plan, {WHEEL: placement}, run_id="me", now=NOW, layout=Layout()
    )
    assert after.revision == 8
    assert [file.filename for file in after.files] == ["demo-0.1.tar.gz", WHEEL]
    assert after.files[1] == PublishedFile(
        filename=WHEEL,
        version="1.0",
        sha256=OURS,
        size=10,
        upload_time="2026-11-21T09:30:15.123456Z",
        by="me",
        requires_python=">=3.9",
        metadata_sha256=sha256_of(METADATA),
        gpg_sig=True,
    )


def test_a_file_that_stepped_aside_names_its_key() -> None:
    """The entry carries a key only where that is not the usual one."""
    aside = Key(f"simple/demo/{OURS}/{WHEEL}")
    plan = plan_release(manifest(), [upload()], "same")
    after = released(
        manifest(), plan, {WHEEL: StoredFile(key=aside, added=True)}, run_id="me", now=NOW, layout=Layout()
    )
    assert after.files[0].key == aside


def test_a_revived_file_keeps_its_state_and_its_time() -> None:
    """A revived entry keeps yank, hidden and upload time, and names the run that brought it back."""
    truth = manifest(missing=(entry(),))
    plan = plan_release(truth, [upload()], "same")
    placement = StoredFile(key=Key(f"simple/demo/{WHEEL}"), added=True)
    after = released(truth, plan, {WHEEL: placement}, run_id="me", now=NOW, layout=Layout())
    assert after.missing == ()
    assert after.files == (replace(entry(), by="me", metadata_sha256=sha256_of(METADATA)),)
