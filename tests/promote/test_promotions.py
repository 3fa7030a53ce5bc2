"""Promotions between stores of every kind: what arrives, what is refused, and what happens in a race."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bucketwheel import load_settings, publish
from bucketwheel import promote as bucketwheel_promote
from bucketwheel.commands.promote import Promotion, promote_releases
from bucketwheel.errors import Misconfigured, Refused
from bucketwheel.events import BytesMoved, Event, FileStarted, Warned, ignore
from bucketwheel.format.manifest import PublishedFile, Status, upload_time
from bucketwheel.names import Sha256, sha256_of
from bucketwheel.protocol.release import new_run_id, release
from bucketwheel.protocol.repository import first_settings
from bucketwheel.storage import Key, ObjectHeaders, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.memory import MemoryStorage
from support.releasing import (
    context_for,
    manifest_of,
    page_json,
    place_of,
    release_files,
    request_for,
    target_of,
    upload_of,
)
from support.tampering import check_store, codes, overwrite, put, remove, stored, write_manifest

WHEEL, SDIST = "demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"
FOLDER = "simple/demo-pkg"


def promote(
    source: Storage,
    target: Storage,
    *releases: tuple[str, str],
    dry_run: bool = False,
    create_repository: bool = True,
    events: list[Event] | None = None,
) -> Promotion:
    """Promote with one set of workers, as one command does."""
    wanted = releases or (("demo-pkg", "1.0"),)
    report = ignore if events is None else events.append
    first = first_settings(place_of(target), {}) if create_repository else None
    with context_for(target, report=report, dry_run=dry_run) as context:
        return promote_releases(target_of(source), context, wanted, first=first, run_id=new_run_id(None))


def entries(storage: Storage, project: str = "demo-pkg") -> dict[str, PublishedFile]:
    """Return a project's entries by file name."""
    return {file.filename: file for file in manifest_of(storage, project).files}


def change_files(storage: Storage, *filenames: str, **facts: object) -> None:
    """Change these facts of some entries."""

    def changed(file: PublishedFile) -> PublishedFile:
        return replace(file, **facts) if file.filename in filenames else file  # type: ignore[arg-type]  # by name

    write_manifest(storage, "demo-pkg", lambda manifest: replace(manifest, files=tuple(map(changed, manifest.files))))


