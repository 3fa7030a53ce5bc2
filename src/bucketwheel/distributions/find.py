"""The files that a user offers for publishing: what they named, and what lies in the directories they named."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bucketwheel.errors import Problem, Refused
from bucketwheel.names import DistributionName, InvalidName, distribution_name, printable

__all__ = ["Offered", "collect"]

_ATTESTATION = ".publish.attestation"
_SIGNATURE = ".asc"
# Core metadata beside a wheel, and downloads that never came to their end: neither is ever meant to be published.
_PASSED_OVER = (".metadata", ".part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A distribution on disk, known by its name only so far."""

    path: Path
    name: DistributionName
    signature: bytes | None = None
    """What lies in the `.asc` beside it."""
    attested: bool = False
    """Whether attestations lie beside it."""


def collect(paths: Sequence[Path]) -> tuple[Offered, ...]:
    """Find every distribution among files, directories (one level deep) and patterns.

    A named file that is none is refused, one in a directory is passed over. Raises Refused with every problem at once,
    and where there is nothing to publish at all.
    """
    problems: list[Problem] = []
    found: dict[Path, DistributionName] = {}
    beside: set[Path] = set()
    for path, named in _spread(paths, problems):
        if path.name.endswith((_SIGNATURE, _ATTESTATION)):
            beside.add(path)
        elif not path.name.endswith(_PASSED_OVER):
            try:
                found[path] = distribution_name(path.name)
            except InvalidName as error:
                if named:
                    problems.append(_problem(path, str(error), "name wheels (.whl) and sdists (.tar.gz) only"))
    problems += [
        _problem(path, "belongs to a file that is not among those to publish", "name that file too, or leave this away")
        for path in sorted(beside)
        if _belongs_to(path) not in found and path in paths
    ]
    if not found and not problems:
        places = ", ".join(printable(str(path)) for path in paths)
        problems.append(
            Problem(
                subject=places, what="holds nothing to publish", remedy="build first: `hatch build`, `python -m build`"
            )
        )
    offered = tuple(_offered(path, name, beside, problems) for path, name in sorted(found.items()))
    if problems:
        raise Refused(*problems)
    return offered


def _spread(paths: Iterable[Path], problems: list[Problem]) -> Iterable[tuple[Path, bool]]:
    """Each file, and whether the user named it."""
    for path in paths:
        try:
            found = _matching(path)
            if not found:
                problems.append(_problem(path, "does not exist", "check the path, or build it first"))
            for match in found:
                yield from [(file, False) for file in _files_in(match)] if match.is_dir() else [(match, True)]
        except OSError as error:
            problems.append(_problem(path, f"cannot be read ({error.strerror})", "check its name and permissions"))


def _matching(path: Path) -> list[Path]:
    if path.exists():
        return [path]
    # Where the shell does not expand patterns (Windows, CI files), we do. A link to nowhere matches itself.
    matches = map(Path, sorted(glob.glob(str(path))))  # noqa: PTH207 - a whole pattern, absolute or not
    return [match for match in matches if match.exists()]


def _files_in(directory: Path) -> list[Path]:
    return sorted(file for file in directory.iterdir() if file.is_file())


def _offered(path: Path, name: DistributionName, beside: set[Path], problems: list[Problem]) -> Offered:
    signature = path.with_name(path.name + _SIGNATURE)
    content: bytes | None = None
    if signature in beside or signature.is_file():
        try:
            content = signature.read_bytes()
        except OSError as error:
            problems.append(_problem(signature, f"cannot be read ({error.strerror})", "make it readable"))
    return Offered(path=path, name=name, signature=content, attested=path.with_name(path.name + _ATTESTATION) in beside)


def _belongs_to(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(_SIGNATURE).removesuffix(_ATTESTATION))


def _problem(path: Path, what: str, remedy: str) -> Problem:
    return Problem(subject=printable(str(path)), what=what, remedy=remedy)
