"""The work of the two setuptools commands."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.version import InvalidVersion, Version
from setuptools import Distribution
from setuptools.errors import ExecError, OptionError

from bucketwheel import BucketwheelError, Misconfigured, Refused, Settings, Unfinished, fetch, load_settings, publish
from bucketwheel.config.layers import wheelhouse_uploader_indexes
from bucketwheel.errors import Problem
from bucketwheel.events import Event, Report, RequestSent, Warned
from bucketwheel.frontends.interrupt import interrupt_in_words
from bucketwheel.frontends.progress import showing
from bucketwheel.frontends.setuptools import fetch_artifacts, upload_all
from bucketwheel.frontends.text import describe, error_texts, text
from bucketwheel.names import InvalidName, ProjectName, distribution_name, printable, project_name

__all__ = ["fetch_version", "upload_version"]

# setuptools sets the level of the root logger by -v and -q; the levels of Command.announce changed in 65.6.
_log = logging.getLogger(__name__)

# With -v the root logger shows everything, and these log signatures and whole URLs.
_VERBOSE = ("boto3", "botocore", "s3transfer", "urllib3")


def fetch_version(command: fetch_artifacts) -> None:
    """Download the current version of the project, and add the files to what this run has built."""
    distribution = command.distribution
    with _reporting() as report:
        project, version = _release(distribution)
        settings = load_settings(_root(distribution))
        fetched = fetch(
            project,
            version=str(version),
            sources=_indexes(settings, _root(distribution)),
            into=Path(str(command.dist_dir)),
            connection=settings.connection,
            jobs=settings.jobs,
            report=report,
        )
    _tell(fetched)
    built = [_dist_file(file.path) for file in fetched]
    distribution.dist_files += [entry for entry in built if entry not in distribution.dist_files]


def upload_version(command: upload_all) -> None:
    """Publish the current version of the project: what this run built, and the files in the dist directory."""
    distribution = command.distribution
    with _reporting() as report:
        if command.skip_existing and command.strict:
            raise Misconfigured(
                Problem(subject="--skip-existing", what="and --strict exclude each other", remedy="drop one of them")
            )
        project, version = _release(distribution)
        options = {
            "repository": command.repository,
            "existing": "skip" if command.skip_existing else "refuse" if command.strict else None,
            "dry-run": bool(command.dry_run) or None,
        }
        settings = load_settings(_root(distribution), options=options, required=("repository",))
        for warning in settings.warnings:
            report(Warned(message=warning))
        files = _files(distribution, Path(str(command.dist_dir)), project, version)
        publication = publish(files, settings, report=report)
    _tell(publication)


@contextmanager
def _reporting() -> Iterator[Report]:
    """Show events, and raise our errors as those of setuptools: all exit with 1, so a text says what is unfinished."""
    for name in _VERBOSE:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        # From 1 on there is no bar: setuptools logs.
        with interrupt_in_words() as watched, showing(_show, _log.info, verbosity=1) as show:
            yield watched(show)
    except Misconfigured as error:
        raise OptionError("\n".join(error_texts(error, option="`{}` in pyproject.toml"))) from error
    except Unfinished as error:
        raise ExecError("\n".join(("unfinished:", *error_texts(error, option="`{}` in pyproject.toml")))) from error
    except BucketwheelError as error:
        raise ExecError("\n".join(error_texts(error, option="`{}` in pyproject.toml"))) from error


def _show(event: Event) -> None:
    line = describe(event, verbosity=1)
    if line is None:
        return
    match event:
        case Warned():
            _log.warning("warning: %s", line)
        case RequestSent():
            _log.debug("%s", line)
        case _:
            _log.info("%s", line)


def _tell(result: object) -> None:
    for line in text(result):
        _log.info("%s", line)


# The release ----------------------------------------------------------------------------------------------------


def _root(distribution: Distribution) -> Path:
    return Path(distribution.src_root or ".")


def _release(distribution: Distribution) -> tuple[ProjectName, Version]:
    """Return the project and its version; raises Misconfigured if setuptools does not know them."""
    # This adds the tags of `[egg_info] tag_build` to the version, if no command has done so yet.
    egg_info = distribution.get_command_obj("egg_info")
    egg_info.ensure_finalized()
    name, written = distribution.get_name(), distribution.get_version()
    try:
        project, version = project_name(name), Version(written)
    except (InvalidName, InvalidVersion) as error:
        what, remedy = "is not a valid name and version", "fix them in the project's metadata"
        raise Misconfigured(Problem(subject=printable(f"{name} {written}"), what=what, remedy=remedy)) from error
    if distribution.metadata.name is None or version == Version(f"0.0.0{egg_info.vtags}"):
        what = "is what setuptools uses for an unknown name or version"
        remedy = "write them in [project] of pyproject.toml, or install what sets them, such as setuptools-scm"
        raise Misconfigured(Problem(subject=f"{project} {version}", what=what, remedy=remedy))
    return project, version


def _files(distribution: Distribution, dist_dir: Path, project: ProjectName, version: Version) -> list[Path]:
    """Return what this run built, and the files in dist_dir, of this version; bdist_wheel may use another directory."""
    built = [Path(path) for _, _, path in distribution.dist_files]
    others = sorted(dist_dir.iterdir()) if dist_dir.is_dir() else []
    files = dict.fromkeys(path for path in (*built, *others) if path.is_file() and _is_of(path, project, version))
    if not files:
        what = f"has no wheel or sdist of {project} {version}"
        remedy = "build one first: `python setup.py sdist upload_all`, or `python -m build`"
        raise Refused(Problem(subject=printable(str(dist_dir)), what=what, remedy=remedy))
    return list(files)


def _is_of(path: Path, project: ProjectName, version: Version) -> bool:
    try:
        name = distribution_name(path.name)
    except InvalidName:
        return False
    return (name.project, name.version) == (project, version)


def _dist_file(path: Path) -> tuple[str, str, str]:
    """Return an entry of `dist_files` as sdist and bdist_wheel write it: command, Python, path."""
    if path.suffix == ".whl":
        return ("bdist_wheel", path.name.split("-")[-3], str(path))
    return ("sdist", "", str(path))


def _indexes(settings: Settings, root: Path) -> tuple[str, ...]:
    if settings.artifact_indexes:
        return settings.artifact_indexes
    known = wheelhouse_uploader_indexes(root)
    if known:
        # A JSON string is a TOML string.
        lines = ["[tool.bucketwheel]", "artifact-indexes = [", *(f"    {json.dumps(url)}," for url in known), "]"]
        what = "is missing, and [wheelhouse_uploader] in setup.cfg is not read"
        remedy = "\n".join(["paste these lines into pyproject.toml:", "", *lines])
    else:
        what = "is missing"
        remedy = 'add artifact-indexes = ["https://…"] to [tool.bucketwheel] of pyproject.toml'
    raise Misconfigured(Problem(subject="artifact-indexes", what=what, remedy=remedy))
