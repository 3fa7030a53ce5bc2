"""`hatch publish -p s3` as the real Hatch runs it: what it publishes, what it says, how it ends."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from bucketwheel.names import sha256_of
from support.archives import make_sdist, make_wheel
from support.clients import run_pip
from support.command_line import run_at_terminal
from support.hosts import Host, released
from support.ministack import TestBucket

NOT_OUR_BACKEND = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[tool.hatch.build]
directory = "out"

[tool.hatch.publish.s3]
repository = "./repository"
"""


@pytest.fixture
def project(host: Host) -> Path:
    """Give a project of another backend, whose `out` has a wheel, an sdist, and a wheel of another project."""
    (host.project / "pyproject.toml").write_text(NOT_OUR_BACKEND)
    make_wheel(host.project / "out", "demo-pkg", "1.0")
    make_sdist(host.project / "out", "demo-pkg", "1.0")
    make_wheel(host.project / "out", "member", "0.2")
    (host.project / "out" / "build.log").write_text("no distribution")
    return host.project


def test_the_oldest_hatch_is_the_one_that_the_readme_names(host: Host, oldest_hatch: Path) -> None:
    """What is tested as the oldest is the oldest, and the newest is another."""
    said = host.using(oldest_hatch).hatch("--version").out
    assert said == "Hatch, version 1.10.0\n"
    assert said != host.hatch("--version").out
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "bucketwheel supports Hatch from 1.10 and setuptools from 65.5" in readme


