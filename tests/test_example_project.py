"""The example project is published in all three ways, and its demonstration works."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from support.clients import run_pip
from support.hosts import Host, HostRun

EXAMPLE = Path(__file__).parent.parent / "example_project"
SDIST = "bucketwheel_example-1.0.0.tar.gz"
WHEEL = "bucketwheel_example-1.0.0-py3-none-any.whl"
BUILD = ("-m", "build", "--no-isolation", "--quiet")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give a copy of the example, and the hosts to run in it."""
    made = Host(project=tmp_path / "project", home=tmp_path / "home")
    made.home.mkdir()
    shutil.copytree(EXAMPLE, made.project, ignore=shutil.ignore_patterns("dist", "build", "repository", "*.egg-info"))
    return made


def must(run: HostRun) -> None:
    """Fail with the output of a host."""
    assert run.code == 0, run.said


def test_hatch_publishes_it(host: Host) -> None:
    """`hatch publish -p s3` releases what was built, and pip installs it."""
    must(host.python(*BUILD))
    must(host.hatch("publish", "-p", "s3"))
    _install(host)


def test_setup_py_publishes_it(host: Host, tmp_path: Path) -> None:
    """`setup.py sdist fetch_artifacts upload_all` releases its sdist and the wheel that CI left."""
    must(host.python(*BUILD, "--wheel", "--outdir", str(tmp_path / "ci")))
    made = host.having(CI_ARTIFACTS=str(tmp_path / "ci")).setup_py("-q", "sdist", "fetch_artifacts", "upload_all")
    must(made)
    _install(host)


def test_the_command_line_publishes_it(host: Host, tmp_path: Path) -> None:
    """`bucketwheel fetch` and `bucketwheel publish` do the same."""
    must(host.python(*BUILD, "--wheel", "--outdir", str(tmp_path / "ci")))
    must(host.python(*BUILD, "--sdist"))
    fetched = host.having(CI_ARTIFACTS=str(tmp_path / "ci")).python("-m", "bucketwheel", "fetch", "bucketwheel-example")
    must(fetched)
    must(host.python("-m", "bucketwheel", "publish"))
    _install(host)


def test_both_hosts_build_the_same_of_one_table(host: Host) -> None:
    """Hatchling and setuptools read one [project] table: the same names, and the same modules inside."""
    must(host.python(*BUILD, "--outdir", "hatchling"))
    must(host.setup_py("-q", "sdist", "-d", "setuptools", "bdist_wheel", "-d", "setuptools"))
    for builder in ("hatchling", "setuptools"):
        built = host.project / builder
        assert {path.name for path in built.iterdir()} - {".gitignore"} == {SDIST, WHEEL}
        with zipfile.ZipFile(built / WHEEL) as wheel:
            assert [name for name in wheel.namelist() if ".dist-info/" not in name] == [
                "bucketwheel_example/__init__.py"
            ]
        with tarfile.open(built / SDIST) as sdist:
            names = {Path(name).relative_to("bucketwheel_example-1.0.0").as_posix() for name in sdist.getnames()}
        assert {"README.md", "pyproject.toml", "setup.py", "src/bucketwheel_example/__init__.py"} <= names
        assert not {name for name in names if name.startswith(("demo", "dist", "repository", builder))}


def test_the_demonstration_runs_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The README's first command, without the setting up, ends with what pip installed, also the second time."""
    monkeypatch.setenv("BUCKETWHEEL_REPOSITORY", "s3://somebodys-real-bucket")
    demo = _demo(tmp_path)
    for _ in range(2):
        demo.main()
        index = (tmp_path / "project" / "repository" / "simple").as_uri()
        *_, last = capfd.readouterr().out.splitlines()
        assert last == f"demo: published and installed bucketwheel-example 1.0.0 from {index}/"


def test_the_demonstration_says_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a command fails, it ends with a sentence that names the command."""
    demo = _demo(tmp_path)
    monkeypatch.setattr(demo, "EXAMPLE", tmp_path / "broken")
    (tmp_path / "broken").mkdir()
    with pytest.raises(SystemExit, match=r"\Ademo: failed; this command ended with status 1: \S+python\S* -m build"):
        demo.main()


def _demo(home: Path) -> ModuleType:
    """Load the demonstration, with this environment's tools in the place of those that it would install."""
    specification = importlib.util.spec_from_file_location("demo", EXAMPLE / "demo.py")
    assert specification is not None
    assert specification.loader is not None
    demo = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(demo)
    here = {
        "HOME": home,
        "TOOLS": Path(sys.prefix),
        "PROJECT": home / "project",
        "CI": home / "ci",
        "USER": home / "user",
    }
    vars(demo).update(here, set_up=lambda: None)
    return demo


def _install(host: Host) -> None:
    """Install the example from the repository with pip, and print its greeting."""
    index = (host.project / "repository" / "simple").as_uri() + "/"
    for option in ("--only-binary=:all:", "--no-binary=:all:"):
        command = ["download", "--no-deps", "--no-build-isolation", option, "--index-url", index, "--dest", "downloads"]
        downloaded = run_pip([*command, "bucketwheel-example==1.0.0"], home=host.home)
        assert downloaded.code == 0, downloaded.output
    assert {path.name for path in (host.home / "downloads").iterdir()} == {SDIST, WHEEL}
    installed = run_pip(["install", "--index-url", index, "--target", "target", "bucketwheel-example"], home=host.home)
    assert installed.code == 0, installed.output
    greeting = "import bucketwheel_example; print(bucketwheel_example.greeting('pip'))"
    imported = host.having(PYTHONPATH=str(host.home / "target")).python("-c", greeting)
    assert imported.out == "Hello, pip, from bucketwheel-example 1.0.0!\n", imported.err
