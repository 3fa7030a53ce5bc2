"""Real clients upload through the gateway: new files, the same again, other bytes, a wrong token; pip installs them.

twine and uv run always. BUCKETWHEEL_TEST_HOSTS=all also installs poetry, flit, Hatch and pdm from the package index,
and lets sixteen twine run at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

import bucketwheel
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.clients import ClientRun, run_client, run_pip
from support.gateways import settings_for
from support.keyring import new_keyring
from support.old_tools import install_tool
from support.releasing import manifest_of
from support.uploading import TOKEN, UploadServer, run_uploads

pytestmark = pytest.mark.timeout(600)

all_clients = os.environ.get("BUCKETWHEEL_TEST_HOSTS") == "all"
needs_installing = pytest.mark.skipif(not all_clients, reason="installs other tools: with --thorough only")
WRONG = "a-wrong-token-of-some-length"

# pdm 2.29 does not work with what is newer.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "poetry": ("poetry==2.5.*",),
    "flit": ("flit==4.2.*",),
    "hatch": ("hatch==1.18.*",),
    "pdm": ("pdm==2.29.*", "unearth<0.19", "hishel[httpx]<1.4"),
}
PROJECT = """
[build-system]
requires = ["{backend}"]
build-backend = "{backend_module}"

[project]
name = "demo-pkg"
version = "1.0"
description = "{description}"
requires-python = ">=3.11"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """A developer with a project, and one client."""

    client: str
    program: str
    server: UploadServer
    project: Path
    home: Path

    def publish(self, token: str = TOKEN, *options: str) -> ClientRun:
        """Upload what is in `dist`, as docs/uploading.md says."""
        url = self.server.url
        match self.client:
            case "twine":
                files = map(str, sorted((self.project / "dist").iterdir()))
                command = [sys.executable, "-m", "twine", "upload", "--repository-url", url, *options, *files]
                variables = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": token}
            case "uv":
                command, variables = (
                    [self.program, "publish", "--publish-url", url, *options],
                    {"UV_PUBLISH_TOKEN": token},
                )
            case "poetry":
                command = [self.program, "publish", "-r", "company", "-n", *options]
                user = {"POETRY_HTTP_BASIC_COMPANY_USERNAME": "__token__", "POETRY_HTTP_BASIC_COMPANY_PASSWORD": token}
                variables = {"POETRY_REPOSITORIES_COMPANY_URL": url, **user}
            case "flit":
                command = [self.program, "publish", *options]
                variables = {"FLIT_INDEX_URL": url, "FLIT_USERNAME": "__token__", "FLIT_PASSWORD": token}
            case "hatch":
                command = [self.program, "publish", "-n", "-r", url, *options]
                variables = {"HATCH_INDEX_USER": "__token__", "HATCH_INDEX_AUTH": token}
            case _:
                command = [self.program, "publish", "--no-build", "--repository", url, *options]
                variables = {"PDM_PUBLISH_USERNAME": "__token__", "PDM_PUBLISH_PASSWORD": token}
        environ = {"COLUMNS": "1000", **variables}
        return run_client(command, home=self.home, directory=self.project, environ=environ)

    def build(self, description: str) -> None:
        """Put files into `dist`, other ones for another description; flit builds its own from the project."""
        dist = self.project / "dist"
        for old in dist.glob("*"):
            old.unlink()
        backend = ("flit_core", "flit_core.buildapi") if self.client == "flit" else ("hatchling", "hatchling.build")
        text = PROJECT.format(backend=backend[0], backend_module=backend[1], description=description)
        (self.project / "pyproject.toml").write_text(text)
        (self.project / "demo_pkg").mkdir(exist_ok=True)
        (self.project / "demo_pkg" / "__init__.py").write_text(f'"""{description}"""\n__version__ = "1.0"\n')
        if self.client != "flit":
            make_wheel(dist, metadata_extra=f"Summary: {description}\n")
            make_sdist(dist, metadata_extra=f"Summary: {description}\n")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keep what was installed, for the tests of this file."""
    return {"twine": sys.executable, "uv": find_uv_bin(), "": str(tmp_path_factory.mktemp("tools"))}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with another project in it."""
    root = tmp_path / "repository"
    bucketwheel.publish(make_wheel(tmp_path / "first", "other"), settings_for(root))
    return root


@pytest.fixture
def server(repository: Path) -> Iterator[UploadServer]:
    """Take uploads into it."""
    with run_uploads(settings_for(repository)) as server:
        yield server


@pytest.fixture
def publisher(
    request: pytest.FixtureRequest, server: UploadServer, programs: dict[str, str], tmp_path: Path
) -> Publisher:
    """Give a developer with a client, which is installed if need be."""
    client: str = request.param
    if client not in programs:
        programs[client] = str(install_tool(Path(programs[""]), client, TOOLS[client]).program)
    project, home = tmp_path / "pro ject", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    return Publisher(client=client, program=programs[client], server=server, project=project, home=home)


EVERY = ["twine", "uv", *(pytest.param(name, marks=needs_installing) for name in TOOLS)]
WORDS = dict.fromkeys(("twine", "uv", "poetry", "flit", "hatch", "pdm"), "File already exists")


