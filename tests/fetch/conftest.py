"""Fixtures for the tests of fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.fetching import Fetching
from support.http_server import Certificate, WebServer, answer, make_certificate, serve


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Give a wheel of demo-pkg 1.0."""
    return make_wheel(tmp_path / "made")


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    """Give the sdist of the same release."""
    return make_sdist(tmp_path / "made")


@pytest.fixture
def site(wheel: Path, sdist: Path) -> Iterator[WebServer]:
    """Run a web server that has both files under /files/, and nothing else yet."""
    with serve() as running:
        for path in (wheel, sdist):
            running.put(f"/files/{path.name}", answer(path.read_bytes(), Content_Type="application/octet-stream"))
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give a certificate that no trust store has."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetching:
    """Give a fetch into an empty place, by a user whose home has nothing in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Fetching(dist=tmp_path / "dist")
