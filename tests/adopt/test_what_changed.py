"""Files that others removed or overwrote, and what --reread believes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from bucketwheel.errors import Damaged, Unfinished
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import DeletedFile, Manifest
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.storage import Key, ObjectHeaders, ObjectInfo, ObjectVersion, Storage
from support.adopting import Recorded, adopt_all, fates, make_repository
from support.archives import make_sdist, make_wheel
from support.memory import MemoryStorage
from support.releasing import manifest_of, page_json, release_files
from support.tampering import own_marks, put, remove, state, write_manifest

DEMO = ProjectName("demo-pkg")
KEY = Key("simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl")


def with_files(**facts: object) -> Callable[[Manifest], Manifest]:
    """Return a change of these facts of every file."""
    return lambda manifest: replace(
        manifest,
        files=tuple(replace(file, **facts) for file in manifest.files),  # type: ignore[arg-type]  # facts by name
    )


def test_a_file_that_was_removed_is_missing_and_off_the_pages(storage: Storage, tmp_path: Path) -> None:
    """The entry is kept, whole, and its name stays taken; the same bytes bring it back with all that it was."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel, make_sdist(tmp_path))
    write_manifest(storage, "demo-pkg", with_files(yanked="broken"))
    before = manifest_of(storage, "demo-pkg")
    remove(storage, KEY, f"{KEY}.metadata")
    assert fates(adopt_all(storage)) == {KEY: "missing"}
    missing = manifest_of(storage, "demo-pkg")
    assert missing.missing == before.files[:1]
    assert [file["filename"] for file in page_json(storage, "demo-pkg")["files"]] == ["demo_pkg-1.0.tar.gz"]
    assert adopt_all(storage).files == ()
    put(storage, KEY, wheel)
    assert fates(adopt_all(storage)) == {KEY: "back"}
    back = manifest_of(storage, "demo-pkg").files[0]
    assert back == replace(before.files[0], by=back.by, seen=back.seen)
    assert page_json(storage, "demo-pkg")["files"][0]["yanked"] == "broken"


@pytest.mark.parametrize("instead", [None, b"other bytes"])
def test_a_file_whose_bytes_are_where_a_publisher_stepped_aside_is_listed_there(
    storage: Storage, tmp_path: Path, instead: bytes | None
) -> None:
    """One adoption finds them, whether its own key is empty or has other bytes now; a second one writes nothing."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    before = manifest_of(storage, "demo-pkg").files[0]
    remove(storage, KEY)
    if instead is not None:
        put(storage, KEY, instead)
    aside = put(storage, f"simple/demo-pkg/{before.sha256}/{wheel.name}", wheel)
    assert fates(adopt_all(storage)) == {aside: "back"} | ({} if instead is None else {KEY: "other bytes"})
    after = manifest_of(storage, "demo-pkg")
    assert (after.files[0].key, after.files[0].sha256, after.missing) == (aside, before.sha256, ())
    adopt_all(storage)
    assert manifest_of(storage, "demo-pkg").revision == after.revision


def test_a_copy_of_a_file_that_is_in_its_place_changes_nothing(storage: Storage, tmp_path: Path) -> None:
    """Also when every file is read again."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    before = manifest_of(storage, "demo-pkg")
    put(storage, f"simple/demo-pkg/{before.files[0].sha256}/{wheel.name}", wheel)
    assert adopt_all(storage, reread=True).files == ()
    assert manifest_of(storage, "demo-pkg") == before


def test_the_bytes_of_a_missing_file_count_with_our_mark_too(tmp_path: Path) -> None:
    """A publisher put them back and died before its commit."""
    storage, wheel = MemoryStorage(), make_wheel(tmp_path)
    release_files(storage, wheel)
    remove(storage, KEY)
    adopt_all(storage)
    put(storage, KEY, wheel, own_marks(storage, wheel.read_bytes()))
    assert fates(adopt_all(storage)) == {KEY: "back"}
    assert manifest_of(storage, "demo-pkg").files[0].seen is None


def test_other_bytes_never_come_back_under_a_missing_name(storage: Storage, tmp_path: Path) -> None:
    """Of the same length or not: reported, and nothing is done."""
    release_files(storage, make_wheel(tmp_path))
    body = make_wheel(tmp_path).read_bytes()
    remove(storage, KEY)
    adopt_all(storage)
    for other in (b"something else", body[:-1] + b"\x01"):
        put(storage, KEY, other)
        adopted = adopt_all(storage)
        assert fates(adopted) == {KEY: "contested"}
        assert adopted.needs_a_person
        assert len(manifest_of(storage, "demo-pkg").missing) == 1