def test_publishes_the_build_directory_and_ends_like_hatch(host: Host, project: Path, hatch_python: Path) -> None:
    """All projects of the build directory go up, in Hatch's own words; twice is as good as once, and as green."""
    index = (project / "repository" / "simple").as_uri() + "/"
    host = host.using(hatch_python)

    first = host.hatch("publish", "-p", "s3")
    assert first.code == 0, first.said
    assert first.err == (
        f"created a new repository at {project}/repository\n"
        f"uploading 3 files ({_size(project / 'out')})\n"
        "out/demo_pkg-1.0-py3-none-any.whl ... success\n"
        "out/demo_pkg-1.0.tar.gz ... success\n"
        "out/member-0.2-py3-none-any.whl ... success\n"
        f"\n{index}demo-pkg/\n"
        f"\n{index}member/\n"
        f"pip install --index-url {index} demo-pkg==1.0 member==0.2\n"
    )
    assert first.out == "[demo-pkg]\n[member]\n"

    again = host.hatch("publish", "-p", "s3")
    assert (again.code, again.out) == (0, "")
    assert again.err == (
        "out/demo_pkg-1.0-py3-none-any.whl ... already exists\n"
        "out/demo_pkg-1.0.tar.gz ... already exists\n"
        "out/member-0.2-py3-none-any.whl ... already exists\n"
        f"pip install --index-url {index} demo-pkg==1.0 member==0.2\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_a_terminal_sees_a_bar(host: Host, project: Path) -> None:
    """At a terminal a bar shows the bytes and their rate, and goes away; with -q there is none."""
    run = run_at_terminal("publish", "-p", "s3", home=project, environ=host.hatch_variables(), module="hatch")
    assert run.code == 0
    assert re.search(r"uploading 3 files.*100%.*m\d[\d.]* [kMG]?(bytes|B)/s", run.notices)
    hidden, shown = (run.notices.rindex(f"\x1b[{code}") for code in ("?25l", "?25h"))
    assert hidden < shown
    assert len(released(project / "repository")) == 3
    quiet = run_at_terminal("-q", "publish", "-p", "s3", home=project, environ=host.hatch_variables(), module="hatch")
    assert (quiet.code, "?25l" in quiet.notices) == (0, False)


def test_other_bytes_are_refused_with_both_digests(host: Host, project: Path) -> None:
    """A released file never changes: status 1, both digests are named, and the wheel beside it is not published."""
    sdist = project / "out" / "demo_pkg-1.0.tar.gz"
    assert host.hatch("publish", "-p", "s3", "out/demo_pkg-1.0.tar.gz").code == 0
    there = sha256_of(sdist.read_bytes())
    make_sdist(sdist.parent, "demo-pkg", "1.0", members={"NEWS": b"rebuilt"})

    refused = host.hatch("publish", "-p", "s3")
    assert refused.code == 1
    assert "already exists with other bytes" in refused.err
    assert "or keep the published file with -o existing=skip" in refused.err
    assert there in refused.err
    assert sha256_of(sdist.read_bytes()) in refused.err
    assert released(project / "repository") == {"demo_pkg-1.0.tar.gz"}

    kept = host.hatch("publish", "-p", "s3", "-o", "existing=skip")
    assert kept.code == 0
    assert "out/demo_pkg-1.0.tar.gz ... skipped, already exists with other bytes\n" in kept.err
    assert "out/demo_pkg-1.0-py3-none-any.whl ... success\n" in kept.err


def test_a_dry_run_writes_nothing(host: Host, project: Path, hatch_python: Path) -> None:
    """`-o dry-run` says which files and pages would come, and leaves no trace."""
    run = host.using(hatch_python).hatch("publish", "-p", "s3", "-o", "dry-run", "out/demo_pkg-1.0.tar.gz")
    assert run.code == 0
    assert run.err == (
        "out/demo_pkg-1.0.tar.gz ... would be published\n"
        f"would create a new repository at {project / 'repository'}\n"
        "would change page simple/demo-pkg/index.html\n"
        "would change page simple/demo-pkg/index.json\n"
        "would change page simple/index.json\n"
        "would change page simple/index.html\n"
    )
    assert not (project / "repository").exists()


def test_no_create_refuses_a_new_repository(host: Host, project: Path) -> None:
    """`-o no-create` refuses a place that is no repository."""
    run = host.hatch("publish", "-p", "s3", "-o", "no-create")
    assert (run.code, "is not a bucketwheel repository, and no-create is set" in run.err) == (1, True)
    assert not (project / "repository").exists()


def test_paths_start_at_the_root_from_any_directory(host: Host, project: Path) -> None:
    """As for Hatch's own publisher, relative paths and the build directory start at the root, also from below it."""
    below = project / "src"
    below.mkdir()
    named = host.at(below).hatch("publish", "-p", "s3", "out/member-0.2-py3-none-any.whl")
    assert (named.code, "out/member-0.2-py3-none-any.whl ... success\n" in named.err) == (0, True)
    assert host.at(below).hatch("publish", "-p", "s3").code == 0
    assert len(released(project / "repository")) == 3


def test_hatch_toml_says_where_builds_lie(host: Host, project: Path) -> None:
    """A `hatch.toml` stands above pyproject.toml, as for Hatch itself."""
    (project / "hatch.toml").write_text('[build]\ndirectory = "elsewhere"\n')
    make_wheel(project / "elsewhere", "demo-pkg", "2.0")
    assert host.hatch("publish", "-p", "s3").code == 0
    assert released(project / "repository") == {"demo_pkg-2.0-py3-none-any.whl"}


def test_everything_that_is_wrong_is_said_at_once(host: Host, project: Path) -> None:
    """A missing path and a non-distribution are both named, with status 1; so is an empty build directory."""
    wrong = host.hatch("publish", "-p", "s3", "out/absent-1.0.tar.gz", "out/build.log")
    assert wrong.code == 1
    assert "out/absent-1.0.tar.gz does not exist" in wrong.err
    assert "out/build.log is not a wheel" in wrong.err
    assert "Traceback" not in wrong.said

    (project / "pyproject.toml").write_text(NOT_OUR_BACKEND.replace('"out"', '"empty"'))
    (project / "empty").mkdir()
    nothing = host.hatch("publish", "-p", "s3")
    assert (nothing.code, nothing.out) == (1, "")
    assert nothing.err.startswith("empty holds nothing to publish; ")


def test_what_is_unfinished_ends_with_3_and_the_same_command_finishes_it(host: Host, project: Path) -> None:
    """Released, but the root page cannot be written: 3, and once it can be, the same command ends with 0."""
    assert host.hatch("publish", "-p", "s3", "out/member-0.2-py3-none-any.whl").code == 0
    lock = project / "repository" / "_bucketwheel" / ".lock"  # without which the root cannot be replaced
    lock.unlink(missing_ok=True)
    lock.mkdir()

    unfinished = host.hatch("publish", "-p", "s3")
    assert unfinished.code == 3, unfinished.said
    assert "everything is committed" in unfinished.err
    assert "Traceback" not in unfinished.said

    lock.rmdir()
    assert host.hatch("publish", "-p", "s3").code == 0
    root = json.loads((project / "repository" / "simple" / "index.json").read_bytes())
    assert [project["name"] for project in root["projects"]] == ["demo-pkg", "member"]


@pytest.mark.usefixtures("project")
def test_publishes_to_s3_and_shows_no_secret(host: Host, bucket: TestBucket, tmp_path: Path) -> None:
    """On S3 too pip installs what was published; -v shows each request, and neither -v nor -q a credential."""
    assert bucket.connection.endpoint_url is not None
    host = host.having(
        AWS_ACCESS_KEY_ID="AKIACANARY",
        AWS_SECRET_ACCESS_KEY="canary/secret",  # noqa: S106  # it must not be shown
        BUCKETWHEEL_ENDPOINT_URL=bucket.connection.endpoint_url,
        BUCKETWHEEL_REGION="us-east-1",
    )
    s3 = ["publish", "-p", "s3", "-r", str(bucket.place)]

    run = host.hatch("-v", *s3, "-a", "canary-password")
    assert run.code == 0, run.said
    assert "PUT simple/member/member-0.2-py3-none-any.whl 200 " in run.err
    assert "canary" not in run.said.lower()
    assert "signature" not in run.said.lower()

    *_, install = run.err.splitlines()
    assert install.startswith("pip install --index-url http://127.0.0.1:")
    target = ["--target", str(tmp_path / "installed"), "--no-deps"]
    installed = run_pip([*install.split()[1:], *target], home=host.home)
    assert installed.code == 0, installed.output
    assert (tmp_path / "installed" / "demo_pkg" / "__init__.py").read_text() == '__version__ = "1.0"\n'

    quiet = host.hatch("-q", *s3)
    assert (quiet.code, quiet.said) == (0, "")


def _size(directory: Path) -> str:
    return f"{sum(file.stat().st_size for file in directory.iterdir() if file.suffix in {'.whl', '.gz'}) / 1000:.1f} kB"
