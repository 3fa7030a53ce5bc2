"""The files that a user wants to publish: those named, and those in the directories named."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bucketwheel.errors import Problem, Refused
from bucketwheel.names import InvalidName, distribution_name, printable

__all__ = ["DistributionFile", "collect"]

_ATTESTATION = ".publish.attestation"
_SIGNATURE = ".asc"
# Core metadata beside a wheel, and downloads that did not finish, are never published.
_IGNORED = (".metadata", ".part")
_LARGEST = {_SIGNATURE: 64 << 10, _ATTESTATION: 1 << 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionFile:
    """A file named like a distribution, and what is beside it; its contents were not read yet."""

    path: Path
    signature: bytes | None = None
    """The contents of the `.asc` beside it."""
    attestations: bytes | None = None
    """The contents of the `.publish.attestation` beside it."""


def collect(paths: Sequence[Path]) -> tuple[DistributionFile, ...]:
    """Find every distribution among files, directories (one level deep) and patterns.

    Any other file is refused if it was named, and ignored in a directory. Raises Refused with every problem at once,
    and if there is nothing to publish at all.
    """
    problems: list[Problem] = []
    found: set[Path] = set()
    beside: set[Path] = set()
    for path, named in _spread(paths, problems):
        if path.name.endswith((_SIGNATURE, _ATTESTATION)):
            beside.add(path)
        elif not path.name.endswith(_IGNORED):
            try:
                distribution_name(path.name)
                found.add(path)
            except InvalidName as error:
                if named:
                    problems.append(_problem(path, str(error), "name wheels (.whl) and sdists (.tar.gz) only"))
    problems += [
        _problem(path, "belongs to a file that is not among those to publish", "name that file too, or drop this one")
        for path in sorted(beside.intersection(paths))
        if _owner(path) not in found
    ]
    if not found and not problems:
        places = ", ".join(printable(str(path)) for path in paths)
        remedy = "build first: `hatch build`, `python -m build`"
        problems.append(Problem(subject=places, what="holds nothing to publish", remedy=remedy))
    files = tuple(_with_sidecars(path, beside, problems) for path in sorted(found))
    if problems:
        raise Refused(*problems)
    return files


def _spread(paths: Sequence[Path], problems: list[Problem]) -> Iterator[tuple[Path, bool]]:
    """Yield each file, and whether the user named it."""
    for path in paths:
        try:
            matches = _matching(path)
            if not matches:
                problems.append(_problem(path, "does not exist", "check the path, or build it first"))
            for match in matches:
                if match.is_dir():
                    yield from [(file, False) for file in match.iterdir() if file.is_file()]
                else:
                    yield match, True
        except OSError as error:
            problems.append(_problem(path, f"cannot be read ({error.strerror})", "check its name and permissions"))


def _matching(path: Path) -> list[Path]:
    if _exists(path):
        return [path]
    # Some shells do not expand patterns (Windows, CI files), so we do. A link to nowhere matches itself.
    matches = map(Path, sorted(glob.glob(str(path))))  # noqa: PTH207 - a whole pattern, absolute or not
    return [match for match in matches if _exists(match)]


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True  # and an OSError where that cannot be known: from Python 3.14 on, Path.exists() says no then


def _with_sidecars(path: Path, beside: set[Path], problems: list[Problem]) -> DistributionFile:
    signature, attestations = (_sidecar(path, ending, beside, problems) for ending in (_SIGNATURE, _ATTESTATION))
    return DistributionFile(path=path, signature=signature, attestations=attestations)


def _sidecar(path: Path, ending: str, beside: set[Path], problems: list[Problem]) -> bytes | None:
    sidecar, largest = path.with_name(path.name + ending), _LARGEST[ending]
    if not (sidecar in beside or sidecar.is_file()):
        return None
    try:
        with sidecar.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        problems.append(_problem(sidecar, f"cannot be read ({error.strerror})", "make it readable"))
        return None
    if len(content) > largest:
        problems.append(_problem(sidecar, f"has more than {largest >> 10} KiB", "make it again, or remove it"))
    return content


def _owner(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(_SIGNATURE).removesuffix(_ATTESTATION))


def _problem(path: Path, what: str, remedy: str) -> Problem:
    return Problem(subject=printable(str(path)), what=what, remedy=remedy)
