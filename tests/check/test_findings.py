"""Each kind of finding: a repository that has it, made by what people and other tools do, and nothing else found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.commands.check.findings import FINDINGS
from bucketwheel.errors import Refused
from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.disorders import CASES, DIRECTORY, MEMORY, WHEEL, Case, disorder
from support.memory import MemoryStorage
from support.releasing import manifest_of, release_files
from support.tampering import check_store, codes, overwrite, put, remove, stored, write_manifest

DEMO = ProjectName("demo-pkg")
CODES = {kind.partition(":")[0] for kind in FINDINGS}
CODES_OF_CLIENTS = {code for code in CODES if code.startswith("client-")}
CODES_OF_SIGNING = {code for code in CODES if code.startswith(("signature-", "attestations-"))}
CODES_OF_LISTS = {code for code in CODES if code.startswith("list-")}
CODES_OF_S3 = {"file-encoded", "file-overwritten", "upload-unfinished"}


@pytest.fixture(params=[MemoryStorage, DirectoryStorage])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A repository of two projects, in either kind of store."""
    memory = request.param is MemoryStorage
    empty: Storage = MemoryStorage() if memory else DirectoryStorage(root=tmp_path / "repository")
    release_files(empty, make_wheel(tmp_path), make_sdist(tmp_path, "zoo", "2"))
    return empty


def _everywhere(cases: Iterable[Case]) -> list[object]:
    """Each case with each store in which it can happen."""
    return [
        pytest.param(case, store, id=f"{case.name}-{store.__name__}")
        for case in cases
        for store in (MEMORY, DIRECTORY)
        if case.only in {None, store}
    ]


def test_every_kind_has_a_case() -> None:
    """No finding is left without a repository that has it."""
    assert {
        code for case in CASES for code, _ in case.found
    } == CODES - CODES_OF_CLIENTS - CODES_OF_SIGNING - CODES_OF_LISTS - CODES_OF_S3


@pytest.mark.parametrize(("case", "storage"), _everywhere(CASES), indirect=["storage"])
def test_each_kind_is_found_and_nothing_else(storage: Storage, case: Case) -> None:
    """What was whole is found to be so; then what was done to it is found, and no more than that; nothing changes."""
    assert check_store(storage, deep=True).findings == ()
    case.tamper(storage)
    before = {listed.key: stored(storage, listed.key).body for listed in storage.list("")}
    checked = check_store(storage, deep=case.deep)
    assert {(finding.code, finding.subject) for finding in checked.findings} == case.found_in(storage)
    assert all(finding.what and finding.remedy for finding in checked.findings)
    assert {listed.key: stored(storage, listed.key).body for listed in storage.list("")} == before


@pytest.mark.parametrize(("case", "storage"), _everywhere(case for case in CASES if case.deep), indirect=["storage"])
def test_what_only_reading_shows_is_not_found_without_it(storage: Storage, case: Case) -> None:
    """Bytes of the right size and headers are not looked at but with --deep."""
    case.tamper(storage)
    assert check_store(storage).findings == ()


def test_the_gravest_come_first(storage: Storage) -> None:
    """Errors, then warnings, then notes."""
    disorder("keep_state_of_stick")(storage)
    disorder("record_missing")(storage)
    disorder("lose_root")(storage)
    gravities = [finding.gravity for finding in check_store(storage).findings]
    assert gravities == ["error", "warning", "note"]


def test_a_named_project_is_looked_at_alone(storage: Storage) -> None:
    """What is wrong elsewhere is not said, and what is wrong with it is, under any spelling of its name."""
    disorder("lose_sidecar")(storage)
    disorder("pile_up_wheels")(storage)
    checked = check_store(storage, "zoo")
    assert (checked.findings, checked.projects, checked.files) == ((), 1, 1)
    assert codes(check_store(storage, "Demo_Pkg")) == {"sidecar-missing"}
    disorder("shorten_root")(storage)
    assert check_store(storage, "zoo").findings == ()
    assert codes(check_store(storage, "demo-pkg", "zoo")) == {"sidecar-missing", "root-incomplete"}


