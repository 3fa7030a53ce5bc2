"""What users require, and the versions that fit; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.names import InvalidName, ProjectName, Sha256, distribution_name, printable, project_name
from bucketwheel.sources.pages import IndexPage

__all__ = ["Listed", "Wanted", "choose", "listed_files", "read_requirements", "requirement_lines"]

_REMEDY = "write it as for pip: demo-pkg, demo-pkg==1.2 or 'demo-pkg>=1,<2'"
_HASH = re.compile(r"\s--hash[=\s]\S+")
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A requirement: which versions of a project will do."""

    project: ProjectName
    specifier: SpecifierSet
    extras: tuple[str, ...] = ()
    marker: str = ""

    @property
    def pinned(self) -> bool:
        """True if it names one version, which may be yanked then (PEP 592)."""
        return any(each.operator == "===" or _is_exact(each.operator, each.version) for each in self.specifier)

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        marker = f" ; {self.marker}" if self.marker else ""
        return f"{self.project}{extras}{self.specifier}{marker}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file on a page of the index."""

    filename: str
    version: Version
    sha256: Sha256
    url: str
    """Absolute."""
    yanked: bool = False


def _is_exact(operator: str, version: str) -> bool:
    return operator == "==" and not version.endswith(".*")


def read_requirements(texts: Iterable[str]) -> tuple[Wanted, ...]:
    """Read requirements; raises Misconfigured with every one that names no version of a project in the index."""
    wanted: list[Wanted] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            parsed = Requirement(text)
            if parsed.url is not None:
                # Not shown: it may contain a password.
                subject, what = printable(parsed.name), "is a link, which is not in the index"
                problems.append(Problem(subject=subject, what=what, remedy=_REMEDY))
                continue
            wanted.append(
                Wanted(
                    project=project_name(parsed.name),
                    specifier=parsed.specifier,
                    extras=tuple(sorted(parsed.extras)),
                    marker=str(parsed.marker or ""),
                )
            )
        except (InvalidRequirement, InvalidName):
            problems.append(Problem(subject=_shown(text), what="is not a requirement (PEP 508)", remedy=_REMEDY))
    if problems:
        raise Misconfigured(*problems)
    return tuple(wanted)


def _shown(text: str) -> str:
    """Return what may be shown of a text that is no requirement: not what follows a scheme."""
    return printable(text.partition("://")[0][:80]) or "a requirement"


def requirement_lines(text: str) -> Iterator[str]:
    """Yield the requirements of a requirements.txt, without hashes, comments and options.

    Raises Misconfigured for an option that names more requirements: these would be missing.
    """
    for line in text.replace("\\\n", " ").replace("\\\r\n", " ").splitlines():
        bare = _HASH.sub("", f" {_COMMENT.sub('', line)}").strip()
        if bare.startswith("-"):
            option = bare.split()[0].partition("=")[0]
            if option in {"-r", "--requirement", "-c", "--constraint", "-e", "--editable"}:
                remedy = "name that file by --requirements, or leave the line out"
                raise Misconfigured(Problem(subject=option, what="is not followed in a file", remedy=remedy))
        elif bare:
            yield bare


def listed_files(page: IndexPage) -> tuple[Listed, ...]:
    """Return the files of a page that installers take; of an unreadable name, or without a sha256, none."""
    files = []
    for link in page.links:
        try:
            name = distribution_name(link.filename)
        except InvalidName:
            continue
        if link.sha256 is not None:
            files.append(
                Listed(
                    filename=link.filename,
                    version=name.version,
                    sha256=link.sha256,
                    url=str(link.url),
                    yanked=link.yanked is not None,
                )
            )
    return tuple(files)


def choose(wanted: Sequence[Wanted], files: Sequence[Listed]) -> tuple[Listed, ...]:
    """Return all files of the version to take; raises Refused where no version will do.

    It is the newest final one that every requirement of the project allows; a yanked one only where one of them pins
    it, a pre-release where nothing else is left or one of them names it.
    """
    project = wanted[0].project
    specifier = SpecifierSet()
    for each in wanted:
        specifier &= each.specifier
    pinned = any(each.pinned for each in wanted)
    offered = [file for file in files if pinned or not file.yanked]
    # With what `filter` does about pre-releases (PEP 440).
    fitting = list(specifier.filter({file.version for file in offered}))
    if not fitting:
        versions = sorted({file.version for file in offered}, reverse=True)
        has = ", ".join(map(str, versions[:10])) or "no file that is not yanked"
        what = f"is not satisfied by the index, which has {has}"
        raise Refused(Problem(subject=f"{project}{specifier}", what=what, remedy="require another version"))
    version = max(fitting)
    return tuple(sorted((file for file in offered if file.version == version), key=lambda file: file.filename))
