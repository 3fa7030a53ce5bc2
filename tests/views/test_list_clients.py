"""Real clients of an index made from a list, whatever the list says of its files: every hash, or none, or no size.

pip, uv, pypi-simple and micropip run always; BUCKETWHEEL_TEST_HOSTS=all also installs poetry and pdm.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from micropip.package_index import ProjectInfo
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, PyPISimple
from uv import find_uv_bin

import bucketwheel
from bucketwheel import ListOptions
from support.archives import make_wheel
from support.clients import TOOLS, run_client, run_pip, run_uv, within
from support.index_server import HTML, HTML_V1, JSON, IndexServer, serve_index
from support.machine_needs import need
from support.nginx import missing, serve_by_nginx
from support.old_tools import install_tool

pytestmark = pytest.mark.timeout(600)

needs_installing = pytest.mark.skipif(
    os.environ.get("BUCKETWHEEL_TEST_HOSTS") != "all", reason="installs other tools: with --thorough only"
)

NEGOTIATING, PLAIN = (HTML, HTML_V1, JSON), (HTML,)
LISTS: dict[str, tuple[str | None, bool]] = {
    "sha256": ("sha256", True),
    "sha512": ("sha512", True),
    "md5": ("md5", True),
    "sha1": ("sha1", True),
    "no hash": (None, True),
    "no size": ("sha256", False),
    "nothing": (None, False),
}
"""The hash of each file, and whether its size is known."""
OURS = {"demo-1.0", "other-2.0"}
PROJECT = """
[project]
name = "consumer"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["demo"]
"""


def line_of(wheel: Path, kind: str | None, *, sized: bool, **more: object) -> dict[str, Any]:
    """The line of a list about a wheel."""
    body = wheel.read_bytes()
    line: dict[str, Any] = {"filename": wheel.name, **more}
    if kind is not None:
        line["hash"] = f"{kind}={hashlib.new(kind, body).hexdigest()}"
    if sized:
        line["size"] = len(body)
    return line


def write_index(place: Path, kind: str | None = "sha256", *, sized: bool = True, url: str = "../../pool") -> None:
    """Make the index of demo, which needs other, with the files beside it in a directory of its own."""
    demo = make_wheel(place / "made", "demo", "1.0", metadata_extra="Requires-Dist: other\n")
    other, bad = (make_wheel(place / "made", "other", version) for version in ("2.0", "3.0"))
    lines = [
        line_of(demo, kind, sized=sized, requires_dist=["other"], requires_python=">=3.9", upload_timestamp=1.7e9),
        line_of(other, kind, sized=sized),
        line_of(bad, kind, sized=sized, yanked_reason="bad"),
    ]
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    settings = bucketwheel.load_settings(options={"repository": str(place / "index")})
    bucketwheel.from_list(body, settings, options=ListOptions(packages_url=url), of_json=True)
    (place / "made").rename(place / "index" / "pool")


@contextmanager
def serving(place: Path, name: str = "sha256", offers: tuple[str, ...] = NEGOTIATING) -> Iterator[IndexServer]:
    """Serve the index of one of the lists."""
    kind, sized = LISTS[name]
    write_index(place, kind, sized=sized)
    with serve_index(place / "index", offers=offers) as server:
        yield server


def dists(directory: Path) -> set[str]:
    """What is installed below a directory."""
    return {path.name.removesuffix(".dist-info") for path in directory.rglob("*.dist-info")}


@pytest.mark.parametrize("offers", [NEGOTIATING, PLAIN], ids=["json", "html"])
@pytest.mark.parametrize("name", LISTS)
def test_pip_and_uv(tmp_path: Path, name: str, offers: tuple[str, ...]) -> None:
    """Both install a project and what it needs, from either form of the pages."""
    with serving(tmp_path, name, offers) as server:
        index = f"{server.url}simple/"
        pip = run_pip(["install", "--index-url", index, "--target", str(tmp_path / "pip"), "demo"], home=tmp_path)
        words = ["pip", "install", "--default-index", index, "--target", str(tmp_path / "uv"), "demo"]
        uv = run_uv(words, home=tmp_path)

    assert dists(tmp_path / "pip") == OURS, pip.output
    if (name, offers) == ("sha1", PLAIN):  # as docs/from-list.md says
        assert "Unsupported hash algorithm" in uv.output
    else:
        assert dists(tmp_path / "uv") == OURS, uv.output


@pytest.mark.parametrize("name", ["sha256", "nothing"])
def test_flat_page(tmp_path: Path, name: str) -> None:
    """The page of all files is enough for `pip -f` and for uv, by its option and as an index in flat format.

    In a flat page uv takes yanked files for any others.
    """
    with serving(tmp_path, name) as server:
        flat = f"{server.url}find-links.html"
        words = ["--no-index", "--find-links", flat, "--target"]
        pip = run_pip(["install", *words, str(tmp_path / "pip"), "demo"], home=tmp_path)
        uv = run_uv(["pip", "install", *words, str(tmp_path / "uv"), "demo"], home=tmp_path)
        project = tmp_path / "project"
        project.mkdir()
        table = f'[[tool.uv.index]]\nname = "flat"\nurl = "{flat}"\nformat = "flat"\ndefault = true\n'
        (project / "pyproject.toml").write_text(PROJECT + table)
        synced = run_client([find_uv_bin(), "sync"], home=tmp_path, directory=project, environ={})

    assert dists(tmp_path / "pip") == OURS, pip.output
    for installed, run in ((tmp_path / "uv", uv), (project / ".venv", synced)):
        assert run.code == 0, run.output
        assert {each.rpartition("-")[0] for each in dists(installed)} == {"demo", "other"}


@pytest.mark.parametrize("accept", [ACCEPT_JSON_ONLY, ACCEPT_HTML_ONLY], ids=["json", "html"])
@pytest.mark.parametrize("name", LISTS)
def test_pypi_simple(tmp_path: Path, name: str, accept: str) -> None:
    """It reads the version of the API, every hash, sizes where they are known, times and yanks, and downloads."""
    kind, sized = LISTS[name]
    with serving(tmp_path, name) as server, PyPISimple(f"{server.url}simple/", accept=accept) as client:
        listed = client.get_index_page().projects
        demo, other = client.get_project_page("demo"), client.get_project_page("other")
        client.download_package(demo.packages[0], tmp_path / "demo.whl", verify=kind is not None)

    package = demo.packages[0]
    wheel = tmp_path / "index" / "pool" / package.filename
    assert listed == ["demo", "other"]
    assert (package.version, package.requires_python) == ("1.0", ">=3.9")
    assert package.digests == ({} if kind is None else {kind: hashlib.new(kind, wheel.read_bytes()).hexdigest()})
    assert (tmp_path / "demo.whl").read_bytes() == wheel.read_bytes()
    assert [(each.is_yanked, each.yanked_reason) for each in other.packages] == [(False, None), (True, "bad")]
    if accept == ACCEPT_JSON_ONLY:
        assert demo.repository_version == ("1.4" if sized else "1.0")
        assert demo.versions == (["1.0"] if sized else None)
        assert package.size == (wheel.stat().st_size if sized else None)
        assert package.upload_time is not None


def wheels_of(project: ProjectInfo) -> dict[str, list[tuple[str, str | None, int | None]]]:
    """What micropip would choose from."""
    return {
        str(version): [(wheel.url, wheel.sha256, wheel.size) for wheel in wheels]
        for version, wheels in project.releases.items()
    }


# It knows API 1.0 only and says so of our HTML, but reads it.
@pytest.mark.filterwarnings("ignore:Unsupported API minor version")
@pytest.mark.parametrize("name", ["sha256", "no hash", "no size"])
def test_micropip(tmp_path: Path, name: str) -> None:
    """Its parsers of all three forms find the same wheel, with the same hash and size where the form has them."""
    kind, sized = LISTS[name]
    url = "https://files.example.com/pool"
    write_index(tmp_path, kind, sized=sized, url=url)
    index = tmp_path / "index"
    wheel = index / "pool" / "demo-1.0-py3-none-any.whl"
    sha256 = None if kind is None else hashlib.sha256(wheel.read_bytes()).hexdigest()
    expected = {"1.0": [(f"{url}/{wheel.name}", sha256, wheel.stat().st_size if sized else None)]}

    assert wheels_of(ProjectInfo.from_json_api((index / "pypi/demo/json").read_bytes())) == expected
    assert wheels_of(ProjectInfo.from_simple_json_api((index / "simple/demo/index.json").read_bytes())) == expected
    page = (index / "simple/demo/index.html").read_text()
    (found,) = wheels_of(ProjectInfo.from_simple_html_api(page, "demo", "https://pypi.example.com"))["1.0"]
    assert found[:2] == expected["1.0"][0][:2]


def test_behind_nginx(tmp_path: Path) -> None:
    """Pip and uv install, and micropip reads: it asks by Accept, and at the address of Warehouse's JSON."""
    need("nginx with libnginx-mod-http-js", missing=missing())
    write_index(tmp_path)
    (tmp_path / "nginx").mkdir()
    with serve_by_nginx(tmp_path / "index", tmp_path / "nginx") as address:
        # Its own way to ask differs from version to version; its parsers do not.
        for path, accept, parsed in (
            ("simple/demo/", JSON, ProjectInfo.from_simple_json_api),
            ("pypi/demo/json", "*/*", ProjectInfo.from_json_api),
        ):
            asked = Request(f"{address}{path}", headers={"Accept": accept})  # noqa: S310 - our own server
            with urlopen(asked, timeout=30) as answer:  # noqa: S310 - as above
                assert list(wheels_of(parsed(answer.read()))) == ["1.0"]
        words = ["--target", str(tmp_path / "pip"), "demo"]
        pip = run_pip(["install", "--index-url", f"{address}simple/", *words], home=tmp_path)
        flat = ["--no-index", "--find-links", f"{address}find-links.html", "--target", str(tmp_path / "uv"), "demo"]
        uv = run_uv(["pip", "install", *flat], home=tmp_path)

    assert dists(tmp_path / "pip") == OURS, pip.output
    assert uv.code == 0, uv.output


