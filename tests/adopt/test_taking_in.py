"""Files that others put into the bucket: in a store with marks, and in a directory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Refused
from bucketwheel.format.layout import file_marks, manifest_key
from bucketwheel.format.manifest import DeletedFile, Status
from bucketwheel.frontends.text import text
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.adopting import Recorded, adopt_all, fates, make_repository
from support.archives import make_sdist, make_wheel, metadata_text, zipped
from support.memory import MemoryStorage
from support.releasing import manifest_of, page_json, release_files
from support.tampering import own_marks, put, remove, state, write_manifest

DEMO = ProjectName("demo-pkg")
FOLDER = "simple/demo-pkg/"
WHEEL = "demo_pkg-1.0-py3-none-any.whl"


def test_files_of_others_come_in_with_all_that_an_index_says(storage: Storage, tmp_path: Path) -> None:
    """A wheel and an sdist: digest, size, time, Requires-Python, and the sidecar that the wheel lacked."""
    wheel, sdist = make_wheel(tmp_path, requires_python=">=3.9"), make_sdist(tmp_path, requires_python=">=3.10")
    keys = [put(storage, FOLDER + path.name, path) for path in (wheel, sdist)]
    make_repository(storage)
    adopted = adopt_all(storage)
    assert fates(adopted) == dict.fromkeys(keys, "taken in")
    page = page_json(storage, "demo-pkg")
    assert [file["filename"] for file in page["files"]] == [wheel.name, sdist.name]
    assert [file["requires-python"] for file in page["files"]] == [">=3.9", ">=3.10"]
    assert [file["hashes"]["sha256"] for file in page["files"]] == [
        sha256_of(wheel.read_bytes()),
        sha256_of(sdist.read_bytes()),
    ]
    assert "core-metadata" in page["files"][0]
    assert "core-metadata" not in page["files"][1]
    for key, entry in zip(keys, manifest_of(storage, "demo-pkg").files, strict=True):
        seen = storage.stat(key)
        assert seen is not None
        assert seen.modified is not None
        assert entry.upload_time == seen.modified.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    root = storage.read(Key("simple/index.json"))
    assert root is not None
    assert json.loads(root.body)["projects"] == [{"name": "demo-pkg"}]


def test_a_second_run_writes_nothing(storage: Storage, tmp_path: Path) -> None:
    """Neither for everything, nor for one project, nor with --reread."""
    for path in (make_wheel(tmp_path), make_sdist(tmp_path), make_wheel(tmp_path, "another")):
        put(storage, path.name, path)
    put(storage, FOLDER + "demo_pkg-0.1.tar.bz2", b"not looked into")
    make_repository(storage)
    adopt_all(storage)
    before = state(storage)
    for again in (adopt_all(storage), adopt_all(storage, "demo-pkg"), adopt_all(storage, reread=True)):
        assert again.files == ()
        assert again.pages_behind == 0
    assert state(storage) == before


def test_files_stay_where_they_are(storage: Storage, tmp_path: Path) -> None:
    """In a folder of any spelling, and in a pile: entries say where, and links lead there."""
    wheel = make_wheel(tmp_path, "My.Pkg_Name")
    spelled = put(storage, f"simple/My.Pkg-Name/{wheel.name}", wheel)
    pile = make_sdist(tmp_path, "My.Pkg_Name", "1.1")
    top = put(storage, pile.name, pile)
    make_repository(storage)
    adopt_all(storage)
    entries = manifest_of(storage, "my-pkg-name").files
    assert [entry.key for entry in entries] == [spelled, top]
    page = storage.read(Key("simple/my-pkg-name/index.json"))
    assert page is not None
    assert [file["url"] for file in json.loads(page.body)["files"]] == [
        f"../My.Pkg-Name/{wheel.name}",
        f"../../{pile.name}",
    ]


@pytest.mark.parametrize("simple", ["simple/", ""])
def test_an_index_may_begin_at_the_top(tmp_path: Path, simple: str) -> None:
    """A pile and project folders at the top of the repository, as some tools make them."""
    storage, wheel = MemoryStorage(), make_wheel(tmp_path)
    top = put(storage, wheel.name, wheel)
    make_repository(storage, simple=simple)
    adopt_all(storage)
    entry = manifest_of(storage, "demo-pkg").files[0]
    assert entry.key == top
    assert storage.read(Key(f"{simple}demo-pkg/index.json")) is not None


def test_what_no_new_file_could_be_stays_and_is_marked(storage: Storage, tmp_path: Path) -> None:
    """Old forms, broken archives and metadata of something else are listed as before, without a sidecar."""
    wrong_wheel = make_wheel(tmp_path, "other", filename="demo_pkg-3.0-py3-none-any.whl")
    legacy = {
        put(storage, FOLDER + "demo_pkg-0.1.tar.bz2", b"BZh"): "does not have the name of a wheel or an sdist",
        put(storage, FOLDER + "demo_pkg-2.0-py3-none-any.whl", b"just text"): "is not a ZIP archive, or is cut off",
        put(storage, FOLDER + "demo_pkg-2.0.tar.gz", b"just text"): "is not a gzipped tar archive",
        put(storage, FOLDER + wrong_wheel.name, wrong_wheel): "something else",
    }
    make_repository(storage)
    adopted = adopt_all(storage)
    assert {file.key: file.fate for file in adopted.files} == dict.fromkeys(legacy, "taken in")
    for file in adopted.files:
        assert legacy[file.key] in (file.legacy or "")
    assert not any(key.endswith(".metadata") for key in state(storage))
    assert sorted(file["filename"] for file in page_json(storage, "demo-pkg")["files"]) == sorted(
        key.removeprefix(FOLDER) for key in legacy
    )


def test_what_cannot_be_the_projects_is_left_out_and_named(storage: Storage, tmp_path: Path) -> None:
    """Another project's file, one too deep, and one far from the index."""
    put(storage, FOLDER + WHEEL, make_wheel(tmp_path))
    other = make_wheel(tmp_path, "other")
    left = {
        put(storage, FOLDER + other.name, other): "cannot be a distribution of demo-pkg",
        put(storage, f"{FOLDER}old/{WHEEL}", b"x"): "is where an index has no files, and no page links to it",
        put(storage, f"backup/simple/{WHEEL}", b"x"): "is where an index has no files, and no page links to it",
    }
    make_repository(storage)
    adopted = adopt_all(storage)
    assert {file.key: file.note for file in adopted.files if file.fate == "left out"} == left
    assert not adopted.needs_a_person
    assert [file["filename"] for file in page_json(storage, "demo-pkg")["files"]] == [WHEEL]


