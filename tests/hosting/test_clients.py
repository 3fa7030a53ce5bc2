"""Real clients install through the function of the template, in front of a bucket, with and without basic auth.

pip and uv run always; BUCKETWHEEL_TEST_HOSTS=all also installs poetry from the package index.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

import bucketwheel
from bucketwheel.format.layout import Layout, PageStyle
from bucketwheel.hosting import Hosting
from bucketwheel.hosting.users import client_lines, entry
from bucketwheel.places import S3Place
from support.archives import make_wheel
from support.clients import ClientRun, run_client
from support.hosting import read_template
from support.ministack import TestBucket
from support.node import needs_node, node_environment, node_program
from support.old_tools import install_tool

pytestmark = needs_node

TOKEN = "0123456789abcdefghijkl"  # noqa: S105 - of a test
needs_installing = pytest.mark.skipif(
    os.environ.get("BUCKETWHEEL_TEST_HOSTS") != "all", reason="installs other tools: with --thorough only"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A distribution before a repository that has demo 1.0+local."""

    port: str
    log: Path
    directory: Path

    @property
    def clients(self) -> Mapping[str, str]:
        """The lines that `user add` shows."""
        return client_lines("ann", TOKEN, self.index())

    def index(self, user: str = "") -> str:
        """Return the address of the index, for a user if one is given."""
        return f"http://{user and user + '@'}127.0.0.1:{self.port}/python/simple/"

    def run(self, *command: str, directory: Path | None = None, environ: Mapping[str, str] | None = None) -> ClientRun:
        """Run a client."""
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        return run_client(command, home=home, directory=directory or self.directory, environ=environ or {})

    def pip(self, user: str = "", name: str = "demo", environ: Mapping[str, str] | None = None) -> ClientRun:
        """Install by pip."""
        line = ("install", "--no-deps", "--target", "pip", "--retries", "0", "--index-url", self.index(user), name)
        return self.run(sys.executable, "-m", "pip", *line, environ=environ)

    def uv(
        self, user: str = "", name: str = "demo", *, source: str = "", environ: Mapping[str, str] | None = None
    ) -> ClientRun:
        """Install by uv."""
        index = f"{source}{self.index(user)}"
        line = ("pip", "install", "--reinstall", "--no-deps", "--target", "uv", "--default-index", index, name)
        return self.run(find_uv_bin(), *line, environ={"UV_NO_CONFIG": "1", **(environ or {})})

    @property
    def requests(self) -> list[str]:
        """What was asked for, and the object that answered it."""
        return self.log.read_text(encoding="utf-8").splitlines()[1:]


@contextmanager
def run_edge(bucket: TestBucket, directory: Path, *, pages: PageStyle = "slash", auth: bool = False) -> Iterator[Edge]:
    """Publish, and run the function before the bucket."""
    place = S3Place(bucket=bucket.place.bucket, prefix="python/")
    settings = bucketwheel.Settings(repository=place, connection=bucket.connection)
    bucketwheel.initialise(settings, changes={"pages": pages})
    bucketwheel.publish(make_wheel(directory / "dist", name="demo", version="1.0+local"), settings)
    hosting = Hosting(bucket=place.bucket, prefix=place.prefix, layout=Layout(pages=pages), basic_auth=auth)
    function, users, log = directory / "function.js", directory / "users.json", directory / "requests.log"
    code = read_template(hosting)["Resources"]["Function"]["Properties"]["FunctionCode"]
    function.write_text(code, encoding="utf-8")
    users.write_text(json.dumps({"ann": entry("ann", TOKEN, "00ff")}), encoding="utf-8")
    origin = f"{bucket.connection.endpoint_url}/{place.bucket}"
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [*node_program("edge.cjs"), origin, str(function), str(users)],
            env=node_environment(),
            stdin=subprocess.PIPE,
            stdout=written,
        ) as server,
    ):
        try:
            yield Edge(port=_port(log, server), log=log, directory=directory)
        finally:
            server.kill()


