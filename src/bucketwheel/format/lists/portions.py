"""A portion of a list: the lines of some projects, judged and then rendered. A long list has one for each process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from bucketwheel.format.catalogue import Catalogue, CatalogueEntry, catalogue_entry, rebuilt
from bucketwheel.format.lists.entries import BadLine, Entry, ListReader, grouped, numbered, project_of
from bucketwheel.format.lists.pages import (
    RenderedProject,
    Style,
    lines_digest,
    project_keys,
    render_project,
    viewed_project,
)
from bucketwheel.format.lists.record import ProjectRecord
from bucketwheel.names import ProjectName

__all__ = ["Judged", "NumberedLines", "OwnPortion", "Portion", "judge", "split"]

NumberedLines = list[tuple[int, str]]

_AT_A_TIME = 4096

_UNKNOWN_TO_UV = frozenset({"sha1", "sha224"})


class Judged(NamedTuple):
    """What lines were found to be."""

    bad: tuple[BadLine, ...]
    files: int
    passed_over: int
    """How many files are of a kind that no installer takes any more."""
    odd_hashes: int
    """How many files have a hash that uv refuses."""
    records: Mapping[str, ProjectRecord]
    """By the names of projects, in order."""


class Portion(Protocol):
    """The lines of some projects, here or in another process."""

    def judge(self) -> Judged:
        """Judge the lines."""

    def render(self, changed: Collection[str]) -> Iterator[RenderedProject]:
        """Render each project, in order of their names; pages of its own only of those that changed."""

    def catalogue(self) -> Catalogue:
        """Return what the pages of all projects together show, after all were rendered."""


class OwnPortion:
    """A portion in this process."""

    def __init__(self, style: Style, *, of_json: bool) -> None:
        self._style = style
        self._reader = ListReader(packages_url=style.packages_url, of_json=of_json)
        self._projects: Mapping[ProjectName, Sequence[Entry]] = {}
        self._shown: list[CatalogueEntry] = []

    def read(self, lines: Iterable[tuple[int, str]]) -> None:
        """Read lines."""
        self._reader.read(lines)

    def judge(self) -> Judged:
        """Judge what was read."""
        style, reader = self._style, self._reader
        self._projects = grouped(reader.entries)
        records: dict[str, ProjectRecord] = {
            name: ProjectRecord(
                shown=lines_digest(style, entries),
                keys=tuple(project_keys(style, name, [*dict.fromkeys([entry.version for entry in entries])])),
            )
            for name, entries in self._projects.items()
        }
        odd = sum([not _UNKNOWN_TO_UV.isdisjoint(each.file.hashes) for each in reader.entries])
        return Judged(tuple(reader.bad), len(reader.entries), reader.passed_over, odd, records)

    def render(self, changed: Collection[str]) -> Iterator[RenderedProject]:
        """Render each project."""
        for name, entries in self._projects.items():
            viewed = viewed_project(name, entries)
            self._shown.append(catalogue_entry(viewed))
            yield render_project(self._style, viewed, entries, changed=name in changed)

    def catalogue(self) -> Catalogue:
        """Return what the pages of all projects together show."""
        return rebuilt(Catalogue(), self._shown)


def split(body: str, turns: Sequence[int], *, of_json: bool) -> Iterator[Mapping[int, NumberedLines]]:
    """Split a list, some lines at a time: each new project goes to the part whose turn it is, with all its lines."""
    part_of: dict[str, int] = {}
    lines = iter(numbered(body))
    while several := list(islice(lines, _AT_A_TIME)):
        parts: dict[int, NumberedLines] = {number: [] for number in (-1, *turns)}
        for each in several:
            project = project_of(each[1], of_json=of_json)
            parts[part_of.setdefault(project, turns[len(part_of) % len(turns)])].append(each)
        yield parts


def judge(portions: Iterable[Portion]) -> Judged:
    """Judge all portions, and return what is true of the whole list."""
    parts = [portion.judge() for portion in portions]
    records = {name: record for part in parts for name, record in part.records.items()}
    return Judged(
        bad=tuple(sorted((each for part in parts for each in part.bad), key=lambda bad: bad.number)),
        files=sum(part.files for part in parts),
        passed_over=sum(part.passed_over for part in parts),
        odd_hashes=sum(part.odd_hashes for part in parts),
        records={name: records[name] for name in sorted(records)},
    )