# With --thorough only ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install each client into an environment of its own."""
    home = tmp_path_factory.mktemp("tools")
    return {name: str(install_tool(home, name, TOOLS[name]).program) for name in ("poetry", "pdm")}


def project_at(directory: Path, text: str, needs: str = '"demo"') -> Path:
    """A project that needs demo, or something else."""
    directory.mkdir()
    project = PROJECT.replace('"demo"', needs)
    (directory / "pyproject.toml").write_text(f"{project}\n{text}")
    return directory


@needs_installing
@pytest.mark.parametrize("name", LISTS)
def test_poetry(tmp_path: Path, tools: dict[str, str], name: str) -> None:
    """It locks and installs, also without a hash that it knows: then it reads the file."""
    with serving(tmp_path, name) as server:
        source = f'[[tool.poetry.source]]\nname = "ours"\nurl = "{server.url}simple/"\npriority = "primary"\n'
        directory = project_at(tmp_path / "project", f"[tool.poetry]\npackage-mode = false\n{source}")
        command = [tools["poetry"], "install"]
        run = run_client(command, home=tmp_path, directory=directory, environ=within(tmp_path))

    assert run.code == 0, run.output
    assert dists(directory / ".venv") >= OURS
    assert "hash = " in (directory / "poetry.lock").read_text("utf-8")