@pytest.fixture(params=["memory", "directory"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give a repository with a signed and attested wheel, a yanked sdist, and another version."""
    storage: Storage = MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "source")
    wheel, sdist = make_wheel(tmp_path, requires_python=">=3.9"), make_sdist(tmp_path)
    releasing = request_for(sdist, make_wheel(tmp_path, version="0.9"), place=place_of(storage))
    signed = replace(upload_of(wheel), signature=b"-----BEGIN PGP", provenance=b'{"version":1}')
    with context_for(storage) as context:
        release(context, replace(releasing, uploads=(*releasing.uploads, signed)))
    change_files(storage, SDIST, yanked="no longer builds")
    return storage


@pytest.fixture(params=["memory", "directory"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give an empty store of either kind."""
    return MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "target")


def test_a_release_arrives_with_all_that_goes_with_it(source: Storage, target: Storage) -> None:
    """Bytes, metadata, signature, attestations, requires-python and yanks are the same; the time is the arrival's."""
    before = {listed.key: stored(source, listed.key).body for listed in source.list("")}
    began = upload_time(datetime.now(UTC))
    promotion = promote(source, target)
    assert [(file.filename, file.fate, file.yanked) for file in promotion.files] == [
        (WHEEL, "promoted", None),
        (SDIST, "promoted", "no longer builds"),
    ]
    assert promotion.created
    here, there = entries(source), entries(target)
    assert set(there) == {WHEEL, SDIST}
    for name in there:
        assert began <= there[name].upload_time <= upload_time(datetime.now(UTC))
        assert len(there[name].by) == 32
        assert there[name] == replace(here[name], upload_time=there[name].upload_time, by=there[name].by)
    for ending in ("", ".metadata", ".asc", ".provenance"):
        key = f"{FOLDER}/{WHEEL}{ending}"
        assert stored(target, key).body == stored(source, key).body
    assert page_json(target, "demo-pkg")["versions"] == ["1.0"]
    assert codes(check_store(target, deep=True)) == {"attestations-bad"}  # what the test made is none
    assert {listed.key: stored(source, listed.key).body for listed in source.list("")} == before


def test_what_is_there_with_the_same_bytes_is_done(source: Storage, target: Storage) -> None:
    """The same promotion again says so and writes nothing."""
    promote(source, target)
    before = {listed.key: stored(target, listed.key).body for listed in target.list("")}
    promotion = promote(source, target)
    assert [file.fate for file in promotion.files] == ["already-exists", "already-exists"]
    assert not promotion.created
    assert {listed.key: stored(target, listed.key).body for listed in target.list("")} == before


def test_other_bytes_are_refused_before_anything_is_sent(source: Storage, target: Storage, tmp_path: Path) -> None:
    """One name that is taken by other bytes keeps the whole release back."""
    other = make_wheel(tmp_path / "other", metadata_extra="Summary: another\n")
    release_files(target, other)
    before = [listed.key for listed in target.list("")]
    with pytest.raises(Refused, match="already exists with other bytes"):
        promote(source, target)
    assert [listed.key for listed in target.list("")] == before


def test_several_projects_are_one_commit_each(source: Storage, target: Storage, tmp_path: Path) -> None:
    """All files of a project become visible at once, whatever their versions."""
    release_files(source, make_wheel(tmp_path, "zoo", "2"))
    promotion = promote(source, target, ("demo-pkg", "1.0"), ("Demo.Pkg", "0.9.0"), ("zoo", "2"))
    assert len(promotion.files) == 4
    assert (manifest_of(target, "demo-pkg").revision, manifest_of(target, "zoo").revision) == (1, 1)
    assert page_json(target, "demo-pkg")["versions"] == ["0.9", "1.0"]


def test_a_dry_run_writes_nothing(source: Storage, target: Storage) -> None:
    """A dry run says what would be promoted, and which pages would change."""
    promotion = promote(source, target, dry_run=True)
    assert [file.fate for file in promotion.files] == ["promoted", "promoted"]
    assert promotion.created
    assert f"{FOLDER}/index.json" in promotion.pages
    assert list(target.list("")) == []


def test_nothing_is_made_where_that_is_forbidden(source: Storage, target: Storage) -> None:
    """With --no-create a target that is no repository is refused."""
    with pytest.raises(Refused, match="no-create is set"):
        promote(source, target, create_repository=False)
    assert list(target.list("")) == []


def test_hidden_files_stay_behind(source: Storage, target: Storage) -> None:
    """Hidden files are not promoted, with a warning; a version with nothing else is refused."""
    change_files(source, SDIST, "demo_pkg-0.9-py3-none-any.whl", hidden=True)
    events: list[Event] = []
    promote(source, target, events=events)
    assert set(entries(target)) == {WHEEL}
    assert Warned(message=f"{SDIST} is hidden and is not promoted") in events
    with pytest.raises(Refused, match=r"demo-pkg==0.9 has only hidden files"):
        promote(source, target, ("demo-pkg", "0.9"))


def test_what_cannot_be_promoted_is_refused_all_at_once(source: Storage, target: Storage, tmp_path: Path) -> None:
    """The error names every problem of every release, and nothing is written."""
    release_files(source, make_wheel(tmp_path, "zoo", "2"), make_wheel(tmp_path, "unsafe", "3"))
    write_manifest(source, "zoo", lambda m: replace(m, files=(), missing=m.files))
    write_manifest(source, "unsafe", lambda m: replace(m, status=Status(status="quarantined")))
    with pytest.raises(Refused) as refused:
        promote(source, target, ("zoo", "2"), ("unsafe", "3"), ("demo-pkg", "7"), ("nothing", "1"))
    assert [(problem.subject, problem.what.partition(" in ")[0]) for problem in refused.value.problems] == [
        ("zoo-2-py3-none-any.whl", f"is missing: somebody removed it from {place_of(source)}"),
        ("unsafe", "is quarantined"),
        ("demo-pkg==7", "is not"),
        ("nothing==1", "is not"),
    ]
    assert list(target.list("")) == []


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"url": "https://files.example/x.whl"}, "is outside its repository"),
        ({"filename": "demo_pkg-1.0.tar.bz2"}, "is not a wheel"),
        ({"filename": "other-1.0.tar.gz"}, "has the name of a file of other"),
    ],
    ids=["elsewhere", "legacy", "misnamed"],
)
def test_an_adopted_file_that_could_not_be_published_is_refused(
    source: Storage, target: Storage, facts: dict[str, str], problem: str
) -> None:
    """A file with a URL, or with a name that no new file may have, is refused."""
    change_files(source, SDIST, **facts)
    with pytest.raises(Refused, match=problem):
        promote(source, target)


@pytest.mark.parametrize(
    ("ending", "body", "problem"),
    [
        ("", None, "is not there"),
        ("", b"cut", "has 3 bytes and not"),
        (".metadata", None, "is not there"),
        (".metadata", b"Name: other", "has other bytes"),
        (".asc", None, "is not there"),
        (".provenance", None, "is not there"),
    ],
)
def test_a_broken_source_is_refused_before_anything_is_sent(
    source: Storage, target: Storage, ending: str, body: bytes | None, problem: str
) -> None:
    """The source must have what its entry promises, or the target would promise it too."""
    key = f"{FOLDER}/{WHEEL}{ending}"
    if body is None:
        remove(source, key)
    else:
        overwrite(source, key, body)
    with pytest.raises(Refused, match=problem) as refused:
        promote(source, target)
    assert refused.value.problems[0].subject == key
    assert list(target.list("")) == []