def test_a_folder_aside_is_named_after_its_bytes(storage: Storage, tmp_path: Path) -> None:
    """A file in a folder that begins with its sha256 counts, and no other file in such a folder."""
    wheel, sdist = make_wheel(tmp_path), make_sdist(tmp_path)
    right = put(storage, f"{FOLDER}{sha256_of(wheel.read_bytes())}-2/{wheel.name}", wheel)
    wrong = put(storage, f"{FOLDER}{'0' * 64}/{sdist.name}", sdist)
    make_repository(storage)
    adopted = adopt_all(storage)
    assert fates(adopted) == {right: "taken in", wrong: "left out"}
    assert [(file.filename, file.key) for file in manifest_of(storage, "demo-pkg").files] == [(wheel.name, right)]


def test_of_two_with_different_bytes_neither_comes_in(storage: Storage, tmp_path: Path) -> None:
    """A person must choose; of two with the same bytes the one at the usual key is taken."""
    wheel, other = make_wheel(tmp_path / "1"), make_wheel(tmp_path / "2", metadata_extra="Summary: rebuilt\n")
    usual, top = put(storage, FOLDER + wheel.name, wheel), put(storage, wheel.name, other)
    sdist = make_sdist(tmp_path)
    same = [put(storage, sdist.name, sdist), put(storage, FOLDER + sdist.name, sdist)]
    put(storage, f"{FOLDER}demo_pkg-0.9.tar.gz", make_sdist(tmp_path, version="0.9"))
    make_repository(storage)
    first = adopt_all(storage)
    assert fates(first) == {usual: "contested", top: "contested"}
    assert first.needs_a_person
    assert storage.read(manifest_key(DEMO)) is None, "a project comes in as a whole, or stays as it is"
    remove(storage, top)
    adopt_all(storage)
    assert {file.filename: file.key for file in manifest_of(storage, "demo-pkg").files} == {
        "demo_pkg-0.9.tar.gz": None,
        wheel.name: None,
        sdist.name: None,
    }
    put(storage, "demo_pkg-5.0.tar.gz", b"one")
    put(storage, FOLDER + "demo_pkg-5.0.tar.gz", b"another")
    put(storage, FOLDER + "demo_pkg-6.0.tar.gz", b"beside them")
    assert set(fates(adopt_all(storage)).values()) == {"contested", "taken in"}
    assert len(manifest_of(storage, "demo-pkg").files) == 4
    assert same[0] in state(storage), "what is not needed is not removed either"


