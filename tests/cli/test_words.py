"""The text that all doors share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_origin, get_type_hints

import pytest

import bucketwheel
from bucketwheel.commands.publish import Fate, FilePublished, Publication
from bucketwheel.commands.reindex import Reindexed
from bucketwheel.errors import Denied, Misconfigured, Problem, Refused, Unavailable
from bucketwheel.events import Created, Event, FileDone, FileStarted, RequestSent, Stage, Warned
from bucketwheel.frontends.text import (
    _TEXTS,
    describe,
    error_texts,
    install_line,
    size_words,
    text,
)
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.places import DirectoryPlace
from bucketwheel.storage import Key

VERBS = (
    *("adopt", "check", "delete", "fetch", "hide", "initialise", "promote", "prune", "prune_orphans", "publish"),
    *("read_status", "reindex", "set_status", "show", "unhide", "unyank", "yank"),
)


def file_published(name: str, version: str, fate: Fate = "published") -> FilePublished:
    """Write down the fate of a file of a project."""
    path = Path("dist", f"{name}-{version}.tar.gz")
    return FilePublished(path=path, project=ProjectName(name), version=version, sha256=Sha256("a" * 64), fate=fate)


def publication(*files: FilePublished, dry_run: bool = False, pages: tuple[str, ...] = ()) -> Publication:
    """Write down a publication into one index."""
    return Publication(
        repository=DirectoryPlace(path=Path("/srv/pypi")),
        index_url="https://pypi.example.com/simple/",
        created=False,
        files=files,
        pages=tuple(Key(page) for page in pages),
        dry_run=dry_run,
    )


@pytest.mark.parametrize(
    ("event", "verbosity", "text"),
    [
        (Warned(message="mind the gap"), -1, "mind the gap"),
        (RequestSent(verb="PUT", target="simple/a/a-1.whl", status=200, milliseconds=35), 0, None),
        (
            RequestSent(verb="PUT", target="simple/a/a-1.whl", status=200, milliseconds=35),
            1,
            "PUT simple/a/a-1.whl 200 35 ms",
        ),
        (RequestSent(verb="GET", target="x", status=0, milliseconds=9), 1, "GET x no answer 9 ms"),
        (
            RequestSent(verb="GET", target="x", status=0, milliseconds=9, reason="timed out"),
            1,
            "GET x timed out 9 ms",
        ),
        (RequestSent(verb="GET", target="\x1b[2J", status=404, milliseconds=9), 1, "GET \\x1b[2J 404 9 ms"),
        (Created(repository="s3://bucket/pypi"), 0, "created a new repository at s3://bucket/pypi"),
        (Created(repository="s3://bucket/pypi"), -1, None),
        (Stage(doing="validating", count=1), 0, "validating 1 file"),
        (Stage(doing="uploading", count=2, total_bytes=1_234_567), 0, "uploading 2 files (1.2 MB)"),
        (Stage(doing="reindexing", count=3), 0, "reindexing 3 projects"),
        (Stage(doing="uploading", count=0), 0, None),
        (Stage(doing="validating", count=1), -1, None),
        (FileStarted(name="a.whl", size=1), 1, None),
        (FileDone(name="a.whl", size=1), 1, None),
    ],
    ids=repr,
)
def test_each_event_has_its_words(event: Event, verbosity: int, text: str | None) -> None:
    """Quiet leaves only warnings, and only verbose shows requests; nothing hostile reaches the terminal."""
    assert describe(event, verbosity=verbosity) == text


def test_every_problem_is_a_text_of_its_own() -> None:
    """Several problems are several texts, each with its remedy; a remedy of several lines stays whole."""
    one = Problem(subject="a.whl", what="is cut off", remedy="build it again")
    two = Problem(subject="repository", what="is missing", remedy="paste:\n\n[tool.bucketwheel]")
    assert error_texts(Refused(one, two)) == (
        "a.whl is cut off; build it again",
        "repository is missing; paste:\n\n[tool.bucketwheel]",
    )
    three = Problem(subject="b.whl", what="is cut off too", remedy="build it again")
    assert error_texts(Refused(one, two, three))[0] == "a.whl is cut off;\nb.whl is cut off too;\nbuild it again"
    assert error_texts(Misconfigured(one)) == ("a.whl is cut off; build it again",)
    assert error_texts(Unavailable("no answer\nno route")) == ("no answer", "no route")


def test_a_remedy_names_options_as_the_user_of_that_door_writes_them() -> None:
    """Hatch has no --profile; commands in backticks are commands of other programs, and stay."""
    error = Denied("no credentials; set --profile, or run `aws sso login --profile ci`")
    assert error_texts(error) == (str(error),)
    assert error_texts(error, option="-o {}=") == (
        "no credentials; set -o profile=, or run `aws sso login --profile ci`",
    )


@pytest.mark.parametrize("name", VERBS)
def test_every_result_has_a_text(name: str) -> None:
    """The type that a public verb returns is one that `text` knows."""
    returned = get_type_hints(getattr(bucketwheel, name))["return"]
    assert (get_origin(returned) or returned).__name__ in _TEXTS


def test_the_last_line_installs_the_newest_of_each_project() -> None:
    """The last line is a command that works as it is, from this index and no other."""
    published = publication(file_published("demo", "1.10"), file_published("demo", "1.9"), file_published("zoo", "2"))
    assert text(published) == (
        "dist/demo-1.10.tar.gz ... success",
        "dist/demo-1.9.tar.gz ... success",
        "dist/zoo-2.tar.gz ... success",
        "pip install --index-url https://pypi.example.com/simple/ demo==1.10 zoo==2",
    )


def test_the_install_line_is_quoted_for_the_shell() -> None:
    """A path with a space or an epoch's exclamation mark survives being pasted."""
    spaced = Publication(
        repository=DirectoryPlace(path=Path("/srv/my pypi")),
        index_url="file:///srv/it's/simple/",
        created=False,
        files=(file_published("demo", "1!2.0"),),
        pages=(),
        dry_run=False,
    )
    assert install_line(spaced) == """pip install --index-url 'file:///srv/it'"'"'s/simple/' 'demo==1!2.0'"""


