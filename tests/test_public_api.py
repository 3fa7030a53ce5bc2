"""The public surface: what `import bucketwheel` gives, and that it costs nothing until it is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bucketwheel
from support.api_page import PAGE, api_page
from support.archives import make_wheel
from support.manifests import DEMO, published


@pytest.mark.parametrize("name", dir(bucketwheel))
def test_every_public_name_is_documented(name: str) -> None:
    """Each name can be had, and docs/api.md has a text for it."""
    assert getattr(bucketwheel, name) is not None
    _, _, described = PAGE.read_text(encoding="utf-8").partition(f"\n### `{name}`\n")
    text = described.partition("\n##")[0]
    assert re.search(r"^[A-Z].*\w", text, re.MULTILINE)


def test_the_page_of_the_api_is_that_of_the_code() -> None:
    """docs/api.md shows every signature, attribute and default as they are."""
    assert PAGE.read_text(encoding="utf-8") == api_page(), "run `python tests/support/api_page.py`"


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", [str, Path])
def test_publish_takes_text_and_paths(kind: Callable[[Path], str | Path], several: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's
    """What to publish may be one text or Path, or several; a text is never taken for the letters in it."""
    wheel = make_wheel(tmp_path / "dist", "demo-pkg", "1.0")
    settings = bucketwheel.load_settings(tmp_path, options={"repository": str(tmp_path / "repository")}, environ={})
    what = [kind(wheel)] if several else kind(tmp_path / "dist")
    publication = bucketwheel.publish(what, settings)
    assert [file.path.name for file in publication.files] == [wheel.name]


def test_what_functions_take_is_public(tmp_path: Path) -> None:
    """A program of its own can name the types of the arguments: settings, a connection, limits, a report."""
    make_wheel(tmp_path / "ci", "demo-pkg", "1.0")
    events: list[object] = []
    report: bucketwheel.Report = events.append
    connection, limits = bucketwheel.Connection(region="eu-central-1"), bucketwheel.Limits(tries=1)
    sources, into = [str(tmp_path / "ci")], tmp_path / "dist"
    [file] = bucketwheel.fetch(
        "demo-pkg", sources=sources, into=into, connection=connection, limits=limits, report=report
    )
    assert file.path.is_file()
    assert events


def test_the_public_names_are_those_that_are_listed() -> None:
    """Nothing is served that is not announced."""
    starred: dict[str, object] = {}
    exec("from bucketwheel import *", starred)  # noqa: S102 - what a user may write
    assert set(starred) - {"__builtins__"} == set(dir(bucketwheel)) >= {"publish", "Settings", "Refused"}
    with pytest.raises(AttributeError, match="nothing"):
        bucketwheel.nothing  # type: ignore[attr-defined]  # noqa: B018 - that is the test


def test_importing_it_imports_nothing_else() -> None:
    """A door that needs one name pays for that one."""
    program = "import bucketwheel, sys; print(*(name for name in sys.modules if name.startswith('bucketwheel.')))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_pages_can_be_rendered_and_read_back_without_a_repository() -> None:
    """A server or generator of one's own uses the renderers, and reads any index page."""
    wheel = published("demo_pkg-1.0+cpu-py3-none-any.whl", "1.0+cpu", yanked="broken")
    manifest = bucketwheel.Manifest(project=DEMO, revision=3, files=(wheel,))
    html, document = bucketwheel.render_simple_html(manifest), bucketwheel.render_simple_json(manifest)
    for body, media_type in ((html, "text/html"), (document, "application/vnd.pypi.simple.v1+json")):
        page = bucketwheel.read_index(body, media_type, "https://pypi.example.com/simple/demo-pkg/")
        [link] = page.links
        assert (link.filename, link.sha256) == (wheel.filename, wheel.sha256)
        assert str(link.url) == "https://pypi.example.com/simple/demo-pkg/demo_pkg-1.0%2Bcpu-py3-none-any.whl"
    assert json.loads(document)["files"][0]["yanked"] == "broken"


def test_attestations_are_linked_by_an_absolute_address_only() -> None:
    """PEP 740 asks for a full URL on a secure origin, so it takes the repository's public address."""
    wheel = published("demo_pkg-1.0-py3-none-any.whl", "1.0", provenance_sha256="b" * 64)
    manifest = bucketwheel.Manifest(project=DEMO, revision=1, files=(wheel,))
    assert b"provenance" not in bucketwheel.render_simple_html(manifest)
    for render in (bucketwheel.render_simple_html, bucketwheel.render_simple_json):
        page = render(manifest, base_url="https://pypi.example.com/")
        assert b"https://pypi.example.com/simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl.provenance" in page


def test_what_is_no_index_page_is_said_to_be_none() -> None:
    """The error continues the page's URL, and is public."""
    with pytest.raises(bucketwheel.UnreadablePage):
        bucketwheel.read_index(b"{}", "application/json", "https://pypi.example.com/simple/")