def test_names_that_were_deleted_stay_dead(storage: Storage, tmp_path: Path) -> None:
    """No bytes come back under a deleted name, nor from a dead key."""
    wheel, sdist = make_wheel(tmp_path), make_sdist(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    put(storage, wheel.name, wheel)
    dead = put(storage, FOLDER + sdist.name, sdist)
    deleted = DeletedFile(filename=wheel.name, version="1.0", sha256=Sha256("0" * 64), by="x")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, deleted=(deleted,), dead_keys=(dead,)))
    assert adopt_all(storage, ours=True).files == ()
    assert [file.version for file in manifest_of(storage, "demo-pkg").files] == ["0.9"]


def test_names_that_were_deleted_or_lost_stay_dead_in_any_spelling(storage: Storage, tmp_path: Path) -> None:
    """Other bytes do not come in under another spelling of a deleted name, or of a missing file's."""
    release_files(storage, make_wheel(tmp_path, version="0.9"), make_sdist(tmp_path))
    deleted = DeletedFile(filename="demo_pkg-2.0.tar.gz", version="2.0", sha256=Sha256("0" * 64), by="x")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, deleted=(deleted,)))
    remove(storage, f"{FOLDER}demo_pkg-1.0.tar.gz")
    put(storage, "Demo.Pkg-2.0.tar.gz", make_sdist(tmp_path, version="2.0"))
    put(storage, "Demo.Pkg-1.0.tar.gz", make_sdist(tmp_path / "again", metadata_extra="Summary: rebuilt\n"))
    adopted = fates(adopt_all(storage, ours=True))
    assert {adopted["Demo.Pkg-2.0.tar.gz"], adopted["Demo.Pkg-1.0.tar.gz"]} == {"left out"}
    assert [file.version for file in manifest_of(storage, "demo-pkg").files] == ["0.9"]


