"""Buckets that the real s3pypi and stick filled: served to real clients before and after, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bucketwheel.names import sha256_of
from bucketwheel.storage import Key
from support.archives import make_sdist, make_wheel
from support.clients import run_pip, run_uv
from support.command_line import CommandRun, run_command
from support.index_server import HTML, HTML_V1, JSON, serve_index
from support.ministack import TestBucket
from support.old_tools import S3PYPI, STICK, OldTool, install_tool, mirror
from support.tampering import put, remove

PLATFORM = "Platform: UNKNOWN\n"  # stick fails without one


@pytest.fixture(scope="session")
def s3pypi(tmp_path_factory: pytest.TempPathFactory) -> OldTool:
    """Give s3pypi."""
    return install_tool(tmp_path_factory.mktemp("tools"), "s3pypi", S3PYPI)


@pytest.fixture(scope="session")
def stick(tmp_path_factory: pytest.TempPathFactory) -> OldTool:
    """Give stick."""
    return install_tool(tmp_path_factory.mktemp("tools"), "stick", STICK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bucket, what is in it, and a host that serves a copy of it."""

    bucket: TestBucket
    root: Path
    url: str
    """As a plain bucket has it, which knows HTML pages only."""
    negotiating_url: str
    """As a host has it that gives JSON to who wants it."""
    home: Path

    def command(self, *args: str) -> CommandRun:
        """Run bucketwheel against the server of the bucket."""
        connection = self.bucket.connection
        return run_command(*args, "--endpoint-url", str(connection.endpoint_url), "--region", "us-east-1")

    def versions(self, path: str, project: str) -> set[str]:
        """Return the versions that pip finds on the plain host."""
        mirror(self.bucket, self.root)
        run = run_pip(["index", "versions", project, "--pre", "--index-url", f"{self.url}{path}"], home=self.home)
        assert run.code == 0, run.output
        found = re.search(r"Available versions: (.*)", run.output)
        assert found is not None, run.output
        return set(found[1].split(", "))

    def installs(self, path: str, *requirements: str) -> None:
        """Let pip install these from the host that negotiates, and uv from the plain one."""
        mirror(self.bucket, self.root)
        common = ["--no-deps", "--upgrade", "--target"]
        with ThreadPoolExecutor() as pool:
            index = f"{self.negotiating_url}{path}"
            args = ["install", "--index-url", index, *common, str(self.home / "pip"), *requirements]
            pip = pool.submit(run_pip, args, home=self.home)
            index = f"{self.url}{path}"
            args = ["pip", "install", "--default-index", index, *common, str(self.home / "uv"), *requirements]
            uv = run_uv(args, home=self.home)
        assert pip.result().code == 0, pip.result().output
        assert uv.code == 0, uv.output


@pytest.fixture
def site(bucket: TestBucket, tmp_path: Path) -> Iterator[Target]:
    """Serve what is in a bucket in two ways."""
    root, home = tmp_path / "served", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    with serve_index(root, offers=(HTML,)) as plain, serve_index(root, offers=(HTML, HTML_V1, JSON)) as negotiating:
        yield Target(bucket=bucket, root=root, url=plain.url, negotiating_url=negotiating.url, home=home)


def built(directory: Path) -> list[Path]:
    """Return files that a team has released over the years."""
    old = directory / "demo_pkg-0.1.tar.bz2"
    wheels = [
        make_wheel(directory, requires_python=">=3.8", metadata_extra=PLATFORM),
        make_wheel(directory, version="1.1+cu118", metadata_extra=PLATFORM),
        make_wheel(directory, "Other.Pkg", metadata_extra=PLATFORM),
        make_sdist(directory, version="0.9", metadata_extra=PLATFORM),
    ]
    old.write_bytes(b"BZh91AY")
    return [old, *wheels]


@pytest.mark.parametrize(
    ("prefix", "style"),
    [("python", []), (None, ["--index.html"])],
    ids=["prefix and slash keys", "no prefix and index.html"],
)
def test_a_bucket_of_s3pypi(
    s3pypi: OldTool, site: Target, tmp_path: Path, prefix: str | None, style: list[str]
) -> None:
    """All that pip and uv could install they still can, and s3pypi could go on where it was."""
    name, path = site.bucket.place.bucket, f"{prefix}/" if prefix else ""
    options = ["--bucket", name, *(["--prefix", prefix] if prefix else []), *style]
    files = built(tmp_path / "dist")
    s3pypi.run(site.bucket, "upload", *map(str, files), *options, "--put-root-index")
    before = site.versions(path, "demo-pkg")
    assert before == {"1.1+cu118", "1.0", "0.9", "0.1"}

    assert site.command("init", f"s3://{name}", "--adopt", "--set", f"simple={path}").code == 0
    adopted = site.command("reindex", "--adopt", "-r", f"s3://{name}", "--json")
    assert adopted.code == 0, adopted
    assert {file["fate"] for file in adopted.document["files"]} == {"taken in"}
    assert [file["key"] for file in adopted.document["files"] if "legacy" in file] == [
        f"{path}demo-pkg/demo_pkg-0.1.tar.bz2"
    ]
    assert adopted.document["leftovers"] == []
    assert site.versions(path, "demo-pkg") == before
    site.installs(path, "demo-pkg==1.1+cu118", "other-pkg")

    newer = make_wheel(tmp_path / "new", version="2.0")
    assert site.command("publish", str(newer), "-r", f"s3://{name}").code == 0
    assert site.versions(path, "demo-pkg") == {*before, "2.0"}

    s3pypi.run(site.bucket, "upload", str(make_wheel(tmp_path / "back", version="3.0")), *options)
    remove(site.bucket.storage(), f"{path}demo-pkg/index.json")
    (site.root / path / "demo-pkg" / "index.json").unlink()
    assert site.versions(path, "demo-pkg") == {*before, "2.0", "3.0"}
    page = site.bucket.storage().read(Key(f"{path}demo-pkg/{'index.html' if style else ''}"))
    assert page is not None
    assert page.body.count(b"#sha256=") == 1, "it keeps the links of others, and drops their digests"


