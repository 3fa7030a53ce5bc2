"""Publishers as real processes, side by side on a real S3 server, some of them killed; and a reader who sees it all.

BUCKETWHEEL_TEST_PUBLISHERS=16 starts that many where eight are enough for every day.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from bucketwheel.names import sha256_of
from bucketwheel.storage import Key, Storage
from support.archives import make_wheel
from support.ministack import TestBucket
from support.releasing import manifest_of, page_json, release_files

PUBLISHER = Path(__file__).with_name("publisher.py")
COUNT = int(os.environ.get("BUCKETWHEEL_TEST_PUBLISHERS", "8"))


@dataclass
class Publishers:
    """Processes that wait for one start."""

    bucket: TestBucket
    directory: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def add(self, files: Sequence[Path]) -> None:
        """Start a process that will publish these files."""
        command = [sys.executable, str(PUBLISHER), str(self.bucket.place), self.bucket.connection.endpoint_url or ""]
        self.processes.append(
            subprocess.Popen(
                [*command, str(self.directory / "start"), *map(str, files)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def go(self) -> None:
        """Let all of them begin, once all are ready."""
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        (self.directory / "start").touch()

    def run(self) -> list[tuple[int, list[str], str]]:
        """Let all of them begin, and wait for all."""
        self.go()
        return self.finish()

    def finish(self) -> list[tuple[int, list[str], str]]:
        """Wait for all, and return each one's status, acknowledged file names and error output."""
        ends = [(process, *process.communicate(timeout=120)) for process in self.processes]
        return [(process.returncode, out.split(), err) for process, out, err in ends]


@dataclass
class Reader:
    """A client that reads all pages all the time, and downloads what they link to."""

    storage: Storage
    findings: list[str] = field(default_factory=list)
    rounds: int = 0
    revisions: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def read_once(self) -> None:
        """Follow every link from the root, and note what would break a client."""
        root = self.storage.read(Key("simple/index.json"))
        for project in json.loads(root.body)["projects"] if root else []:
            self._read_project(project["name"])
        self.rounds += 1

    def _read_project(self, name: str) -> None:
        if self.storage.read(Key(f"simple/{name}/")) is None:
            self.findings.append(f"the root names {name}, which has no page")
        page = self.storage.read(Key(f"simple/{name}/index.json"))
        if page is None:
            return  # the JSON page comes last of all
        content = json.loads(page.body)
        revision = content["_bucketwheel"]["revision"]
        if revision < self.revisions.get(name, 0):
            self.findings.append(f"the page of {name} fell from {self.revisions[name]} to {revision}")
        self.revisions[name] = revision
        for file in content["files"]:
            self._download(f"simple/{name}/{unquote(file['url'])}", file["hashes"]["sha256"])

    def _download(self, key: str, digest: str) -> None:
        if self.digests.setdefault(key, digest) != digest:
            self.findings.append(f"{key} is said to have other bytes than before")
        stored = self.storage.read(Key(key))
        if stored is None or sha256_of(stored.body) != digest:
            self.findings.append(f"{key} is not there as its page says")
        if self.storage.stat(Key(f"{key}.metadata")) is None:
            self.findings.append(f"{key} has no sidecar")


@contextmanager
def reading(bucket: TestBucket) -> Iterator[Reader]:
    """Run a reader in a thread of its own while the context lasts."""
    reader, stop = Reader(storage=bucket.storage()), threading.Event()

    def run() -> None:
        while not stop.is_set():
            reader.read_once()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reader
    finally:
        stop.set()
        thread.join()


def listed(storage: Storage) -> set[str]:
    """Return the projects on the JSON root."""
    root = storage.read(Key("simple/index.json"))
    assert root is not None
    return {project["name"] for project in json.loads(root.body)["projects"]}


def file_names(storage: Storage, project: str) -> set[str]:
    """Return the files on a project's JSON page; check that the manifest and the HTML page have the same."""
    names = {file["filename"] for file in page_json(storage, project)["files"]}
    html = storage.read(Key(f"simple/{project}/"))
    assert html is not None
    assert names == {file.filename for file in manifest_of(storage, project).files}
    assert all(f">{name}</a>" in html.body.decode() for name in names)
    return names


