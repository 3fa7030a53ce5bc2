"""`python setup.py sdist fetch_artifacts upload_all`, with the newest setuptools and the oldest."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bucketwheel.names import sha256_of
from support.archives import make_sdist, make_wheel
from support.hosts import Host, released
from support.ministack import TestBucket

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "Legacy.Proj"
version = "1.0"

[tool.setuptools]
py-modules = ["legacy_proj"]

[tool.bucketwheel]
repository = "./repository"
artifact-indexes = ["./ci"]
"""
WHEEL = "legacy_proj-1.0-cp312-cp312-win_amd64.whl"
INSTALL = "pip install --index-url {index} legacy-proj==1.0\n"


@pytest.fixture
def project(host: Host) -> Path:
    """Give a project that is released by setup.py, and the container of its CI jobs, which holds much else too."""
    (host.project / "pyproject.toml").write_text(PYPROJECT)
    (host.project / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    (host.project / "legacy_proj.py").touch()
    for name, version in (("legacy-proj", "1.0"), ("legacy-proj", "0.9"), ("legacy-proj-extra", "1.0")):
        make_wheel(host.project / "ci", name, version, tag="cp312-cp312-win_amd64")
    return host.project


def test_builds_fetches_and_publishes_this_version_only(host: Host, project: Path, setup_python: Path) -> None:
    """One run releases the sdist it built, the wheel that CI left and what dist/ holds of this version, no other."""
    lying = make_wheel(project / "dist", "legacy-proj", "1.0")
    make_wheel(project / "dist", "legacy-proj", "0.9")
    make_wheel(project / "dist", "legacy-proj-extra", "1.0")

    run = host.using(setup_python).setup_py("sdist", "fetch_artifacts", "upload_all")
    assert run.code == 0, run.said
    (sdist,) = (project / "dist").glob("*.tar.gz")
    assert released(project / "repository") == {sdist.name, lying.name, WHEEL}
    assert (project / "dist" / WHEEL).read_bytes() == (project / "ci" / WHEEL).read_bytes()
    assert not (project / "dist" / "legacy_proj-0.9-cp312-cp312-win_amd64.whl").exists()
    assert f"dist/{WHEEL} ... fetched, unverified: no source states its digest\n" in run.out
    assert f"dist/{WHEEL} ... success\n" in run.out
    index = (project / "repository" / "simple").as_uri() + "/"
    assert run.out.endswith(INSTALL.format(index=index))


def test_the_commands_are_found_as_a_cmdclass_too(host: Host, project: Path, setup_python: Path) -> None:
    """`cmdclass.update(vars(…))`, as wheelhouse-uploader's users wrote it, adds these two commands and works."""
    (project / "setup.py").write_text(
        "import bucketwheel.frontends.setuptools\n"
        "from setuptools import setup\n"
        "cmdclass = {}\n"
        "cmdclass.update(vars(bucketwheel.frontends.setuptools))\n"
        "print('commands:', *sorted(name for name in cmdclass if not name.startswith('__')))\n"
        "setup(cmdclass=cmdclass)\n"
    )
    host = host.using(setup_python)
    run = host.setup_py("sdist", "fetch_artifacts", "upload_all")
    assert run.code == 0, run.said
    assert WHEEL in released(project / "repository")
    assert run.out.startswith("commands: fetch_artifacts upload_all\n")
    listed = host.setup_py("--help-commands")
    assert "upload_all        publish every wheel and sdist of this version" in listed.out
    assert listed.code == 0


def test_files_of_this_run_count_in_any_directory(host: Host, project: Path) -> None:
    """Sdist built here, wheel fetched there, and upload_all looking elsewhere: all that this run made is published."""
    make_wheel(project / "kept", "legacy-proj", "1.0")
    run = host.setup_py("sdist", "-d", "built", "fetch_artifacts", "-d", "fetched", "upload_all", "-d", "kept")
    assert run.code == 0, run.said
    assert released(project / "repository") == {"legacy_proj-1.0.tar.gz", WHEEL, "legacy_proj-1.0-py3-none-any.whl"}
    assert f"fetched/{WHEEL} ... success\n" in run.out


def test_what_lies_in_dist_is_enough(host: Host, project: Path) -> None:
    """`python -m build` before, upload_all alone after: --dist-dir says where, and legacy spellings are ours too."""
    make_sdist(project / "built", "legacy-proj", "1.0", filename="Legacy.Proj-1.0.tar.gz")
    run = host.setup_py("upload_all", "--dist-dir", "built", "--repository", "./simple")
    assert run.code == 0, run.said
    assert f"warning: the repository {project}/simple ends in simple, " in run.err
    assert (project / "simple/simple/legacy-proj/Legacy.Proj-1.0.tar.gz").is_file()
    assert not (project / "repository").exists()


def test_a_rebuilt_sdist_is_refused_unless_skipped(host: Host, project: Path) -> None:
    """Other bytes under a released name: one error with both digests; the options say whether that is one."""
    assert host.setup_py("-q", "sdist", "upload_all").code == 0
    sdist = project / "dist" / "legacy_proj-1.0.tar.gz"
    there = sha256_of(sdist.read_bytes())
    again = host.setup_py("-q", "upload_all")
    assert (again.code, again.said) == (0, "")
    strict = host.setup_py("-q", "upload_all", "--strict")
    assert strict.code == 1
    assert strict.err.startswith("error: legacy_proj-1.0.tar.gz already exists (sha256 ")

    make_sdist(sdist.parent, "legacy-proj", "1.0")
    refused = host.setup_py("-q", "upload_all")
    assert refused.code == 1
    assert refused.err.startswith("error: legacy_proj-1.0.tar.gz already exists with other bytes")
    assert there in refused.err
    assert sha256_of(sdist.read_bytes()) in refused.err
    skipped = host.setup_py("upload_all", "--skip-existing")
    assert skipped.code == 0
    assert "dist/legacy_proj-1.0.tar.gz ... skipped, already exists with other bytes\n" in skipped.out


def test_a_dry_run_writes_nothing(host: Host, project: Path, oldest_setuptools: Path) -> None:
    """The option of the command, and the global one of old setuptools: no repository is made."""
    make_sdist(project / "dist", "legacy-proj", "1.0")
    for run in (
        host.setup_py("upload_all", "--dry-run"),
        host.using(oldest_setuptools).setup_py("upload_all", "-n"),
        host.using(oldest_setuptools).setup_py("--dry-run", "upload_all"),
    ):
        assert run.code == 0, run.said
        assert "would publish dist/legacy_proj-1.0.tar.gz\n" in run.out
        assert not (project / "repository").exists()


@pytest.mark.parametrize("section", ["upload_all", "global"])
@pytest.mark.parametrize(("written", "publishes"), [("no", True), ("yes", False)])
def test_dry_run_in_setup_cfg(
    host: Host,
    project: Path,
    oldest_setuptools: Path,
    section: str,
    written: str,
    publishes: bool,  # noqa: FBT001 - a table
) -> None:
    """A no in setup.cfg is a no; in the global section, which old setuptools has, as well."""
    make_sdist(project / "dist", "legacy-proj", "1.0")
    (project / "setup.cfg").write_text(f"[{section}]\ndry_run = {written}\n")
    host = host.using(oldest_setuptools) if section == "global" else host
    run = host.setup_py("upload_all")
    assert run.code == 0, run.said
    assert (project / "repository").exists() == publishes
    assert ("would publish dist/legacy_proj-1.0.tar.gz\n" in run.out) != publishes


def test_an_unknown_version_is_never_published(host: Host, project: Path, setup_python: Path) -> None:
    """Without setuptools-scm setuptools says 0.0.0, before sdist and after it: both commands refuse that."""
    (project / "pyproject.toml").write_text(PYPROJECT.replace('version = "1.0"', 'dynamic = ["version"]'))
    host = host.using(setup_python)
    for commands in (["upload_all"], ["sdist", "upload_all"], ["sdist", "fetch_artifacts"]):
        run = host.setup_py("-q", *commands)
        assert run.code == 1
        assert "error: legacy-proj 0.0.0 is what setuptools uses for an unknown name or version" in run.err
    (project / "setup.cfg").write_text("[egg_info]\ntag_build = .dev7\n")
    assert "error: legacy-proj 0.0.0.dev7 is what setuptools uses" in host.setup_py("-q", "sdist", "upload_all").err
    assert not (project / "repository").exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("version='1.0', py_modules=[]", "error: unknown 1.0 is what setuptools uses for an unknown name"),
        ("name='Grün', version='1.0'", "error: Grün 1.0 is not a valid name and version; fix them in the project's"),
    ],
)
def test_an_unusable_name_is_never_published(host: Host, project: Path, arguments: str, error: str) -> None:
    """A project that has no name, or one that no index can have, is refused before anything is looked for."""
    (project / "pyproject.toml").unlink()
    (project / "setup.py").write_text(f"from setuptools import setup\nsetup({arguments})\n", encoding="utf-8")
    run = host.setup_py("-q", "sdist", "upload_all", "-r", "./repository")
    assert (run.code, error in run.err) == (1, True), run.said
    assert not (project / "repository").exists()