@needs_installing
def test_poetry_by_the_lines_of_the_page(tmp_path: Path, tools: dict[str, str]) -> None:
    """The commands for poetry are cut out of the project's page and run as they are."""
    with serving(tmp_path) as server:
        listed = (tmp_path / "index" / "packages.json").read_text("utf-8")
        settings = bucketwheel.load_settings(options={"repository": str(tmp_path / "index")})
        options = ListOptions(packages_url="../../pool", base_url=server.url)
        bucketwheel.from_list(listed, settings, options=options, of_json=True)
        page = (tmp_path / "index" / "project" / "other" / "index.html").read_text("utf-8")
        directory = project_at(tmp_path / "project", "[tool.poetry]\npackage-mode = false\n", needs="")
        commands = re.findall("<code>poetry (.*?)</code>", page)
        for command in commands:
            words = [tools["poetry"], *shlex.split(command)]
            run = run_client(words, home=tmp_path, directory=directory, environ=within(tmp_path))
            assert run.code == 0, run.output

    assert len(commands) == 2
    assert dists(directory / ".venv") >= {"other-2.0"}


@needs_installing
def test_pdm_by_json(tmp_path: Path, tools: dict[str, str]) -> None:
    """With `pypi.json_api` it takes what a version needs from Warehouse's JSON, and reads no wheel to lock."""
    with serving(tmp_path) as server:
        source = f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{server.url}simple"\nverify_ssl = false\n'
        directory = project_at(tmp_path / "project", f"[tool.pdm]\ndistribution = false\n{source}")
        environ = {**within(tmp_path), "PDM_PYPI_JSON_API": "true"}
        (directory / "pdm.toml").write_text("[pypi]\njson_api = true\n")
        run = run_client([tools["pdm"], "lock", "-v"], home=tmp_path, directory=directory, environ=environ)
        read, wheels = server.asked_for("/json"), server.asked_for(".whl")

    assert run.code == 0, run.output
    assert 'name = "other"' in (directory / "pdm.lock").read_text("utf-8")
    assert {(request.path, request.status) for request in read} >= {("/pypi/demo/1.0/json", 200)}
    assert wheels == []
