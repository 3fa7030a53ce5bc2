"""Real pip and uv on a repository: pages rendered from a manifest, on a host that knows only files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import render_project_json, render_root_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.storage import Key
from support.archives import make_wheel
from support.clients import ClientRun, run_pip, run_uv
from support.index_server import HTML, HTML_V1, JSON, IndexServer, serve_index

DEMO = ProjectName("demo-pkg")
LAYOUT = Layout(pages="index.html")
OLD, BETWEEN, NEW = "2026-01-01T00:00:00.5Z", "2026-03-01T00:00:00Z", "2026-06-01T00:00:00.123456Z"
LOCAL = "demo_pkg-2.0+cu118-py3-none-any.whl"

PLAIN_BUCKET = (HTML,)
NEGOTIATING = (HTML, HTML_V1, JSON)


@dataclass(frozen=True, slots=True)
class Pip:
    """This interpreter's pip."""

    def install(self, index: str, requirement: str, target: Path, *options: str) -> ClientRun:
        """Install a requirement."""
        return run_pip(
            ["install", "--index-url", index, "--target", str(target), *options, requirement], home=target.parent
        )

    def resolve(self, index: str, requirement: str, home: Path, *options: str) -> ClientRun:
        """Find out which version fits, and what it requires."""
        return run_pip(
            ["install", "--dry-run", "--ignore-installed", "--index-url", index, *options, requirement], home=home
        )


@dataclass(frozen=True, slots=True)
class Uv:
    """The development dependencies' uv."""

    def install(self, index: str, requirement: str, target: Path, *options: str) -> ClientRun:
        """Install a requirement."""
        return run_uv(
            ["pip", "install", "--default-index", index, "--target", str(target), *options, requirement],
            home=target.parent,
        )

    def resolve(self, index: str, requirement: str, home: Path, *options: str) -> ClientRun:
        """Find out which version fits, and what it requires."""
        (home / "wanted.in").write_text(requirement)
        return run_uv(["pip", "compile", "--default-index", index, *options, "wanted.in"], home=home)


Client: TypeAlias = Pip | Uv