def _port(log: Path, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        first, newline, _ = log.read_text(encoding="utf-8").partition("\n")
        if newline:
            return first
    raise RuntimeError("the edge does not start")


@pytest.mark.parametrize("pages", ["slash", "index.html"])
def test_pip_and_uv_install_through_the_function(bucket: TestBucket, tmp_path: Path, pages: PageStyle) -> None:
    """From the JSON page that they prefer, by any spelling, and a file with a plus in its name."""
    with run_edge(bucket, tmp_path, pages=pages) as edge:
        for ran in (edge.pip(), edge.uv()):
            assert ran.code == 0, ran.output
        assert len(list(tmp_path.glob("*/demo-1.0+local.dist-info"))) == 2
        pages_asked = [line for line in edge.requests if line.startswith("GET /python/simple/demo/ ")]
        assert {line.split()[2] for line in pages_asked} == {"/python/simple/demo/index.json"}
        assert any(line.endswith("demo-1.0%2Blocal-py3-none-any.whl") for line in edge.requests)


def test_a_missing_project_is_absent(bucket: TestBucket, tmp_path: Path) -> None:
    """It is no error of the index: both clients say that there is no such project."""
    with run_edge(bucket, tmp_path) as edge:
        pip, uv = edge.pip(name="no-such-project"), edge.uv(name="no-such-project")
    assert "No matching distribution found" in pip.output
    assert "was not found" in uv.output


def test_readers_need_a_name_and_its_token(bucket: TestBucket, tmp_path: Path) -> None:
    """Without it, or with another, nothing is installed; the lines that `user add` shows are those that work."""
    with run_edge(bucket, tmp_path, auth=True) as edge:
        for user in ("", "ann:wrong", f"bob:{TOKEN}"):
            assert edge.pip(user).code != 0
            assert edge.uv(user).code != 0
        assert {line.split()[2] for line in edge.requests} == {"401"}
        for ran in (edge.pip(f"ann:{TOKEN}"), edge.uv(f"ann:{TOKEN}")):
            assert ran.code == 0, ran.output
        export, *pairs = shlex.split(edge.clients["uv"])
        assert export == "export"
        variables = dict(pair.split("=", 1) for pair in pairs)
        assert edge.uv(source="company=", environ=variables).code == 0
        assert edge.uv(source="other=", environ=variables).code != 0
        netrc = tmp_path / "home" / ".netrc"
        netrc.write_text(f"{edge.clients['netrc']}\n", encoding="utf-8")
        netrc.chmod(0o600)
        assert edge.pip().code == 0
        assert edge.uv().code == 0


@needs_installing
def test_pip_and_uv_ask_the_keyring(bucket: TestBucket, tmp_path: Path) -> None:
    """The line for it fills a real one, which they ask with the name in the address."""
    keyring = install_tool(tmp_path, "keyring", ("keyring>=25", "keyrings.alt")).program
    variables = {
        "PATH": f"{keyring.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    with run_edge(bucket, tmp_path, auth=True) as edge:
        assert edge.run("sh", "-c", edge.clients["keyring"], environ=variables).code == 0
        ran = edge.uv("ann", environ={"UV_KEYRING_PROVIDER": "subprocess", **variables})
        assert ran.code == 0, ran.output
        ran = edge.pip("ann", environ={"PIP_KEYRING_PROVIDER": "subprocess", **variables})
        assert ran.code == 0, ran.output


@needs_installing
@pytest.mark.parametrize("auth", [False, True], ids=["open", "basic-auth"])
def test_poetry_installs_through_the_function(bucket: TestBucket, tmp_path: Path, *, auth: bool) -> None:
    """With the credentials in its own settings, as the line for it writes them."""
    poetry = str(install_tool(tmp_path, "poetry", ("poetry>=2.1",)).program)
    with run_edge(bucket, tmp_path, auth=auth) as edge:
        project = tmp_path / "project"
        project.mkdir()
        (project / "pyproject.toml").write_text(
            '[project]\nname = "consumer"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["demo"]\n'
            "[tool.poetry]\npackage-mode = false\n"
            f'[[tool.poetry.source]]\nname = "company"\nurl = "{edge.index()}"\npriority = "primary"\n',
            encoding="utf-8",
        )
        variables = {
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CACHE_DIR": str(tmp_path / "cache"),
            "POETRY_CONFIG_DIR": str(tmp_path / "config"),
            "POETRY_NO_INTERACTION": "1",
            "POETRY_KEYRING_ENABLED": "false",
        }
        program, *words = shlex.split(edge.clients["poetry"])
        assert program == "poetry"
        assert not auth or edge.run(poetry, *words, directory=project, environ=variables).code == 0
        ran = edge.run(poetry, "install", directory=project, environ=variables)
        assert ran.code == 0, ran.output
        assert list(project.rglob("demo-1.0+local.dist-info"))