def test_bytes_that_changed_are_reported_and_taken_off_the_pages(storage: Storage, tmp_path: Path) -> None:
    """The listing shows it for an adopted file, of any length; the new content is never taken in."""
    wheel = make_wheel(tmp_path)
    put(storage, KEY, wheel)
    make_repository(storage)
    adopt_all(storage)
    body = wheel.read_bytes()
    put(storage, KEY, body[:-1] + b"\x01")
    adopted = adopt_all(storage)
    assert fates(adopted) == {KEY: "other bytes"}
    assert adopted.needs_a_person
    assert page_json(storage, "demo-pkg")["files"] == []
    assert fates(adopt_all(storage)) == {KEY: "contested"}
    put(storage, KEY, body)
    assert fates(adopt_all(storage)) == {KEY: "back"}


def test_a_published_file_that_changed_is_found_by_its_length_or_by_reading_it_again(
    storage: Storage, tmp_path: Path
) -> None:
    """We keep no etag of our own files: a listing shows another length, and --reread other bytes."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    put(storage, KEY, wheel.read_bytes()[:-1] + b"\x01")
    assert adopt_all(storage).files == ()
    assert fates(adopt_all(storage, reread=True)) == {KEY: "other bytes"}
    put(storage, KEY, wheel)
    adopt_all(storage)
    put(storage, KEY, b"shorter")
    assert fates(adopt_all(storage)) == {KEY: "other bytes"}


def test_without_a_digest_of_the_stores_the_bytes_decide(tmp_path: Path) -> None:
    """Of the same length and with other content, in a store that keeps no digest and lost the marks."""
    storage, wheel = Recorded(), make_wheel(tmp_path)
    release_files(storage, wheel)
    put(storage, KEY, wheel.read_bytes())
    assert adopt_all(storage, reread=True).files == ()
    put(storage, KEY, wheel.read_bytes()[:-1] + b"\x01")
    assert fates(adopt_all(storage, reread=True)) == {KEY: "other bytes"}


def test_a_file_that_goes_while_it_is_read_is_missing(tmp_path: Path) -> None:
    """Somebody removed it between stat and read; the adoption goes on."""

    class Vanishing(Recorded):
        @contextmanager
        def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
            self.objects.pop(key, None)
            with super().open(key, start, end) as stream:
                yield stream

    storage = Vanishing()
    release_files(storage, make_wheel(tmp_path))
    put(storage, KEY, make_wheel(tmp_path))
    assert fates(adopt_all(storage, reread=True)) == {KEY: "missing"}


def test_rereading_believes_time_yank_and_deletion_only(storage: Storage, tmp_path: Path) -> None:
    """Everything else in the manifest is read from the bucket."""
    wheel = make_wheel(tmp_path, requires_python=">=3.9")
    release_files(storage, wheel)
    right = manifest_of(storage, "demo-pkg").files[0]
    told = {"upload_time": "2020-01-01T00:00:00.000000Z", "yanked": "broken", "hidden": False}
    dead = DeletedFile(filename="demo_pkg-0.1.tar.gz", version="0.1", sha256=Sha256("0" * 64), by="x")
    put(storage, "demo_pkg-0.1.tar.gz", b"dead")
    wrong = {"requires_python": ">=2", "metadata_sha256": Sha256("1" * 64), "gpg_sig": True}

    def wrongly(manifest: Manifest) -> Manifest:
        return replace(with_files(**told, **wrong)(manifest), deleted=(dead,))

    write_manifest(storage, "demo-pkg", wrongly)
    assert fates(adopt_all(storage, reread=True)) == {KEY: "updated"}
    after = manifest_of(storage, "demo-pkg")
    assert after.files == (replace(right, upload_time="2020-01-01T00:00:00.000000Z", yanked="broken"),)
    assert after.deleted == (dead,)


def test_a_file_outside_the_repository_is_not_looked_for(storage: Storage, tmp_path: Path) -> None:
    """An entry with a URL has no object here."""
    release_files(storage, make_wheel(tmp_path))
    elsewhere = {"url": "https://files.example/demo_pkg-1.0-py3-none-any.whl", "metadata_sha256": None}
    write_manifest(storage, "demo-pkg", with_files(**elsewhere))
    remove(storage, KEY, f"{KEY}.metadata")
    assert adopt_all(storage).files == ()
    assert adopt_all(storage, reread=True).files == ()


def test_the_same_bytes_written_again_change_nothing_but_the_memory_of_them(tmp_path: Path) -> None:
    """An object may have a new etag and the same bytes, as after a copy in parts."""
    storage, wheel = MemoryStorage(), make_wheel(tmp_path)
    put(storage, KEY, wheel)
    make_repository(storage)
    adopt_all(storage)
    write_manifest(storage, "demo-pkg", with_files(seen="what it was before the copy"))
    before = manifest_of(storage, "demo-pkg").files[0]
    assert fates(adopt_all(storage)) == {KEY: "updated"}
    after = manifest_of(storage, "demo-pkg").files[0]
    assert after == replace(before, seen=after.seen)
    assert adopt_all(storage).files == ()


class Busy(MemoryStorage):
    """A store in which somebody else commits just before our swap of the manifest."""

    def __init__(self) -> None:
        super().__init__()
        self.before_swap: list[Callable[[], None]] = []

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Let the other commit first."""
        while key == manifest_key(DEMO) and self.before_swap:
            self.before_swap.pop()()
        return super().swap(key, body, expected=expected, headers=headers, marks=marks)