def test_the_tag_of_egg_info_is_part_of_the_version(host: Host, project: Path, setup_python: Path) -> None:
    """`[egg_info] tag_build` counts also where upload_all runs alone: 1.0 in dist/ is not 1.0.dev7."""
    (project / "setup.cfg").write_text("[egg_info]\ntag_build = .dev7\n")
    make_sdist(project / "dist", "legacy-proj", "1.0")
    make_sdist(project / "dist", "legacy-proj", "1.0.dev7")
    assert host.using(setup_python).setup_py("-q", "upload_all").code == 0
    assert released(project / "repository") == {"legacy_proj-1.0.dev7.tar.gz"}


def test_nothing_to_publish_is_an_error(host: Host, project: Path) -> None:
    """An empty dist/, or one with other versions only, is no success."""
    for _ in range(2):
        run = host.setup_py("-q", "upload_all")
        assert run.code == 1
        assert run.err.startswith("error: dist has no wheel or sdist of legacy-proj 1.0; build one first: ")
        make_wheel(project / "dist", "legacy-proj", "0.9")


def test_nothing_to_fetch_is_an_error(host: Host, project: Path) -> None:
    """If no source lists this version, the error names it, the sources, and their versions."""
    (project / "ci" / WHEEL).unlink()
    run = host.setup_py("-q", "fetch_artifacts", "upload_all")
    assert run.code == 1
    assert run.err.startswith(f"error: legacy-proj 1.0 is in none of the places searched: {project}/ci has 0.9")
    assert not (project / "repository").exists()


