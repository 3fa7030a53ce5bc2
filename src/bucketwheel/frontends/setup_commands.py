"""What the two setuptools commands do once they run."""

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
from bucketwheel.events import Event, RequestSent, Warned
from bucketwheel.frontends.text import describe, error_texts, text
from bucketwheel.names import InvalidName, ProjectName, distribution_name, printable, project_name

__all__ = ["fetch_version", "upload_version"]

# setuptools sets up the root logger by its -v and -q; the levels of Command.announce changed their meaning in 65.6.
_log = logging.getLogger(__name__)

# With -v the root logger takes everything, and these print signatures and whole URLs.
_TALKATIVE = ("boto3", "botocore", "s3transfer", "urllib3")


def fetch_version(distribution: Distribution, dist_dir: str) -> None:
    """Download what lists the project at its current version, and add it to what this run has built."""
    with _in_setuptools_words():
        project, version = _release(distribution)
        settings = load_settings(_root(distribution))
        fetched = fetch(
            project,
            version=str(version),
            sources=_indexes(settings, _root(distribution)),
            into=Path(dist_dir),
            connection=settings.connection,
            jobs=settings.jobs,
            report=_report,
        )
    for line in text(fetched):
        _log.info("%s", line)
    for file in fetched:
        entry = _dist_file(file.path)
        if entry not in distribution.dist_files:
            distribution.dist_files.append(entry)


def upload_version(
    distribution: Distribution,
    dist_dir: str,
    *,
    repository: str | None,
    skip_existing: bool,
    strict: bool,
    dry_run: bool,
) -> None:
    """Publish what this run built and what the directory holds of the project at its current version."""
    with _in_setuptools_words():
        if skip_existing and strict:
            raise Misconfigured(
                Problem(subject="--skip-existing", what="and --strict exclude each other", remedy="give one of them")
            )
        project, version = _release(distribution)
        settings = load_settings(
            _root(distribution),
            options={
                "repository": repository,
                "existing": "skip" if skip_existing else "refuse" if strict else None,
                "dry-run": dry_run or None,
            },
            required=("repository",),
        )
        for warning in settings.warnings:
            _report(Warned(message=warning))
        publication = publish(_files(distribution, Path(dist_dir), project, version), settings, report=_report)
    for line in text(publication):
        _log.info("%s", line)


@contextmanager
def _in_setuptools_words() -> Iterator[None]:
    """End with one line and exit status 1, as setuptools ends; 2 and 3 do not exist there, so the words must say it."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    except Misconfigured as error:
        raise OptionError("\n".join(error_texts(error))) from error
    except Unfinished as error:
        raise ExecError("\n".join(("unfinished:", *error_texts(error)))) from error
    except BucketwheelError as error:
        raise ExecError("\n".join(error_texts(error))) from error


def _report(event: Event) -> None:
    text = describe(event, verbosity=1)
    if text is None:
        return
    match event:
        case Warned():
            _log.warning("warning: %s", text)
        case RequestSent():
            _log.debug("%s", text)
        case _:
            _log.info("%s", text)


# What is released ----------------------------------------------------------------------------------------------------


def _root(distribution: Distribution) -> Path:
    return Path(distribution.src_root or ".")


def _release(distribution: Distribution) -> tuple[ProjectName, Version]:
    """Whose release this is, and which; raises Misconfigured where setuptools itself does not know."""
    # The tags of `[egg_info] tag_build` become part of the version with this, if no command has asked for it yet.
    egg_info = distribution.get_command_obj("egg_info")
    egg_info.ensure_finalized()
    name, text = distribution.get_name(), distribution.get_version()
    try:
        project, version = project_name(name), Version(text)
    except (InvalidName, InvalidVersion) as error:
        subject = f"{printable(name)} {printable(text)}"
        raise Misconfigured(
            Problem(subject=subject, what="is no valid name and version", remedy="mend them in the project's metadata")
        ) from error
    if distribution.metadata.name is None or version == Version(f"0.0.0{egg_info.vtags}"):
        raise Misconfigured(
            Problem(
                subject=f"{project} {version}",
                what="is what setuptools says where it does not know the name or the version",
                remedy="install beside setuptools what they come from, such as setuptools-scm, or write them into "
                "[project] of pyproject.toml",
            )
        )
    return project, version


def _files(distribution: Distribution, dist_dir: Path, project: ProjectName, version: Version) -> list[Path]:
    """What this run built and what lies there, of this version; dist_dir may be another one than bdist_wheel's."""
    built = [Path(path) for _, _, path in distribution.dist_files]
    lying = sorted(dist_dir.iterdir()) if dist_dir.is_dir() else []
    files = dict.fromkeys(path for path in (*built, *lying) if path.is_file() and _is_of(path, project, version))
    if not files:
        raise Refused(
            Problem(
                subject=printable(str(dist_dir)),
                what=f"holds no wheel or sdist of {project} {version}",
                remedy="build one first: `python setup.py sdist upload_all`, or `python -m build`",
            )
        )
    return list(files)


def _is_of(path: Path, project: ProjectName, version: Version) -> bool:
    try:
        name = distribution_name(path.name)
    except InvalidName:
        return False
    return (name.project, name.version) == (project, version)


def _dist_file(path: Path) -> tuple[str, str, str]:
    """An entry of `dist_files` as sdist and bdist_wheel write it: which command's, for which Python, where."""
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
        what = "is missing, and [wheelhouse_uploader] in setup.cfg is not read any more"
        remedy = "\n".join(["paste these lines into pyproject.toml:", "", *lines])
    else:
        what = "is missing"
        remedy = 'add artifact-indexes = ["https://…"] to [tool.bucketwheel] of pyproject.toml: the pages to fetch from'
    raise Misconfigured(Problem(subject="artifact-indexes", what=what, remedy=remedy))