def test_a_lost_swap_starts_again(tmp_path: Path) -> None:
    """A commit in between is kept and counts: listing and inspection are made again."""
    storage, wheel, newer = Busy(), make_wheel(tmp_path), make_wheel(tmp_path, version="1.1")
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    put(storage, KEY, wheel)
    storage.before_swap.append(lambda: void(release_files(storage, newer)))
    assert fates(adopt_all(storage)) == {KEY: "taken in"}
    assert [file.version for file in manifest_of(storage, "demo-pkg").files] == ["0.9", "1.0", "1.1"]
    remove(storage, KEY)
    storage.before_swap.append(lambda: void(put(storage, KEY, wheel)))
    storage.before_swap.append(lambda: write_manifest(storage, "demo-pkg", lambda manifest: manifest))
    assert adopt_all(storage).files == (), "it was there again at the second listing"
    assert page_json(storage, "demo-pkg")["versions"] == ["0.9", "1.0", "1.1"]


def void(_: object) -> None:
    """Forget a result."""


def test_a_file_that_the_stat_finds_is_not_missing(tmp_path: Path) -> None:
    """A listing may be older than the object: absent is only what both listing and stat do not find."""

    class Late(MemoryStorage):
        def stat(self, key: Key) -> ObjectInfo | None:
            if key == KEY and key not in self.objects:
                put(Later(self.objects), key, make_wheel(tmp_path))
            return super().stat(key)

    class Later(MemoryStorage):
        pass

    storage = Late()
    release_files(storage, make_wheel(tmp_path))
    remove(storage, KEY)
    assert adopt_all(storage).files == ()
    assert len(manifest_of(storage, "demo-pkg").files) == 1


def test_a_damaged_manifest_holds_up_its_own_project_only(storage: Storage, tmp_path: Path) -> None:
    """The others are adopted, and the exit says that not everything is."""
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, "another"))
    whole = storage.read(manifest_key(DEMO))
    assert whole is not None
    put(storage, manifest_key(DEMO), b"{")
    with pytest.raises(Damaged, match="the manifest of demo-pkg cannot be read"):
        adopt_all(storage)
    newer = make_wheel(tmp_path, "another", "1.1")
    put(storage, newer.name, newer)
    with pytest.raises(Unfinished, match=r"adopted: another; .*the manifest of demo-pkg cannot be read"):
        adopt_all(storage)
    assert page_json_versions(storage, "another") == ["1.0", "1.1"]


def page_json_versions(storage: Storage, project: str) -> list[str]:
    """Return the versions that a manifest has."""
    return [file.version for file in manifest_of(storage, project).files]


def test_an_adoption_that_was_interrupted_is_finished_by_the_next(storage: Storage, tmp_path: Path) -> None:
    """After a commit without pages, only the pages are left to write."""
    put(storage, KEY, make_wheel(tmp_path))
    make_repository(storage)
    adopt_all(storage)
    pages = [key for key in state(storage) if key.endswith((".json", "/", ".html")) and key.startswith("simple/")]
    remove(storage, *pages)
    adopted = adopt_all(storage)
    assert (adopted.files, adopted.pages_behind) == ((), 2)
    assert set(pages) <= set(state(storage))
    roots = [key for key in pages if key.count("/") == 1]
    remove(storage, *roots)
    adopt_all(storage)
    assert set(roots) <= set(state(storage))
