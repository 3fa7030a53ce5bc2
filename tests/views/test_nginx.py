"""A repository in a directory behind nginx, configured as docs/web-server.md says, is an index for real clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3 import PoolManager
from urllib3.response import BaseHTTPResponse

from bucketwheel.format.settings import VIEWS
from support.archives import make_wheel
from support.clients import TOOLS, run_client, run_pip, run_uv, within
from support.command_line import run_command
from support.index_server import HTML, JSON
from support.machine_needs import need
from support.nginx import missing, serve_by_nginx
from support.old_tools import install_tool

PIP = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
CHECKED, FOREVER = "public, max-age=0, must-revalidate", "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a repository with all views and one project, whose wheel has a local version."""
    need("nginx with libnginx-mod-http-js", missing=missing())
    directory = tmp_path_factory.mktemp("with space")
    (directory / "nginx").mkdir()
    wheel, root = make_wheel(directory, "demo-pkg", "1.0+cu118"), directory / "repository"
    views = ("--set", f"views={','.join(VIEWS)}", "--set", "base-url=https://i.example/")
    assert run_command("init", str(root), *views).code == 0
    assert run_command("publish", str(wheel), "-r", str(root)).code == 0
    assert run_command("reindex", "-r", str(root)).code == 0
    (root / "simple" / ".bucketwheel-x").write_text("of a run that was killed")
    with serve_by_nginx(root, directory / "nginx") as url:
        yield url


def get(address: str, path: str, accept: str = "*/*") -> BaseHTTPResponse:
    """Ask once and follow nothing."""
    with PoolManager(retries=False) as pool:
        return pool.request("GET", f"{address}{path}", headers={"Accept": accept}, redirect=False)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", f"{HTML}; charset=utf-8"),
        ("text/html", f"{HTML}; charset=utf-8"),
        (PIP, JSON),
        (f"{JSON};q=0, text/html", f"{HTML}; charset=utf-8"),
        (f"text/html;q=0.1, {JSON};q=0.9", JSON),
    ],
)
@pytest.mark.parametrize("path", ["simple/", "simple/demo-pkg/"])
def test_pages(address: str, path: str, accept: str, content_type: str) -> None:
    """Pages have the form that the client asks for, with its exact type; caches keep the forms apart and ask again."""
    answer = get(address, path, accept)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Cache-Control"] == CHECKED


def test_files(address: str) -> None:
    """Files and their metadata are plain bytes that never change."""
    path = "simple/demo-pkg/demo_pkg-1.0%2Bcu118-py3-none-any.whl"
    wheel, metadata = get(address, path), get(address, f"{path}.metadata")

    assert (wheel.status, wheel.headers["Content-Type"]) == (200, "application/octet-stream")
    assert (metadata.status, metadata.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert wheel.headers["Cache-Control"] == metadata.headers["Cache-Control"] == FOREVER
    assert "Content-Encoding" not in wheel.headers


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("pypi/demo-pkg/json", "application/json"),
        ("pypi/demo-pkg/1.0%2Bcu118/json", "application/json"),
        ("rss/updates.xml", "text/xml; charset=utf-8"),
        ("rss/project/demo-pkg/releases.xml", "text/xml; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
        ("project/demo-pkg/", "text/html; charset=utf-8"),
    ],
)
def test_views(address: str, path: str, content_type: str) -> None:
    """Views have their types, and caches ask again."""
    answer = get(address, path)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Cache-Control"] == CHECKED


@pytest.mark.parametrize(
    "path",
    ["_bucketwheel/repository.json", "_bucketwheel/", "simple/.bucketwheel-x", "simple/absent/", "%5fbucketwheel/"],
)
def test_absent(address: str, path: str) -> None:
    """What only bucketwheel needs, and what is not there, is 404."""
    assert get(address, path).status == 404


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("simple/Demo_Pkg/", "/simple/demo-pkg/"),
        ("simple/demo.-_pkg/", "/simple/demo-pkg/"),
        ("pypi/Demo.Pkg/json", "/pypi/demo-pkg/json"),
        ("simple/Demo_Pkg/a%2Bb%20c%C3%BC", "/simple/demo-pkg/a%2Bb%20c%C3%BC"),
        ("simple/Demo_Pkg", "/simple/demo-pkg"),
        ("simple/demo-pkg", "/simple/demo-pkg/"),
    ],
)
def test_redirects(address: str, path: str, location: str) -> None:
    """Names in another spelling, and an address without its slash, lead to the one page."""
    answer = get(address, path)

    assert (answer.status, answer.headers["Location"]) == (301, location)


@pytest.mark.parametrize("path", ["simple/Demo%0d%0aX-Header:%20x/", "simple/Demo%00/", "simple/..%2f_bucketwheel/"])
def test_what_is_no_name_redirects_nowhere(address: str, path: str) -> None:
    """An address with a line break, a NUL or a way up is no name."""
    assert get(address, path).status in {400, 404}


@pytest.mark.parametrize(
    "path", ["%0d%0aX-Header:%20x", "x/%0d%0a%0d%0a<script>", "%0aX-Header:%20x", "%ff%0aX-Header:x"]
)
def test_nothing_gets_into_a_header(address: str, path: str) -> None:
    """What comes after a name in another spelling is written as an address again, line breaks too."""
    answer = get(address, f"simple/Demo_Pkg/{path}")

    assert answer.status == 301
    assert answer.headers["Location"].startswith("/simple/demo-pkg/")
    assert "X-Header" not in answer.headers
    assert b"<script>" not in answer.data


def test_clients(address: str, tmp_path: Path) -> None:
    """Pip and uv install by any spelling of the name."""
    index = f"{address}simple/"
    (tmp_path / "home").mkdir()
    pip = run_pip(["install", "--index-url", index, "--target", str(tmp_path / "pip"), "Demo_Pkg"], home=tmp_path)
    uv = run_uv(
        ["pip", "install", "--default-index", index, "--target", str(tmp_path / "uv"), "demo.pkg"], home=tmp_path
    )

    assert pip.code == 0, pip.output
    assert uv.code == 0, uv.output


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    os.environ.get("BUCKETWHEEL_TEST_HOSTS") != "all", reason="installs other tools: with --thorough only"
)
def test_poetry(address: str, tmp_path: Path) -> None:
    """Poetry locks and installs a project that names it in another spelling."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "consumer"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["Demo_Pkg"]\n'
        f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "ours"\nurl = "{address}simple/"\n'
    )
    poetry = str(install_tool(tmp_path, "poetry", TOOLS["poetry"]).program)
    run = run_client([poetry, "install"], home=tmp_path, directory=project, environ=within(tmp_path))

    assert run.code == 0, run.output
    assert [*project.rglob("demo_pkg-1.0+cu118.dist-info")]
