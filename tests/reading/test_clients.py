"""Real clients by `bucketwheel exec` against a private bucket: what they install, and what they record.

pip and uv run always. BUCKETWHEEL_TEST_HOSTS=all also installs poetry, pdm, pipenv and Hatch from the package index.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from uv import find_uv_bin

import bucketwheel
from bucketwheel.gateway.addresses import default_port
from support.archives import make_wheel
from support.clients import TOOLS, ClientRun, run_client, within
from support.gateways import settings_for
from support.index_server import IndexServer, serve_index
from support.old_tools import install_tool
from support.private_index import PAGE, PrivateIndex, block, lines_of
from support.private_store import Keys

pytestmark = pytest.mark.timeout(600)

needs_installing = pytest.mark.skipif(
    os.environ.get("BUCKETWHEEL_TEST_HOSTS") != "all", reason="installs other tools: with --thorough only"
)

PROJECT = """
[project]
name = "consumer"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["other-package"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A developer with credentials, in the directory of a project."""

    index: PrivateIndex
    fallback: str
    directory: Path
    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def execute(self, *command: str, options: Sequence[str] = ()) -> ClientRun:
        """Run a command by `bucketwheel exec`; what the repository lacks is at an index of ours, never at PyPI."""
        fallback = [] if "--only" in options else ["--fallback", self.fallback]
        port = [] if "--port" in options else ["--port", "0"]
        line = [*("-m", "bucketwheel", "exec"), *self.index.arguments, *fallback, *port, *options, "--", *command]
        environ = {**self.index.store.keys.variables, **self.environ}
        return run_client([sys.executable, *line], home=self.home, directory=self.directory, environ=environ)

    def pip(self, *args: str, options: Sequence[str] = ()) -> ClientRun:
        """Run pip so."""
        return self.execute(sys.executable, "-m", "pip", *args, options=options)

    def uv(self, *args: str, options: Sequence[str] = ()) -> ClientRun:
        """Run uv so."""
        return self.execute(find_uv_bin(), *args, options=options)

    @property
    def files(self) -> dict[str, str]:
        """The texts of all files at the top of the project: its lock file is among them."""
        return {path.name: path.read_text("utf-8") for path in self.directory.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def fallback_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexServer]:
    """Serve an index that has a package of its own, and 99.0 of all that is ours."""
    root = tmp_path_factory.mktemp("fallback")
    names = ("public-package", "my-package", "other-package", "emptied", "forbidden")
    made = [make_wheel(root / "dist", name, "99.0") for name in names]
    bucketwheel.publish(made, settings_for(root / "repository"))
    with serve_index(root / "repository") as server:
        yield server


@pytest.fixture
def reader(private_index: PrivateIndex, fallback_index: IndexServer, tmp_path: Path) -> Reader:
    """Give a developer in an empty directory."""
    fallback_index.requests.clear()
    directory, home = tmp_path / "pro ject", tmp_path / "home"
    directory.mkdir()
    home.mkdir()
    return Reader(index=private_index, fallback=f"{fallback_index.url}simple/", directory=directory, home=home)


def dists(directory: Path) -> set[str]:
    """Return what is installed below a directory."""
    return {path.name.removesuffix(".dist-info") for path in directory.rglob("*.dist-info")}


OURS = {"my_package-1.5+local", "other_package-1.0"}

# pip and uv ----------------------------------------------------------------------------------------------------------


def test_pip_installs_ours_and_what_is_public(reader: Reader, fallback_index: IndexServer) -> None:
    """Through the gateway, with the credentials of the caller; the password goes nowhere else."""
    ran = reader.pip("install", "--target", "target", "other-package", "public-package")
    assert ran.code == 0, ran.output
    assert dists(reader.directory / "target") == {*OURS, "public_package-99.0"}
    assert all(one.signed for one in reader.index.store.seen)
    assert {request.path for request in fallback_index.requests if request.path.endswith("/")} == {
        "/simple/public-package/"
    }
    assert fallback_index.authorizations() == set()


def test_uv_reads_the_bucket_itself(reader: Reader) -> None:
    """Its lock file has the bucket's address and no gateway, and `--only` is enough for what is all ours."""
    (reader.directory / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    ran = reader.uv("sync", options=["--only"])
    assert ran.code == 0, ran.output
    assert dists(reader.directory / ".venv") == OURS
    lock = reader.files["uv.lock"]
    assert reader.index.url in lock
    assert "127.0.0.1:" not in lock.replace(reader.index.store.url, "")
    assert reader.index.store.keys.secret not in lock


def test_pip_lock_has_no_password(reader: Reader) -> None:
    """It records the addresses of files, at the gateway."""
    ran = reader.pip("lock", "--quiet", "other-package")
    assert ran.code == 0, ran.output
    lock = reader.files["pylock.toml"]
    assert "http://127.0.0.1:" in lock
    assert "@" not in lock


@pytest.mark.parametrize("client", ["pip", "uv"])
@pytest.mark.parametrize("name", ["my-package", "emptied", "forbidden"])
def test_another_index_never_answers_for_our_names(
    reader: Reader, fallback_index: IndexServer, client: str, name: str
) -> None:
    """Dependency confusion: it offers 99.0 of one that we have, of one with an empty page, of one that answers 403."""
    if name == "forbidden":
        reader.index.store.forbidden = "/forbidden/"
    try:
        install = ("install", "--target", "target", f"{name}>0")
        ran = reader.pip(*install, "--retries", "0") if client == "pip" else reader.uv("pip", *install)
    finally:
        reader.index.store.forbidden = ""
    expected = {"my_package-1.5+local"} if name == "my-package" else set()
    assert dists(reader.directory / "target") == expected, ran.output
    assert (ran.code == 0) is bool(expected)
    if client == "pip":
        assert fallback_index.requests == []


def test_a_second_index_of_pip_is_removed(reader: Reader, fallback_index: IndexServer) -> None:
    """PIP_EXTRA_INDEX_URL would let 99.0 win; one sentence says that it does not count."""
    second = replace(reader, environ={"PIP_EXTRA_INDEX_URL": f"{fallback_index.url}simple/"})
    ran = second.pip("install", "--target", "target", "my-package")
    assert ran.code == 0, ran.output
    assert dists(reader.directory / "target") == {"my_package-1.5+local"}
    assert ran.output.count("PIP_EXTRA_INDEX_URL") == 1


def test_with_only_nothing_else_is_asked(reader: Reader, fallback_index: IndexServer) -> None:
    """A public package is not found."""
    for ran in (
        reader.pip("install", "--target", "target", "public-package", options=["--only"]),
        reader.uv("pip", "install", "--target", "target", "public-package", options=["--only"]),
    ):
        assert ran.code != 0
    assert fallback_index.requests == []


def test_a_proxy_is_not_asked_for_the_gateway(reader: Reader) -> None:
    """Whatever HTTP_PROXY says."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    # The store is at 127.0.0.1 too, so only the command has the proxy.
    code = (
        f"import os, runpy, sys; os.environ['HTTP_PROXY'] = {proxy!r}; "
        "sys.argv[1:] = ['install', '--target', 'target', 'my-package']; runpy.run_module('pip', run_name='__main__')"
    )
    ran = reader.execute(sys.executable, "-c", code)
    assert ran.code == 0, ran.output


def test_without_the_right_to_list_pip_gets_an_error(reader: Reader, fallback_index: IndexServer) -> None:
    """S3 says 403 for what is absent then: nobody can know, so nothing is taken from elsewhere."""
    reader.index.store.lists = False
    ran = reader.pip("install", "--target", "target", "public-package", "--retries", "0")
    assert ran.code != 0
    assert "s3:ListBucket" in ran.output
    assert fallback_index.requests == []


def test_a_session_of_a_role_is_enough(reader: Reader) -> None:
    """Its token is in no output, at any verbosity."""
    session: Keys = reader.index.store.session()
    with_session = replace(reader, environ=session.variables)
    ran = with_session.pip("install", "-vv", "--target", "target", "my-package", options=["-v"])
    assert ran.code == 0, ran.output
    assert session.token not in ran.output
    assert session.secret not in ran.output
    assert re.search(r"GET /simple/my-package/ 200 \d+ ms", ran.output)
    assert not re.search(r"bucketwheel:[^*@]+@", ran.output)


def test_the_commands_of_the_page_are_clients_that_we_test() -> None:
    """Each line of the page runs a client of this file."""
    clients = {line.split(" -- ")[1].split()[0] for line in lines_of(block(PAGE, "exec: lines"))}
    assert clients == {"pip", "uv", *TOOLS}


def test_the_port_of_the_page_is_that_of_its_repository() -> None:
    """A reader who copies the lines for another repository is told where to find the port."""
    assert f"http://127.0.0.1:{default_port('s3://my-bucket/python')}/simple/" in block(PAGE, "poetry: pyproject.toml")


# Every other client --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install each client into an environment of its own."""
    home = tmp_path_factory.mktemp("tools")
    return {name: str(install_tool(home, name, requirements).program) for name, requirements in TOOLS.items()}


def having(reader: Reader) -> Reader:
    """Return the developer with settings that keep every client within the test's directories."""
    return replace(reader, environ=within(reader.home))


@needs_installing
def test_poetry(reader: Reader, tools: Mapping[str, str]) -> None:
    """The page's source, with the port of the repository; the lock file has the source and no password."""
    table = block(PAGE, "poetry: pyproject.toml")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    text = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", table)
    (reader.directory / "pyproject.toml").write_text(f"{PROJECT}\n[tool.poetry]\npackage-mode = false\n{text}")
    ran = having(reader).execute(tools["poetry"], "install", options=["--port", port])
    assert ran.code == 0, ran.output
    assert dists(reader.directory / ".venv") >= OURS
    lock = reader.files["poetry.lock"]
    assert f'url = "http://127.0.0.1:{port}/simple"' in lock
    assert "bucketwheel:" not in lock


@needs_installing
def test_pdm(reader: Reader, tools: Mapping[str, str]) -> None:
    """The lock file has names and hashes, and no address."""
    (reader.directory / "pyproject.toml").write_text(f"{PROJECT}\n[tool.pdm]\ndistribution = false\n")
    ran = having(reader).execute(tools["pdm"], "install", "--no-self")
    assert ran.code == 0, ran.output
    assert dists(reader.directory / ".venv") >= OURS
    lock = reader.files["pdm.lock"]
    assert "sha256:" in lock
    assert "127.0.0.1" not in lock


@needs_installing
def test_pipenv(reader: Reader, tools: Mapping[str, str]) -> None:
    """The lock file has the source of the Pipfile, and neither the gateway nor its password."""
    source = '[[source]]\nname = "pypi"\nurl = "https://pypi.org/simple"\nverify_ssl = true\n'
    (reader.directory / "Pipfile").write_text(f'{source}\n[packages]\nother-package = "*"\n')
    ran = having(reader).execute(tools["pipenv"], "install", "--python", sys.executable)
    assert ran.code == 0, ran.output
    assert dists(reader.directory / ".venv") >= OURS
    lock = reader.files["Pipfile.lock"]
    assert "sha256:" in lock
    assert "127.0.0.1" not in lock
    assert "127.0.0.1" not in reader.files["Pipfile"]


@needs_installing
def test_hatch(reader: Reader, tools: Mapping[str, str]) -> None:
    """Its environments are filled by pip, which finds the gateway."""
    environment = '\n[tool.hatch.envs.default]\nskip-install = true\ndependencies = ["other-package"]\n'
    (reader.directory / "pyproject.toml").write_text(f"{PROJECT}{environment}")
    (reader.home / "hatch.toml").touch()
    ran = having(reader).execute(tools["hatch"], "run", "python", "-c", "import my_package as m; print(m.__version__)")
    assert ran.code == 0, ran.output
    assert "1.5+local" in ran.output