def test_a_bucket_of_stick(stick: OldTool, site: Target, tmp_path: Path) -> None:
    """Its files, in folders that pip never asks for too; and stick can rebuild all that it had, and more."""
    name = site.bucket.place.bucket
    files = [file for file in built(tmp_path / "dist") if file.suffix != ".bz2"]
    signature = Path(f"{files[0]}.asc")
    signature.write_bytes(b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n")
    stick.run(site.bucket, "upload", "--bucket", name, "--baseurl", site.url, *map(str, [*files, signature]))
    before = site.versions("simple/", "demo-pkg")
    assert before == {"1.1+cu118", "1.0", "0.9"}

    assert site.command("init", f"s3://{name}", "--adopt").code == 0
    adopted = site.command("reindex", "--adopt", "-r", f"s3://{name}", "--json")
    assert adopted.code == 0, adopted
    assert {file["fate"] for file in adopted.document["files"]} == {"taken in"}
    assert not [file for file in adopted.document["files"] if "legacy" in file]
    assert "simple/demo-pkg/manifest.json" in adopted.document["leftovers"]
    assert "simple/Other.Pkg/" in adopted.document["leftovers"]
    assert site.versions("simple/", "demo-pkg") == before
    site.installs("simple/", "demo-pkg==1.0", "other-pkg")
    page = site.bucket.storage().read(Key("simple/demo-pkg/"))
    assert page is not None
    assert b'data-gpg-sig="true"' in page.body

    newer = make_wheel(tmp_path / "new", version="2.0", metadata_extra=PLATFORM)
    assert site.command("publish", str(newer), "-r", f"s3://{name}").code == 0
    site.installs("simple/", "demo-pkg==2.0")
    stick.run(site.bucket, "reindex", "--bucket", name, "--baseurl", site.url)
    assert site.versions("simple/", "demo-pkg") == {*before, "2.0"}


def test_a_bucket_of_pytorch(site: Target, tmp_path: Path) -> None:
    """Files beside the root page, and project pages that link to them from the root of the bucket."""
    name, storage = site.bucket.place.bucket, site.bucket.storage()
    wheels = [make_wheel(tmp_path, "torch", f"2.{minor}+cpu") for minor in range(2)]
    links = []
    for wheel in wheels:
        digest = sha256_of(wheel.read_bytes())
        put(storage, f"whl/cpu/{wheel.name}", wheel.read_bytes(), {"checksum-sha256": digest})
        links.append(f'<a href="/whl/cpu/{wheel.name.replace("+", "%2B")}#sha256={digest}">{wheel.name}</a>')
    put(storage, "whl/cpu/index.html", b'<a href="torch/">torch</a>')
    put(storage, "whl/cpu/torch/index.html", "<br>".join(links).encode())
    put(storage, "whl/cu129/torch-2.0+cu129-py3-none-any.whl", b"another variant")
    before = site.versions("whl/cpu/", "torch")
    assert site.command("init", f"s3://{name}/whl/cpu", "--adopt", "--set", "simple=").code == 0
    adopted = site.command("reindex", "--adopt", "-r", f"s3://{name}/whl/cpu", "--json")
    assert [file["fate"] for file in adopted.document["files"]] == ["taken in", "taken in"]
    assert site.versions("whl/cpu/", "torch") == before == {"2.1+cpu", "2.0+cpu"}
    site.installs("whl/cpu/", "torch")
    newer = make_wheel(tmp_path, "torch", "2.2+cpu")
    assert site.command("publish", str(newer), "-r", f"s3://{name}/whl/cpu").code == 0
    assert site.versions("whl/cpu/", "torch") == {"2.2+cpu", *before}


def test_a_bucket_of_piprepo(site: Target, tmp_path: Path) -> None:
    """A pile at the top, and pages below simple/ that link up to it, without digests."""
    name, storage = site.bucket.place.bucket, site.bucket.storage()
    for path in (make_wheel(tmp_path), make_sdist(tmp_path, version="0.9")):
        put(storage, path.name, path)
    page = "<br>".join(f'<a href="../../{path.name}">{path.name}</a>' for path in sorted(tmp_path.glob("demo_pkg-*")))
    put(storage, "simple/demo-pkg/index.html", page.encode())
    put(storage, "simple/index.html", b'<a href="demo-pkg/">demo-pkg</a>')
    before = site.versions("simple/", "demo-pkg")
    assert site.command("init", f"s3://{name}", "--adopt").code == 0
    adopted = site.command("reindex", "--adopt", "-r", f"s3://{name}", "--json")
    assert [file["fate"] for file in adopted.document["files"]] == ["taken in", "taken in"]
    assert adopted.document["leftovers"] == []
    assert site.versions("simple/", "demo-pkg") == before == {"1.0", "0.9"}
    site.installs("simple/", "demo-pkg==1.0")