@pytest.mark.parametrize("publisher", EVERY, indirect=True)
def test_a_client(publisher: Publisher, repository: Path) -> None:
    """New, the same again, other bytes, a wrong token; then pip installs what was uploaded."""
    publisher.build("first")
    wrong = publisher.publish(WRONG)
    assert wrong.code != 0, wrong.output
    assert ("403" if publisher.client == "pdm" else "the upload token is wrong") in wrong.output
    for _ in range(2):
        ran = publisher.publish()
        assert ran.code == 0, ran.output
    names = {file.filename for file in manifest_of(DirectoryStorage(root=repository), "demo-pkg").files}
    assert names == {"demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"}
    publisher.build("second")
    sent = len(publisher.server.logged)
    other = publisher.publish()
    if publisher.client == "hatch":  # it looks for the names first, and sends no file that is there
        assert (other.code, other.output.count("already exists")) == (0, 2), other.output
        assert len(publisher.server.logged) == sent
    else:
        assert other.code != 0, other.output
        assert ("400" if publisher.client == "pdm" else "File already exists") in other.output
    index = publisher.server.url.replace("legacy", "simple")
    target = publisher.home / "target"
    ran = run_pip(["install", "--index-url", index, "--target", str(target), "demo-pkg"], home=publisher.home)
    assert ran.code == 0, ran.output
    assert (target / "demo_pkg" / "__init__.py").is_file()
    assert list(publisher.server.folder.iterdir()) == []


@pytest.mark.parametrize(
    "publisher", [pytest.param(name, marks=needs_installing) for name in ("poetry", "pdm")], indirect=True
)
def test_skip_existing(publisher: Publisher) -> None:
    """These two find the words of the refusal, and go on."""
    publisher.build("first")
    assert publisher.publish().code == 0
    publisher.build("second")
    ran = publisher.publish(TOKEN, "--skip-existing")
    assert ran.code == 0, ran.output


@pytest.mark.parametrize("publisher", ["twine"], indirect=True)
def test_twine_has_no_skip_existing_for_us(publisher: Publisher) -> None:
    """As docs/uploading.md says: it refuses before it sends anything."""
    publisher.build("first")
    ran = publisher.publish(TOKEN, "--skip-existing")
    assert ran.code != 0
    assert "skip-existing" in ran.output
    assert publisher.server.logged == []


@pytest.mark.parametrize("publisher", ["uv"], indirect=True)
def test_uv_checks_by_the_index(publisher: Publisher) -> None:
    """By --check-url it sends nothing that is there; other bytes it refuses itself."""
    publisher.build("first")
    index = publisher.server.url.replace("legacy", "simple")
    assert publisher.publish().code == 0
    sent = len(publisher.server.logged)
    ran = publisher.publish(TOKEN, "--check-url", index)
    assert ran.code == 0, ran.output
    assert len(publisher.server.logged) == sent
    publisher.build("second")
    ran = publisher.publish(TOKEN, "--check-url", index)
    assert ran.code != 0, ran.output


@pytest.mark.parametrize("publisher", ["twine", "uv"], indirect=True)
def test_attestations_of_clients(publisher: Publisher, repository: Path) -> None:
    """Twine sends them if it is told to, uv by itself; both are verified and published."""
    attested = Path(__file__).parent.parent / "signing" / "attested"
    dist = publisher.project / "dist"
    dist.mkdir()
    name = "gitlab_oidc_project-0.0.3.tar.gz"
    for file in (name, f"{name}.publish.attestation"):
        (dist / file).write_bytes((attested / file).read_bytes())
    ran = publisher.publish(TOKEN, *(["--attestations"] if publisher.client == "twine" else []))
    assert ran.code == 0, ran.output
    assert (repository / "simple/gitlab-oidc-project" / f"{name}.provenance").is_file()


@pytest.mark.parametrize("publisher", ["twine"], indirect=True)
def test_the_signature_that_twine_sends(
    publisher: Publisher, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of another file refuses the upload; a good one is published."""
    wheel = make_wheel(publisher.project / "dist")
    signature = wheel.with_name(f"{wheel.name}.asc")
    with new_keyring() as keyring:
        monkeypatch.setenv("GNUPGHOME", str(keyring.home))
        keyring.make_key("good")
        signature.write_bytes(keyring.sign(make_wheel(tmp_path, version="2.0"), "good"))
        refused = publisher.publish()
        assert refused.code != 0, refused.output
        assert f"{signature.name}" in refused.output
        signature.write_bytes(keyring.sign(wheel, "good"))
        ran = publisher.publish()
        assert ran.code == 0, ran.output
    assert (repository / "simple" / "demo-pkg" / signature.name).read_bytes() == signature.read_bytes()


@needs_installing
def test_sixteen_twine_at_once(server: UploadServer, repository: Path, tmp_path: Path) -> None:
    """To one project: all are released."""
    wheels = [make_wheel(tmp_path, version=f"1.{number}") for number in range(16)]

    def upload(wheel: Path) -> int:
        command = [sys.executable, "-m", "twine", "upload", "--repository-url", server.url, str(wheel)]
        variables = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": TOKEN}
        return run_client(command, home=tmp_path, directory=tmp_path, environ=variables).code

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(upload, wheels)) == [0] * 16
    assert len(manifest_of(DirectoryStorage(root=repository), "demo-pkg").files) == 16