def test_what_a_publisher_has_not_finished_is_left_alone(tmp_path: Path) -> None:
    """Our mark without an entry: its publisher is at work, or died; taken in only with --ours."""
    storage, wheel = MemoryStorage(), make_wheel(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    key = put(storage, FOLDER + wheel.name, wheel.read_bytes(), own_marks(storage, wheel.read_bytes()))
    adopted = adopt_all(storage)
    assert fates(adopted) == {key: "left out"}
    assert "has not finished" in adopted.files[0].note
    assert [file.version for file in manifest_of(storage, "demo-pkg").files] == ["0.9"]
    assert fates(adopt_all(storage, ours=True)) == {key: "taken in"}
    assert manifest_of(storage, "demo-pkg").files[1].seen is None


def test_a_mark_of_another_repository_is_no_mark_of_ours(tmp_path: Path) -> None:
    """Files that were copied from another repository come in."""
    storage, wheel = MemoryStorage(), make_wheel(tmp_path)
    make_repository(storage)
    marks = file_marks(repository="another", run_id="a call", sha256=sha256_of(wheel.read_bytes()))
    key = put(storage, FOLDER + wheel.name, wheel.read_bytes(), marks)
    assert fates(adopt_all(storage)) == {key: "taken in"}


def test_a_directory_asks_before_it_takes_anything_in(tmp_path: Path) -> None:
    """Without marks a file may be a publisher's that is at work: listed, not even read, and nothing is written."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    wheel = make_wheel(tmp_path)
    key = put(storage, FOLDER + wheel.name, wheel)
    make_repository(storage)
    before = state(storage)
    assert fates(adopt_all(storage, yes=False)) == {key: "waiting"}
    assert state(storage) == before
    assert fates(adopt_all(storage, yes=True)) == {key: "taken in"}
    remove(storage, key)
    assert fates(adopt_all(storage, yes=False)) == {key: "missing"}
    put(storage, key, wheel)
    assert fates(adopt_all(storage, yes=False)) == {key: "back"}, "these very bytes were known"


def test_a_dry_run_says_it_all_and_writes_nothing(storage: Storage, tmp_path: Path) -> None:
    """Not even a sidecar."""
    wheel = make_wheel(tmp_path)
    key = put(storage, FOLDER + wheel.name, wheel)
    make_repository(storage)
    before = state(storage)
    adopted = adopt_all(storage, dry_run=True)
    assert (fates(adopted), adopted.pages_behind, adopted.dry_run) == ({key: "taken in"}, 1, True)
    assert state(storage) == before


def test_sidecars_are_found_in_the_same_listing(storage: Storage, tmp_path: Path) -> None:
    """A signature, attestations and the file's own metadata; each of them later too, and gone again."""
    wheel = make_wheel(tmp_path, requires_python=">=3.9")
    key = put(storage, FOLDER + wheel.name, wheel)
    make_repository(storage)
    adopt_all(storage)
    entry = manifest_of(storage, "demo-pkg").files[0]
    assert (entry.gpg_sig, entry.provenance_sha256) == (False, None)
    signed, attested = replace(entry, gpg_sig=True), replace(entry, provenance_sha256=sha256_of(b"{}"))
    for ending, body, after in ((".asc", b"a signature", signed), (".provenance", b"{}", attested)):
        put(storage, f"{key}{ending}", body)
        assert fates(adopt_all(storage)) == {key: "updated"}
        assert manifest_of(storage, "demo-pkg").files == (after,)
        remove(storage, f"{key}{ending}")
        assert fates(adopt_all(storage)) == {key: "updated"}
        assert manifest_of(storage, "demo-pkg").files == (entry,)


def test_a_sidecar_that_is_gone_is_made_again(storage: Storage, tmp_path: Path) -> None:
    """Pages name it, and pip gives up where it is not."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    remove(storage, f"{FOLDER}{wheel.name}.metadata")
    before = manifest_of(storage, "demo-pkg")
    assert adopt_all(storage).files == (), "the manifest was right all the time"
    assert manifest_of(storage, "demo-pkg") == before
    assert page_json(storage, "demo-pkg")["files"][0]["core-metadata"]


def test_metadata_that_are_not_the_files_own_are_not_served(storage: Storage, tmp_path: Path) -> None:
    """They stay in the bucket, but no page names them; the file's own are kept unchanged."""
    wheel, other = make_wheel(tmp_path), make_wheel(tmp_path, "other")
    key, fine = put(storage, FOLDER + wheel.name, wheel), put(storage, f"simple/other/{other.name}", other)
    put(storage, f"{key}.metadata", b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n\n")
    own = put(storage, f"{fine}.metadata", b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n\nA demonstration.\n")
    before = storage.stat(own)
    make_repository(storage)
    adopted = adopt_all(storage)
    notes = {file.key: file.note for file in adopted.files}
    assert notes == {key: "has a .metadata that is not its own and is not listed", fine: ""}
    assert "core-metadata" not in page_json(storage, "demo-pkg")["files"][0]
    assert "core-metadata" in page_json(storage, "other")["files"][0]
    assert storage.stat(own) == before
    assert adopt_all(storage).files == ()


def test_an_archive_that_readers_would_see_differently_gets_no_sidecar(storage: Storage) -> None:
    """With two METADATA nothing tells which one counts."""
    metadata = metadata_text("demo-pkg", "1.0").encode()
    twice = zipped({"demo_pkg-1.0.dist-info/METADATA": metadata, "more.dist-info/METADATA": metadata})
    key = put(storage, FOLDER + WHEEL, twice)
    make_repository(storage)
    adopted = adopt_all(storage)
    assert adopted.files[0].legacy == "has several files that could be its METADATA"
    assert f"{key}.metadata" not in state(storage)


def test_the_first_publish_to_an_adopted_project_joins_it(storage: Storage, tmp_path: Path) -> None:
    """And publishing the adopted file again finds it already there."""
    wheel = make_wheel(tmp_path)
    put(storage, f"simple/Demo.Pkg/{wheel.name}", wheel)
    put(storage, "simple/demo-pkg/index.html", b"<a href='../Demo.Pkg/demo_pkg-1.0-py3-none-any.whl'>a page</a>")
    make_repository(storage, pages="index.html")
    with pytest.raises(Refused, match=r"from another tool.*reindex demo-pkg --adopt"):
        release_files(storage, make_wheel(tmp_path, version="1.1"))
    adopt_all(storage)
    release_files(storage, wheel, make_wheel(tmp_path, version="1.1"))
    assert {file.filename: file.key for file in manifest_of(storage, "demo-pkg").files} == {
        wheel.name: f"simple/Demo.Pkg/{wheel.name}",
        "demo_pkg-1.1-py3-none-any.whl": None,
    }
    with pytest.raises(Refused, match="other bytes"):
        release_files(storage, make_wheel(tmp_path / "rebuilt", metadata_extra="Summary: rebuilt\n"))


def test_named_projects_only(storage: Storage, tmp_path: Path) -> None:
    """A project is found under its name, and in a folder of the spelling that was typed."""
    wheel, other = make_wheel(tmp_path, "My.Pkg"), make_wheel(tmp_path)
    key = put(storage, f"simple/My.Pkg/{wheel.name}", wheel)
    put(storage, FOLDER + other.name, other)
    make_repository(storage)
    with pytest.raises(Refused, match="no-such is not in"):
        adopt_all(storage, "My.Pkg", "no-such")
    assert fates(adopt_all(storage, "My.Pkg")) == {key: "taken in"}
    assert storage.read(manifest_key(DEMO)) is None
    newer = make_wheel(tmp_path, "My.Pkg", "1.1")
    key = put(storage, f"simple/My.Pkg/{newer.name}", newer)
    assert fates(adopt_all(storage, "my-pkg")) == {key: "taken in"}, "the folders of its files are listed too"


def test_leftovers_of_another_tool_are_counted(storage: Storage, tmp_path: Path) -> None:
    """Its records, and its pages where ours do not take their place."""
    wheel = make_wheel(tmp_path)
    put(storage, FOLDER + wheel.name, wheel)
    left = [f"{FOLDER}json", f"{FOLDER}1.0/json", f"{FOLDER}manifest.json", "index.html", "simple/Demo.Pkg/index.html"]
    for key in [*left, f"{FOLDER}index.html", "simple/index.html"]:
        put(storage, key, b"<html></html>")
    make_repository(storage, pages="index.html")
    adopted = adopt_all(storage)
    assert sorted(adopted.leftovers) == sorted(left)


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_closed_project_takes_nothing_new(storage: Storage, tmp_path: Path, status: str) -> None:
    """PEP 792: what was released may come back, and nothing else comes in by the back door."""
    wheel, newer = make_wheel(tmp_path), make_wheel(tmp_path, version="1.1")
    release_files(storage, wheel)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, status=Status(status=status)))
    remove(storage, FOLDER + wheel.name)
    adopt_all(storage)
    put(storage, FOLDER + wheel.name, wheel)
    put(storage, FOLDER + newer.name, newer)
    adopted = adopt_all(storage)
    assert fates(adopted) == {FOLDER + wheel.name: "back", FOLDER + newer.name: "left out"}


def test_an_empty_page_becomes_ours_by_name(storage: Storage, tmp_path: Path) -> None:
    """A console's folder, or a project whose files are all gone: naming the project makes it ours."""
    page = "simple/demo-pkg/index.html"
    put(storage, page, b"<html></html>")
    make_repository(storage, pages="index.html")
    assert adopt_all(storage).projects == 0, "it may be anybody's page"
    with pytest.raises(Refused, match="bucketwheel reindex demo-pkg --adopt"):
        release_files(storage, make_wheel(tmp_path))
    assert adopt_all(storage, "demo-pkg", dry_run=True).pages_behind == 1
    adopt_all(storage, "demo-pkg")
    assert page_json(storage, "demo-pkg")["files"] == []
    release_files(storage, make_wheel(tmp_path))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]