def test_what_is_not_there_cannot_be_checked(storage: Storage) -> None:
    """A project that the repository does not have is refused."""
    with pytest.raises(Refused, match="nothing is not in "):
        check_store(storage, "zoo", "nothing")


def test_files_that_lie_elsewhere_are_found_where_they_lie(storage: Storage) -> None:
    """An entry with a key of its own is held against that key, also where only its project is looked at."""
    body = stored(storage, WHEEL).body
    key = Key("whl/cu129/demo_pkg-1.0-py3-none-any.whl")
    put(storage, key, body)
    put(storage, f"{key}.metadata", stored(storage, f"{WHEEL}.metadata").body)
    remove(storage, WHEEL, f"{WHEEL}.metadata")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], key=key),)))
    assert check_store(storage).findings == ()
    assert check_store(storage, "demo-pkg").findings == ()
    remove(storage, key)
    assert codes(check_store(storage)) == codes(check_store(storage, "demo-pkg")) == {"file-missing"}


def test_a_file_with_a_url_is_not_looked_for(storage: Storage) -> None:
    """A file in another repository is not checked here."""
    remove(storage, WHEEL, f"{WHEEL}.metadata")
    url = "https://files.example/demo.whl"
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(replace(m.files[0], url=url),)))
    assert check_store(storage, deep=True).findings == ()


def test_an_emptied_project_is_as_it_should_be(storage: Storage) -> None:
    """A manifest without files has pages without links, and stays on the root."""
    remove(storage, WHEEL, f"{WHEEL}.metadata")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=()))
    assert check_store(storage, deep=True).findings == ()


def test_adopted_files_may_be_served_as_they_were(tmp_path: Path) -> None:
    """How others stored what was adopted is not held against it."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    kind = replace(Layout().distribution(), content_type="application/x-gzip")
    overwrite(storage, WHEEL, stored(storage, WHEEL).body, kind)
    listed = next(storage.list(WHEEL))
    entry = replace(manifest_of(storage, "demo-pkg").files[0], seen=listed.etag)
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=(entry,)))
    assert check_store(storage, deep=True).findings == ()


def test_a_new_repository_has_nothing_to_find(tmp_path: Path) -> None:
    """Where nothing was published yet there are no pages, and that is right."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    remove(storage, *(listed.key for listed in storage.list("") if not listed.key.endswith("repository.json")))
    checked = check_store(storage, deep=True)
    assert (checked.projects, checked.files, checked.findings) == (0, 0, ())
    assert manifest_key(DEMO) not in [listed.key for listed in storage.list("")]


def test_pages_of_a_newer_bucketwheel_are_not_blamed(storage: Storage) -> None:
    """Two versions that publish to one repository never quarrel about the bytes of pages."""
    for key in ("simple/demo-pkg/index.json", "simple/index.json"):
        overwrite(storage, key, stored(storage, key).body.replace(b'"renderer":2', b'"new":1,"renderer":3'))
    assert check_store(storage).findings == ()


def test_a_bucket_full_of_strangers_is_counted(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many objects are looked at; the rest of a pile is one finding, and each project can be asked about."""
    for number in range(1, 6):
        put(storage, f"simple/pile/pile-{number}.0.tar.gz", b"by another tool")
    monkeypatch.setattr("bucketwheel.commands.check._MOST_LOOKS", 2)
    subjects = [finding.subject for finding in check_store(storage).findings]
    pile = "simple/pile/"
    assert sorted(subjects) == [pile, f"{pile}pile-1.0.tar.gz", f"{pile}pile-2.0.tar.gz"]
    [counted] = [finding for finding in check_store(storage).findings if finding.subject == pile]
    assert (counted.code, "3 more" in counted.what) == ("file-unnamed", True)
