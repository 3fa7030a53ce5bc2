"""One project after another: what is wrong with it, as far as a listing, its manifest and a few looks show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bucketwheel.commands.check.files import Named, check_bytes, check_headers, check_listed, named_objects
from bucketwheel.commands.check.findings import Finding
from bucketwheel.commands.check.inventory import Snapshot, body_of, survey_anew
from bucketwheel.commands.check.pages import check_page, check_page_headers, expected_pages
from bucketwheel.commands.check.unreferenced import Stray, accounted_for, check_records, strays
from bucketwheel.errors import Damaged, Unavailable
from bucketwheel.events import FileDone, FileStarted, Report
from bucketwheel.format.layout import manifest_key, page_mark
from bucketwheel.format.manifest import Manifest, empty_manifest
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Inspectable, Key, ObjectHeaders

__all__ = ["Examined", "check_served_page", "check_whole", "examine", "look_at_stray"]

_PAGE_NAMES = ("/", "/index.html", "/index.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was seen of a project, and what is wrong with it so far."""

    manifest: Manifest
    findings: tuple[Finding, ...]
    present: tuple[tuple[Named, int], ...] = ()
    """What the manifest names and the listing shows at the right size, with that size."""
    strays: tuple[Key, ...] = ()
    """What lies there and nobody names; whose it is, only a look at each can tell."""

    @property
    def clean(self) -> bool:
        """Whether nothing seems wrong."""
        return not (self.findings or self.strays)


def examine(repository: Repository, project: ProjectName, survey: Callable[[], Snapshot]) -> Examined:
    """Judge a survey; one that somebody may have committed into is made again before anything is said of it."""
    try:
        first = survey()
        examined = _examined(repository, first)
        if first.settled or examined.clean:
            return examined
        return _examined(repository, survey_anew(repository, project))
    except Damaged as error:
        key = manifest_key(project)
        finding = Finding(
            code="manifest-damaged",
            subject=key,
            what=f"cannot be read: {error.__cause__ or error}",
            remedy="put back an earlier version of it; until then nothing can be published there",
        )
        return Examined(manifest=empty_manifest(project), findings=(finding,))


def _examined(repository: Repository, survey: Snapshot) -> Examined:
    manifest, objects, layout = survey.manifest, survey.objects, repository.layout
    named = tuple(named_objects(manifest, layout))
    findings = [finding for each in named if (finding := check_listed(each, objects.get(each.key)))]
    findings += check_records(manifest, layout, objects)
    findings += _pages(repository, survey) if manifest.revision else ()
    accounted = accounted_for(manifest, layout) if manifest.revision else frozenset[Key]()
    folder = layout.folder(manifest.project)
    return Examined(
        manifest=manifest,
        findings=tuple(findings),
        present=tuple(
            (each, listed.size)
            for each in named
            if (listed := objects.get(each.key)) is not None and each.size in {None, listed.size}
        ),
        strays=strays((key for key in objects if key.startswith(folder)), accounted),
    )


def _pages(repository: Repository, survey: Snapshot) -> Iterator[Finding]:
    pages = expected_pages(survey.manifest, repository.layout, repository.settings.base_url)
    for key, expected in pages.items():
        body = body_of(repository, key, survey.objects.get(key), expected)
        finding = check_page(key, body, expected, survey.manifest)
        if finding is not None:
            yield finding


def look_at_stray(repository: Repository, key: Key) -> Stray | None:
    """See whose an object is that nobody names; None: it is gone already."""
    seen = repository.storage.stat(key)
    if seen is None:
        return None
    if seen.marks is not None:
        return Stray(key=key, seen=seen, page=page_mark(seen.marks))
    # A store without marks (a directory): a page says itself whose it is.
    stored = repository.storage.read(key) if key.endswith(_PAGE_NAMES) else None
    return Stray(key=key, seen=seen, page=None if stored is None else read_page_mark(stored.body))


# With --deep ---------------------------------------------------------------------------------------------------------


def check_whole(repository: Repository, named: Named, size: int, report: Report) -> list[Finding]:
    """Read an object to its end, and look at how it is served."""
    storage, name = repository.storage, named.key.rpartition("/")[2]
    report(FileStarted(name=name, size=size))
    try:
        found = [check_bytes(named, _digest(repository, named.key))] if named.sha256 is not None else []
        headers = storage.headers(named.key) if isinstance(storage, Inspectable) else None
    except Unavailable:
        if storage.stat(named.key) is not None:
            raise
        return []  # somebody deleted it just now, and no entry names it any more
    report(FileDone(name=name, size=size))
    found += [check_headers(named, headers)] if headers is not None else []
    return [finding for finding in found if finding is not None]


def check_served_page(repository: Repository, key: Key, kind: ObjectHeaders) -> list[Finding]:
    """Look at how a page is served."""
    storage = repository.storage
    headers = storage.headers(key) if isinstance(storage, Inspectable) else None
    finding = None if headers is None else check_page_headers(key, kind, headers)
    return [] if finding is None else [finding]


def _digest(repository: Repository, key: Key) -> Sha256:
    with repository.storage.open(key) as stream:
        return Sha256(hashlib.file_digest(stream, "sha256").hexdigest())  # type: ignore[arg-type]  # a BinaryIO