def test_the_settings_of_wheelhouse_uploader_come_back_to_paste(host: Host, project: Path) -> None:
    """With no artifact-indexes of ours, the error ends in TOML made of setup.cfg's, without the secrets in it."""
    (project / "pyproject.toml").write_text(PYPROJECT.replace('artifact-indexes = ["./ci"]\n', ""))
    nowhere = host.setup_py("-q", "fetch_artifacts")
    assert nowhere.code == 1
    assert nowhere.err.startswith("error: artifact-indexes is missing; add artifact-indexes = ")

    (project / "setup.cfg").write_text(
        "[wheelhouse_uploader]\n"
        "artifact_indexes=\n"
        "    # where CI leaves its wheels\n"
        "    https://ci.example.com/wheels/\n"
        "    https://bot:canary@ci.example.com/more/\n"
    )
    run = host.setup_py("-q", "fetch_artifacts")
    assert run.code == 1
    assert "canary" not in run.said
    pasted = tomllib.loads(run.err[run.err.index("[tool.bucketwheel]") :])
    assert pasted == {
        "tool": {
            "bucketwheel": {
                "artifact-indexes": [
                    "https://ci.example.com/wheels/",
                    "https://${INDEX_USER}:${INDEX_PASSWORD}@ci.example.com/more/",
                ]
            }
        }
    }