def test_each_fate_has_its_word() -> None:
    """Published, existing and skipped files have different words."""
    published = publication(file_published("a", "1", "already-exists"), file_published("b", "1", "skipped"))
    assert text(published)[:2] == (
        "dist/a-1.tar.gz ... already exists",
        "dist/b-1.tar.gz ... skipped, already exists with other bytes",
    )


def test_a_dry_run_tells_what_would_be() -> None:
    """A dry run promises no installation, and names each page that would change."""
    rehearsed = publication(
        file_published("a", "1"), file_published("b", "1", "already-exists"), dry_run=True, pages=("simple/a/",)
    )
    assert text(rehearsed) == (
        "would publish dist/a-1.tar.gz",
        "dist/b-1.tar.gz ... already exists",
        "would change page simple/a/",
    )
    assert text(publication(dry_run=True)) == ("would change no page",)


def test_reindexing_counts_what_was_behind() -> None:
    """One page is one page, and a dry run counts projects."""
    assert text(Reindexed(projects=2, pages_behind=1, dry_run=False)) == ("looked at 2 projects, wrote 1 page",)
    assert text(Reindexed(projects=1, pages_behind=1, dry_run=True)) == (
        "looked at 1 project, would write the pages of 1 project",
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_250_000, "1.2 MB"),
        (5_368_709_120, "5.4 GB"),
        (3 * 10**15, "3000.0 TB"),
    ],
)
def test_sizes_are_said_as_a_person_would(size: int, text: str) -> None:
    """Bytes are counted in powers of a thousand, as file managers and S3's bills do."""
    assert size_words(size) == text


def test_a_command_loads_no_other_commands() -> None:
    """A publish to a directory pays for neither adopt nor check, nor for an HTTP client."""
    program = (
        "import sys; import bucketwheel.frontends.text, bucketwheel.frontends.cli.json, bucketwheel.commands.publish; "
        "print(*sys.modules)"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "bucketwheel.commands.publish" in loaded
    assert loaded & {"bucketwheel.commands.adopt", "bucketwheel.commands.check", "urllib3", "boto3", "rich"} == set()