def test_other_bytes_of_the_right_size_never_arrive(source: Storage, target: Storage) -> None:
    """The digest of what is streamed is compared on the way: nothing is committed."""
    key = f"{FOLDER}/{WHEEL}"
    overwrite(source, key, bytes(reversed(stored(source, key).body)))
    with pytest.raises(Refused, match="has other bytes than its repository says"):
        promote(source, target)
    assert target.stat(Key("_bucketwheel/manifests/demo-pkg.json")) is None
    assert target.stat(Key(key)) is None


def test_no_temporary_file_is_left(
    source: Storage, target: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamed bytes are on this machine only for a while."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    promote(source, target)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_machine_without_room_is_told_so(
    source: Storage, target: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no temporary file can be created, the error names a remedy."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(Exception, match="name another in TMPDIR"):
        promote(source, target)


@dataclass(slots=True)
class Contested(MemoryStorage):
    """A store in which somebody else publishes a file just before the first distribution is added."""

    paths: list[Path] = field(default_factory=list)

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Let the other publish, then add."""
        if key.endswith((".whl", ".tar.gz")) and self.paths:
            path = self.paths.pop()
            release_files(self, path, run_id="somebody else")
        return MemoryStorage.add(self, key, body, sha256=sha256, headers=headers, marks=marks)


def test_of_two_with_the_same_bytes_one_wins_and_both_are_content(source: Storage, tmp_path: Path) -> None:
    """Somebody publishes the very file meanwhile: the promotion finds it there."""
    target = Contested(paths=[tmp_path / WHEEL])
    promote(source, target)
    assert entries(target)[WHEEL].by == "somebody else"
    assert set(entries(target)) == {WHEEL, SDIST}
    assert page_json(target, "demo-pkg")["versions"] == ["1.0"]


def test_of_two_with_other_bytes_the_later_is_refused(source: Storage, tmp_path: Path) -> None:
    """Somebody publishes other bytes meanwhile: their release stays, and nothing is promoted."""
    other = make_wheel(tmp_path / "other", metadata_extra="Summary: another\n")
    target = Contested(paths=[other])
    with pytest.raises(Refused, match="already exists with other bytes"):
        promote(source, target)
    assert entries(target)[WHEEL].sha256 == hashlib.sha256(other.read_bytes()).hexdigest()
    assert set(entries(target)) == {WHEEL}
    assert page_json(target, "demo-pkg")["versions"] == ["1.0"]


def test_attestations_that_exist_already_are_the_ones_that_count(source: Storage, target: Storage) -> None:
    """Attestations of a run that died stay, and the entry records their digest."""
    promote(source, target, ("demo-pkg", "0.9"))
    put(target, f"{FOLDER}/{WHEEL}.provenance", b"left by another run")
    promote(source, target)
    assert entries(target)[WHEEL].provenance_sha256 == sha256_of(b"left by another run")
    assert check_store(target).findings == ()


def test_a_file_with_a_key_of_its_own_is_found_there(source: Storage, target: Storage) -> None:
    """A file comes from any key of the source, and arrives at the usual key."""
    key = Key("whl/cu129/demo_pkg-1.0.tar.gz")
    put(source, key, stored(source, f"{FOLDER}/{SDIST}").body)
    remove(source, f"{FOLDER}/{SDIST}")
    change_files(source, SDIST, key=key, seen="x")
    promote(source, target)
    assert (entries(target)[SDIST].key, entries(target)[SDIST].seen) == (None, None)
    assert target.stat(Key(f"{FOLDER}/{SDIST}")) is not None


@pytest.mark.parametrize("release", [("demo pkg", "1.0"), ("demo-pkg", "one")], ids=["name", "version"])
def test_what_is_no_release_is_usage(source: Storage, target: Storage, release: tuple[str, str]) -> None:
    """A name or version that cannot exist is a usage error."""
    with pytest.raises(Misconfigured):
        promote(source, target, release)


def test_progress_reaches_the_size_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are received and then sent by this machine are a file's bytes once."""
    monkeypatch.setattr("bucketwheel.storage.progress._INTERVAL", 0.0)
    wheel = make_wheel(tmp_path)
    here, there = (
        load_settings(tmp_path, options={"repository": str(tmp_path / name)}, required=("repository",))
        for name in ("here", "there")
    )
    publish([wheel], here)
    events: list[Event] = []
    bucketwheel_promote([("demo-pkg", "1.0")], here, there, report=events.append)
    begin = next(number for number, event in enumerate(events) if isinstance(event, FileStarted))  # read before to plan
    moved = [event.count for event in events[begin:] if isinstance(event, BytesMoved) and event.name == WHEEL]
    assert wheel.stat().st_size - sum(moved) in {0, 1}