def released(root: Path, version: str, at: str, **facts: object) -> PublishedFile:
    """Put a wheel and its sidecar where a publisher puts them, and return their manifest entry."""
    requires_python = facts.get("requires_python")
    wheel = make_wheel(root, DEMO, version, requires_python=None if requires_python is None else str(requires_python))
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"demo_pkg-{version}.dist-info/METADATA")
    entry = PublishedFile(
        filename=wheel.name,
        version=version,
        sha256=Sha256(hashlib.sha256(wheel.read_bytes()).hexdigest()),
        size=wheel.stat().st_size,
        upload_time=at,
        by="call-1",
        metadata_sha256=Sha256(hashlib.sha256(metadata).hexdigest()),
    )
    entry = replace(entry, **facts)  # type: ignore[arg-type]  # mypy cannot see which facts these are
    place = root / LAYOUT.key_of(DEMO, entry)
    place.parent.mkdir(parents=True, exist_ok=True)
    wheel.rename(place)
    place.with_name(f"{place.name}.metadata").write_bytes(metadata)
    return entry


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with one project: an old release, a yanked one, one that stepped aside, one too new."""
    root = tmp_path_factory.mktemp("repository")
    files = (
        released(root, "1.0", OLD),
        released(root, "1.1", OLD, yanked="breaks on <Tuesdays>"),
        released(root, "2.0+cu118", NEW, key=Key(f"simple/demo-pkg/{'0' * 64}/{LOCAL}")),
        released(root, "3.0", OLD, requires_python=">=99"),
        # Adopted from another tool: clients must ignore it.
        replace(released(root, "0.9", OLD), filename="Demo Pkg (final).zip", version="final <1>"),
    )
    manifest = Manifest(project=DEMO, revision=4, files=files)
    pages = {
        LAYOUT.html_keys(DEMO)[0]: render_project_html(project_listing(manifest, LAYOUT)),
        LAYOUT.json_key(DEMO): render_project_json(project_listing(manifest, LAYOUT)),
        LAYOUT.root_html_keys[0]: render_root_html([DEMO]),
        LAYOUT.root_json_key: render_root_json([DEMO]),
    }
    for key, body in pages.items():
        (root / key).write_bytes(body)
    return root


@pytest.fixture(params=[PLAIN_BUCKET, NEGOTIATING], ids=["html", "json"])
def host(request: pytest.FixtureRequest, repository: Path) -> Iterator[IndexServer]:
    """Serve the repository as a plain bucket, that has only HTML at a slash; then as one with JSON for who wants it."""
    with serve_index(repository, offers=request.param) as server:
        yield server


@pytest.fixture
def json_host(repository: Path) -> Iterator[IndexServer]:
    """Serve the repository with JSON for who wants it."""
    with serve_index(repository) as server:
        yield server


@pytest.fixture(params=[Pip(), Uv()], ids=["pip", "uv"])
def client(request: pytest.FixtureRequest) -> Client:
    """Give each client in turn."""
    chosen: Client = request.param
    return chosen


def index(host: IndexServer) -> str:
    """Return the URL that clients are given."""
    return f"{host.url}simple/"


def installed(target: Path) -> str:
    """Return the version of the project that is installed there."""
    return (target / "demo_pkg" / "__init__.py").read_text()


def test_installs_the_newest_that_fits(host: IndexServer, client: Client, tmp_path: Path) -> None:
    """A release with a local version and a key of its own is installed; one for another Python is passed over."""
    run = client.install(index(host), "demo-pkg", tmp_path / "target")

    assert run.code == 0, run.output
    assert installed(tmp_path / "target") == '__version__ = "2.0+cu118"\n'
    assert {request.path for request in host.asked_for(".whl")} == {
        f"/simple/demo-pkg/{'0' * 64}/demo_pkg-2.0%2Bcu118-py3-none-any.whl"
    }
    assert all(request.status in {200, 206} for request in host.requests), host.requests


def test_resolves_by_sidecars_alone(host: IndexServer, client: Client, tmp_path: Path) -> None:
    """The requirements of a release are read from its sidecar; no wheel is touched."""
    run = client.resolve(index(host), "demo-pkg", tmp_path)

    assert run.code == 0, run.output
    assert "2.0+cu118" in run.output
    assert [request.status for request in host.asked_for(".whl.metadata")] == [200]
    assert host.asked_for(".whl") == []


def test_a_yanked_release_is_not_chosen(host: IndexServer, client: Client, tmp_path: Path) -> None:
    """A range that only a yanked release fits is refused (PEP 592)."""
    run = client.resolve(index(host), "demo-pkg>1.0,<2", tmp_path)

    assert run.code != 0, run.output
    assert host.asked_for(".metadata") == []


def test_a_yanked_release_is_installed_when_pinned(host: IndexServer, client: Client, tmp_path: Path) -> None:
    """An exact pin still gets a yanked release, with the reason said (PEP 592)."""
    run = client.install(index(host), "demo-pkg==1.1", tmp_path / "target")

    assert run.code == 0, run.output
    assert installed(tmp_path / "target") == '__version__ = "1.1"\n'
    assert "breaks on <Tuesdays>" in run.output


def test_a_release_for_another_python_is_not_chosen(host: IndexServer, client: Client, tmp_path: Path) -> None:
    """A release that requires another Python is refused by what the page says of it; nothing is fetched."""
    run = client.resolve(index(host), "demo-pkg==3.0", tmp_path)

    assert run.code != 0
    assert ">=99" in run.output
    assert host.asked_for(".whl") == []


def test_pip_knows_upload_times(json_host: IndexServer, tmp_path: Path) -> None:
    """Pip's --uploaded-prior-to finds what there was at that moment."""
    run = Pip().resolve(index(json_host), "demo-pkg", tmp_path, "--uploaded-prior-to", BETWEEN)

    assert run.code == 0, run.output
    assert "Would install demo-pkg-1.0\n" in run.output


def test_uv_knows_upload_times(host: IndexServer, tmp_path: Path) -> None:
    """Uv's --exclude-newer finds what there was at that moment, in JSON and by our attributes in HTML."""
    run = Uv().resolve(index(host), "demo-pkg", tmp_path, "--exclude-newer", BETWEEN)

    assert run.code == 0, run.output
    assert "demo-pkg==1.0\n" in run.output


def test_an_unknown_project_is_absent(host: IndexServer, client: Client, tmp_path: Path) -> None:
    """A project that the repository does not have is a plain 404, which clients take for absent."""
    run = client.resolve(index(host), "no-such-project", tmp_path)

    assert run.code != 0
    assert [request.status for request in host.asked_for("/no-such-project/")] == [404]
