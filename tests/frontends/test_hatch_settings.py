"""The settings of the Hatch door, and which of Hatch's own options count."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.archives import make_wheel
from support.hosts import Host, HostRun

# From the weakest layer to the strongest: what each of them says, and the directory that it names.
OWN_CONFIG = '[publish.s3]\nrepository = "./of-config-toml"\n'
BUCKETWHEEL = '[tool.bucketwheel]\nrepository = "./of-tool-bucketwheel"\n'
HATCH = '[tool.hatch.publish.s3]\nrepository = "./of-tool-hatch"\n'
NAMED = '[tool.bucketwheel.repositories.staging]\nurl = "./staging"\n'


@pytest.fixture
def project(host: Host) -> Path:
    """Give a project with one wheel and no settings."""
    (host.project / "pyproject.toml").write_text("")
    make_wheel(host.project / "dist", "demo-pkg", "1.0")
    return host.project


def made(project: Path) -> set[str]:
    """The repositories that a run has made in the project."""
    return {path.parent.parent.name for path in project.glob("*/_bucketwheel/repository.json")}


def publish(host: Host, *args: str) -> HostRun:
    """Publish, which must work."""
    run = host.hatch("publish", "-p", "s3", *args)
    assert run.code == 0, run.said
    return run


def test_the_strongest_layer_says_where_to_publish(host: Host, project: Path) -> None:
    """Hatch's config.toml < [tool.bucketwheel] < [tool.hatch.publish.s3] < BUCKETWHEEL_… < -o, and `-o` takes a `_`."""
    config, pyproject = host.home / "hatch.toml", project / "pyproject.toml"
    config.write_text(OWN_CONFIG)
    publish(host)
    assert made(project) == {"of-config-toml"}
    pyproject.write_text(BUCKETWHEEL)
    publish(host)
    assert made(project) == {"of-config-toml", "of-tool-bucketwheel"}
    pyproject.write_text(BUCKETWHEEL + HATCH)
    publish(host)
    assert made(project) == {"of-config-toml", "of-tool-bucketwheel", "of-tool-hatch"}
    publish(host.having(BUCKETWHEEL_REPOSITORY="./of-the-environment"))
    assert made(project) == {"of-config-toml", "of-tool-bucketwheel", "of-tool-hatch", "of-the-environment"}
    options = ["-o", "repository=./of-an-option", "-o", "uploaded_by=a job"]
    publish(host.having(BUCKETWHEEL_REPOSITORY="./never"), *options)
    assert "of-an-option" in made(project)
    assert "never" not in made(project)
    assert '"by":"a job ' in (project / "of-an-option/_bucketwheel/manifests/demo-pkg.json").read_text().replace(
        " ", " "
    )


def test_the_repo_option_counts_and_the_index_variables_do_not(host: Host, project: Path) -> None:
    """`-r` names a place or one of `repositories`; HATCH_INDEX_REPO and HATCH_INDEX_AUTH are there for PyPI."""
    (project / "pyproject.toml").write_text(BUCKETWHEEL + NAMED)
    host = host.having(HATCH_INDEX_REPO="https://upload.pypi.org/legacy/", HATCH_INDEX_AUTH="canary")
    silent = publish(host)
    assert made(project) == {"of-tool-bucketwheel"}
    assert "no effect" not in silent.said
    assert "canary" not in silent.said
    publish(host, "-r", "staging")
    assert made(project) == {"of-tool-bucketwheel", "staging"}


def test_options_for_an_index_are_warned_about(host: Host, project: Path) -> None:
    """User, password and certificates given on the command line have no meaning here: said once, without the values."""
    (project / "pyproject.toml").write_text(BUCKETWHEEL)
    given = ["-u", "somebody", "-a", "canary", "--ca-cert", "ca.pem", "--initialize-auth"]
    said = publish(host, *given).err
    assert "-u/--user, -a/--auth, --ca-cert, --initialize-auth: no effect here; credentials come from" in said
    assert "canary" not in said


def test_hints_about_settings_are_shown(host: Host, project: Path) -> None:
    """A repository that ends in `simple` is published to, and questioned."""
    said = publish(host, "-r", "./pypi/simple").err
    assert f"the repository {project}/pypi/simple ends in simple, so its index is " in said


def test_two_places_at_once_are_refused(host: Host, project: Path) -> None:
    """`-r` and `-o repository` that differ leave the user with a choice to make, and nothing published."""
    run = host.hatch("publish", "-p", "s3", "-r", "./one", "-o", "repository=./two")
    assert run.code == 1
    assert run.err == "-r/--repo and -o repository name two places; drop one of them\n"
    assert made(project) == set()


def test_every_wrong_setting_is_named_at_once(host: Host, project: Path) -> None:
    """Settings problems of all layers end Hatch with 1, each under the name that was typed, with what is known."""
    (project / "pyproject.toml").write_text('[tool.hatch.publish.s3]\nbucket = "b"\ndisable = false\n')
    host = host.having(BUCKETWHEEL_EXISTING="overwrite")
    run = host.hatch("publish", "-p", "s3", "-o", "foo=1", "-o", "jobs=many")
    assert run.code == 1
    lines = run.err.splitlines()
    assert any(line.startswith("-o foo is not a setting;") for line in lines)
    assert any(line.startswith("remove it, or choose from repository, profile, region") for line in lines)
    assert any(line.startswith("-o jobs is not a whole number from 1 to 64; ") for line in lines)
    assert any(line.startswith("BUCKETWHEEL_EXISTING is none of same, skip, refuse; ") for line in lines)
    assert any(line.startswith("tool.hatch.publish.s3.bucket is not a setting;") for line in lines)
    assert any(line.startswith(f"repository is missing in {project / 'pyproject.toml'}; ") for line in lines)
    assert "Traceback" not in run.said
    assert made(project) == set()


def test_a_disabled_publisher_is_asked_for_as_hatch_has_it(host: Host, project: Path) -> None:
    """Hatch's own `disable` is no unknown key: `-y` publishes, and without it nothing happens."""
    (project / "pyproject.toml").write_text(BUCKETWHEEL + "[tool.hatch.publish.s3]\ndisable = true\n")
    assert host.hatch("publish", "-p", "s3", "-n").code == 1
    assert made(project) == set()
    publish(host, "-y", "-n")
    assert made(project) == {"of-tool-bucketwheel"}