def test_publishers_of_one_project_lose_nothing(bucket: TestBucket, tmp_path: Path) -> None:
    """Many processes with ten publishes each to one project: all finish, and no acknowledged file is lost."""
    storage = bucket.storage()
    release_files(storage, make_wheel(tmp_path, version="0"))
    publishers = Publishers(bucket=bucket, directory=tmp_path)
    for process in range(COUNT):
        publishers.add([make_wheel(tmp_path, version=f"{process}.{number}.1") for number in range(10)])
    with reading(bucket) as reader:
        ends = publishers.run()
    assert [(status, error) for status, _, error in ends] == [(0, "")] * COUNT
    acknowledged = {name for _, names, _ in ends for name in names}
    assert len(acknowledged) == COUNT * 10
    assert file_names(storage, "demo-pkg") == acknowledged | {"demo_pkg-0-py3-none-any.whl"}
    assert reader.findings == []
    assert reader.rounds > 1


def test_new_projects_are_all_on_the_root(bucket: TestBucket, tmp_path: Path) -> None:
    """Many processes that each publish a new project at once: the root lists all of them."""
    storage = bucket.storage()
    release_files(storage, make_wheel(tmp_path))
    publishers = Publishers(bucket=bucket, directory=tmp_path)
    names = [f"project-{number}" for number in range(COUNT)]
    for name in names:
        publishers.add([make_wheel(tmp_path, name=name)])
    with reading(bucket) as reader:
        ends = publishers.run()
    assert [(status, error) for status, _, error in ends] == [(0, "")] * COUNT
    assert listed(storage) == {"demo-pkg", *names}
    assert all(len(file_names(storage, name)) == 1 for name in names)
    assert reader.findings == []


def test_first_publishers_make_one_repository(bucket: TestBucket, tmp_path: Path) -> None:
    """Many processes find the place empty at once: one makes the repository, and all of them publish to it."""
    publishers = Publishers(bucket=bucket, directory=tmp_path)
    names = [f"first-{number}" for number in range(COUNT)]
    for name in names:
        publishers.add([make_wheel(tmp_path, name=name)])
    ends = publishers.run()
    assert [(status, error) for status, _, error in ends] == [(0, "")] * COUNT
    storage = bucket.storage()
    assert listed(storage) == set(names)
    repository = storage.read(Key("_bucketwheel/repository.json"))
    assert repository is not None
    made_by = json.loads(repository.body)["id"]
    for name in names:
        seen = storage.stat(Key(f"simple/{name}/{name.replace('-', '_')}-1.0-py3-none-any.whl"))
        assert seen is not None
        assert (seen.marks or {})["bucketwheel-repository"] == made_by


def test_killed_publishers_leave_nothing_broken_and_one_more_run_finishes(bucket: TestBucket, tmp_path: Path) -> None:
    """Half of the publishers are killed at random moments: no reader notices, and the same again ends the work."""
    storage, chance = bucket.storage(), random.Random(7)  # noqa: S311 - chance, not a secret
    release_files(storage, make_wheel(tmp_path, version="0"))
    publishers = Publishers(bucket=bucket, directory=tmp_path)
    work = [[make_wheel(tmp_path, version=f"{process}.{number}.1") for number in range(4)] for process in range(COUNT)]
    for files in work:
        publishers.add(files)
    with reading(bucket) as reader:
        publishers.go()
        for process in publishers.processes[: COUNT // 2]:
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
        ends = publishers.finish()
    assert [(status, error) for status, _, error in ends[COUNT // 2 :]] == [(0, "")] * (COUNT - COUNT // 2)
    assert reader.findings == []
    acknowledged = {name for _, names, _ in ends for name in names}
    assert acknowledged <= {file.filename for file in manifest_of(storage, "demo-pkg").files}
    release_files(storage, *(file for files in work for file in files))
    assert len(file_names(storage, "demo-pkg")) == 1 + COUNT * 4