@pytest.mark.parametrize("note", ["right", "wrong"])
def test_a_digest_that_an_uploader_noted_is_not_believed(tmp_path: Path, note: str) -> None:
    """S3 keeps any text there: the bytes are read, and a note that contradicts them is mentioned."""
    storage, wheel = Recorded(), make_wheel(tmp_path)
    real = sha256_of(wheel.read_bytes())
    key = put(storage, FOLDER + WHEEL, wheel.read_bytes(), {"checksum-sha256": real if note == "right" else "0" * 64})
    make_repository(storage)
    (file,) = adopt_all(storage).files
    assert (file.key, file.fate, file.unverified) == (key, "taken in", False)
    assert ("has other bytes than its uploader noted" in file.note) == (note == "wrong")
    assert [entry.sha256 for entry in manifest_of(storage, "demo-pkg").files] == [real]
    assert f"open {key} whole" in storage.asked


def test_a_digest_is_believed_only_with_a_word_about_it(tmp_path: Path) -> None:
    """With the option a wrong note is published; the answer says that it is unverified, and --reread finds it out."""
    storage, wheel, noted = Recorded(), make_wheel(tmp_path), Sha256("0" * 64)
    key = put(storage, FOLDER + WHEEL, wheel.read_bytes(), {"checksum-sha256": noted})
    sdist = put(storage, FOLDER + "demo_pkg-1.0.tar.gz", make_sdist(tmp_path), {"checksum-sha256": noted})
    make_repository(storage)
    adopted = adopt_all(storage, trust_uploader_digests=True)
    assert {file.key: file.unverified for file in adopted.files} == {key: True, sdist: False}
    assert any("the digest of 1 file is unverified, as noted by the uploader" in line for line in text(adopted))
    assert {entry.filename: entry.sha256 for entry in manifest_of(storage, "demo-pkg").files} == {
        WHEEL: noted,
        "demo_pkg-1.0.tar.gz": sha256_of((tmp_path / "demo_pkg-1.0.tar.gz").read_bytes()),
    }
    assert fates(adopt_all(storage)) == {}
    assert fates(adopt_all(storage, reread=True)) == {key: "other bytes"}


def test_a_note_does_not_overrule_a_digest_that_was_read(tmp_path: Path) -> None:
    """A wrong note is never a reason to take a file off the pages, with the option neither."""
    storage = Recorded()
    put(storage, FOLDER + WHEEL, make_wheel(tmp_path).read_bytes(), {"checksum-sha256": "0" * 64})
    make_repository(storage)
    adopt_all(storage)
    assert fates(adopt_all(storage, reread=True, trust_uploader_digests=True)) == {}
