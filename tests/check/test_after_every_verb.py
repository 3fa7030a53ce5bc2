"""Nothing that bucketwheel does leaves anything for a check to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.commands.adopt import adopt_projects
from bucketwheel.commands.adopt.differences import AdoptRules
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.command_line import run_command
from support.ministack import TestBucket
from support.releasing import context_for, release_files
from support.tampering import check_store, codes, put


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place for a repository, and the settings to reach it; the project is in the current directory."""
    monkeypatch.chdir(tmp_path)
    if request.param == "directory":
        return "./repository"
    bucket: TestBucket = request.getfixturevalue("bucket")
    monkeypatch.setenv("BUCKETWHEEL_REGION", "us-east-1")
    if bucket.connection.endpoint_url:
        monkeypatch.setenv("BUCKETWHEEL_ENDPOINT_URL", bucket.connection.endpoint_url)
    return f"s3://{bucket.place.bucket}/{bucket.place.prefix}pypi"


def test_a_repository_is_clean_after_everything(place: str) -> None:
    """Publish, yank, promote, change a status, hide, prune, delete and adopt: each leaves a clean repository."""

    def run(*args: str) -> None:
        done = run_command(*args, "-r", place)
        assert done.code == 0, done.notices
        checked = run_command("check", "--deep", "-r", place)
        assert checked.code == 0, (args, checked.answer)

    for version in ("1.0", "1.1", "1.2.dev1", "1.2.dev2", "1.2.dev3"):
        make_wheel(Path("dist"), version=version)
    make_sdist(Path("dist"), "zoo", "2")
    run("publish")
    run("yank", "demo-pkg==1.0", "--reason", "broken")
    run("status", "zoo", "deprecated", "--reason", "see demo-pkg")
    run("prune", "demo-pkg", "--keep", "2", "--hide", "--yes")
    run("prune", "demo-pkg", "--keep", "1", "--yes")
    run("delete", "demo-pkg==1.0", "--yes")
    run("promote", "demo-pkg==1.1", "--to", f"{place}-release")
    run("reindex", "--adopt")
    run("delete", "zoo", "--yes")
    run("status", "zoo", "quarantined")
    assert run_command("check", "--deep", "-r", f"{place}-release").code == 0


def test_what_was_adopted_is_as_it_should_be(tmp_path: Path) -> None:
    """Files of other tools are found until they are taken in, and may be served as before."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    newer = make_wheel(tmp_path, version="1.1")
    put(storage, f"simple/demo-pkg/{newer.name}", newer.read_bytes())
    place = ("-r", str(tmp_path / "repository"))
    assert run_command("check", *place, "--fail-on", "note").code == 4
    assert run_command("reindex", "--adopt", "--yes", *place).code == 0
    assert run_command("check", "--deep", *place).answer.endswith("with 2 files: all is as it should be\n")


def test_what_was_adopted_in_a_bucket_is_as_it_should_be(bucket: TestBucket, tmp_path: Path) -> None:
    """The same in S3, where an etag shows whether an object was written again."""
    storage = bucket.storage()
    release_files(storage, make_wheel(tmp_path))
    newer = make_wheel(tmp_path, version="1.1")
    storage.bucket.client.put_object(  # type: ignore[attr-defined]  # of the SDK, made as it runs
        Bucket=bucket.place.bucket,
        Key=f"{bucket.place.prefix}simple/demo-pkg/{newer.name}",
        Body=newer.read_bytes(),
        ContentType="application/x-gzip",
    )
    assert codes(check_store(storage)) == {"file-foreign"}
    with context_for(storage, bucket.place) as context:
        adopt_projects(context, (), AdoptRules())
    assert check_store(storage, deep=True).findings == ()
    storage.bucket.client.put_object(  # type: ignore[attr-defined]  # see above
        Bucket=bucket.place.bucket,
        Key=f"{bucket.place.prefix}simple/demo-pkg/{newer.name}",
        Body=bytes(reversed(newer.read_bytes())),
    )
    assert codes(check_store(storage)) == {"file-changed"}
    assert codes(check_store(storage, deep=True)) == {"file-changed", "file-differs"}
