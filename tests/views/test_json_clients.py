"""Real readers of Warehouse's JSON: pdm with `pypi.json_api`, and the parser of micropip.

Both are installed from the package index, so they run with BUCKETWHEEL_TEST_HOSTS=all only.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.storage import Key
from support.archives import make_sdist, make_wheel
from support.clients import clean_environment, run_client
from support.ministack import TestBucket
from support.old_tools import install_tool
from support.wire import Wire, run_wire

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("BUCKETWHEEL_TEST_HOSTS") != "all", reason="installs other tools: with --thorough only"
    ),
]

# pdm 2.29 does not work with what is newer.
PDM, MICROPIP = ("pdm==2.29.*", "unearth<0.19", "hishel[httpx]<1.4"), ("micropip",)
PROJECT = """
[project]
name = "consumer"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["demo-pkg"]

[tool.pdm]
distribution = false

[[tool.pdm.source]]
name = "pypi"
url = "{address}simple"
"""
PARSE = """
import json, sys
from micropip.package_index import ProjectInfo
info = ProjectInfo.from_json_api(sys.stdin.read())
releases = {
    str(version): [[wheel.url, wheel.sha256, wheel.size] for wheel in found] for version, found in info.releases.items()
}
print(json.dumps([info.name, releases]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A repository with all JSON in it, behind a wire."""

    address: str
    wire: Wire
    document: bytes


@pytest.fixture
def index(bucket: TestBucket, tmp_path: Path) -> Iterator[Index]:
    """Publish a package, with a dependency that only its metadata name."""
    with run_wire(bucket.connection.endpoint_url) as wire:
        options = {"repository": str(bucket.place), "endpoint-url": wire.url, "region": "us-east-1"}
        settings = bucketwheel.load_settings(options=options, environ={})
        bucketwheel.initialise(settings, changes={"views": "json,json-versions"})
        needs = "Summary: a demonstration\nRequires-Dist: other\n"
        files = [make_wheel(tmp_path, version=version, metadata_extra=needs) for version in ("1.2", "1.10")]
        bucketwheel.publish([*files, make_sdist(tmp_path, version="1.10"), make_wheel(tmp_path, "other")], settings)
        storage = bucket.storage(endpoint_url=wire.url)
        document = storage.read(Key("pypi/demo-pkg/json"))
        assert document is not None
        wire.log.clear()
        yield Index(address=storage.address(""), wire=wire, document=document.body)


def test_pdm_resolves_by_the_documents_of_versions(index: Index, tmp_path: Path) -> None:
    """It reads dependencies there, and fetches no wheel for them."""
    pdm = install_tool(tmp_path, "pdm", PDM).program
    project, home = tmp_path / "consumer", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    (project / "pyproject.toml").write_text(PROJECT.format(address=index.address), "utf-8")
    (project / "pdm.toml").write_text("[pypi]\njson_api = true\n", "utf-8")
    environ = {"PDM_CHECK_UPDATE": "0", "PDM_CACHE_DIR": str(home / "cache"), "PDM_USE_VENV": "1"}
    ran = run_client([str(pdm), "lock"], home=home, directory=project, environ=environ)
    assert ran.code == 0, ran.output
    lock = (project / "pdm.lock").read_text("utf-8")
    assert 'name = "other"' in lock
    asked = {one.path.rpartition("/pypi/")[2] for one in index.wire.log if "/pypi/" in one.path}
    assert asked == {"demo-pkg/1.10/json", "other/1.0/json"}
    assert not [one.path for one in index.wire.log if one.path.endswith((".whl", ".metadata"))]


def test_micropip_reads_the_document_of_a_project(index: Index, tmp_path: Path) -> None:
    """Its own parser finds every wheel with its digest and size, in the order of versions."""
    python = install_tool(tmp_path, "micropip", MICROPIP).program.parent / "python"
    read = subprocess.run(
        [str(python), "-c", PARSE],
        input=index.document,
        env=clean_environment(python.parent),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    name, releases = json.loads(read.stdout)
    wheels = [file for file in json.loads(index.document)["urls"] if file["filename"].endswith(".whl")]
    assert (name, list(releases)) == ("demo-pkg", ["1.2", "1.10"])
    assert releases["1.10"] == [[file["url"], file["digests"]["sha256"], file["size"]] for file in wheels]