def test_every_wrong_setting_is_an_error_of_setup_py(host: Host, project: Path) -> None:
    """Settings problems end with status 1 and all at once; so do two options that exclude each other."""
    (project / "pyproject.toml").write_text(PYPROJECT.replace("[tool.bucketwheel]", '[tool.bucketwheel]\nbucket = "b"'))
    run = host.having(BUCKETWHEEL_JOBS="many").setup_py("-q", "sdist", "upload_all", "-r", "nowhere")
    assert run.code == 1
    assert "error: " in run.err
    for problem in (
        "--repository is nowhere, which is not the name of a repository",
        "BUCKETWHEEL_JOBS is not a whole number from 1 to 64; ",
        "tool.bucketwheel.bucket is not a setting; ",
    ):
        assert problem in run.err
    assert "Traceback" not in run.said
    both = host.setup_py("-q", "upload_all", "--strict", "--skip-existing")
    assert (both.code, both.err) == (1, "error: --skip-existing and --strict exclude each other; drop one of them\n")


def test_what_is_unfinished_is_said(host: Host, project: Path) -> None:
    """Status 3 does not exist in setup.py, so the words say that the release is out and what is still to be done."""
    make_sdist(project / "dist", "legacy-proj", "1.0")
    make_wheel(project / "other", "other", "1.0")
    assert host.python("-m", "bucketwheel", "publish", "other").code == 0
    lock = project / "repository" / "_bucketwheel" / ".lock"  # without which the root cannot be replaced
    lock.unlink(missing_ok=True)
    lock.mkdir()
    run = host.setup_py("-q", "upload_all")
    assert run.code == 1
    assert run.err.startswith("error: unfinished:\neverything is committed, but ")


def test_publishes_to_s3_and_shows_no_secret(host: Host, project: Path, bucket: TestBucket, setup_python: Path) -> None:
    """-v shows our requests in setuptools' log, but nothing of what the SDK would write there: it has signatures."""
    make_sdist(project / "dist", "legacy-proj", "1.0")
    assert bucket.connection.endpoint_url is not None
    host = host.using(setup_python).having(
        AWS_ACCESS_KEY_ID="AKIACANARY",
        AWS_SECRET_ACCESS_KEY="canary/secret",  # noqa: S106  # it must not be shown
        BUCKETWHEEL_ENDPOINT_URL=bucket.connection.endpoint_url,
        BUCKETWHEEL_REGION="us-east-1",
    )
    run = host.setup_py("-v", "upload_all", "-r", str(bucket.place))
    assert run.code == 0, run.said
    assert "PUT simple/legacy-proj/legacy_proj-1.0.tar.gz 200 " in run.out
    assert "canary" not in run.said.lower()
    assert "signature" not in run.said.lower()
    assert " 200 " not in host.setup_py("upload_all", "-r", str(bucket.place)).said


def test_setuptools_pays_nothing_for_them(host: Host) -> None:
    """Setuptools loads both commands in every build on the machine: they import nothing of the core."""
    loaded = host.python(
        "-c",
        "import sys, bucketwheel.frontends.setuptools; print(*(m for m in sys.modules if m.startswith('bucketw')))",
    )
    assert loaded.out.split() == ["bucketwheel", "bucketwheel.frontends", "bucketwheel.frontends.setuptools"]
    light = host.python(
        "-c",
        "import sys, setuptools; before = {*sys.modules}; import bucketwheel.frontends.setuptools; "
        "print(*{name.partition('.')[0] for name in sys.modules.keys() - before} - {*sys.stdlib_module_names})",
    )
    assert light.out.split() == ["bucketwheel"]
