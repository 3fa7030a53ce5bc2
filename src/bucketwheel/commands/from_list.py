"""Make an index from a plain list of files that are elsewhere: dumb-pypi's job.

Only one run may write at a time, and no lock is left behind by one that dies. A run swaps the settings before it writes
(`shown` absent), looks at the pages that it will change, and reads the settings again: if another run began meanwhile,
it stops. Every page is swapped against that look, so a run that was overtaken loses and never replaces a newer page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from operator import attrgetter
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused, Unfinished
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.catalogue import merged_catalogues
from bucketwheel.format.layout import SETTINGS_KEY, Layout, PageStyle
from bucketwheel.format.lists.entries import BadLine
from bucketwheel.format.lists.pages import (
    Page,
    RenderedProject,
    Style,
    batches,
    generation,
    logo_page,
    shared_keys,
    shared_pages,
)
from bucketwheel.format.lists.portions import Portion, judge
from bucketwheel.format.lists.record import (
    PROJECTS_KEY,
    SHARED,
    ListSettings,
    ProjectRecord,
    decode_projects,
    decode_settings,
    encode,
    encode_projects,
)
from bucketwheel.format.settings import public_base_url
from bucketwheel.format.views.logo import Logo
from bucketwheel.names import printable, sha256_of
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.portions import open_portions
from bucketwheel.protocol.repository import Context, Target, open_context, refuse_nonempty, refuse_read_only
from bucketwheel.sources.logo import logo_file
from bucketwheel.storage import NO_MARKS, HasFolders, Key, ObjectVersion, SwapLost, SwapsMany

__all__ = ["ListIndex", "ListOptions", "from_list"]

_ANOTHER_LOGO = "give another file, or an http or https URL"
_MOST_SHOWN = 20
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """How the index looks and where its links lead."""

    packages_url: str
    """Where the files are: absolute, or relative to a project's page."""
    base_url: str | None = None
    """The public address of the index; None: that of the bucket, and none in a directory, so that it has no feeds."""
    title: str = "Python packages"
    logo: str | Path | None = None
    """A URL, or the file of a picture, which the index gets a copy of."""
    logo_width: int = 0
    per_release_json: bool = True
    skip_invalid: bool = False
    all_pages: bool = False
    """Whether to look at every page, because somebody may have changed or removed some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIndex:
    """The index after a run."""

    repository: Place
    index_url: str
    projects: int
    files: int
    passed_over: int
    """Files of a kind that no installer takes any more: .egg, .exe, .msi, .rpm."""
    skipped: int
    """Bad lines that were skipped."""
    pages_written: int
    pages_removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The index as the run found it."""

    settings: ListSettings | None
    version: ObjectVersion | None
    records: Mapping[str, ProjectRecord]
    records_version: ObjectVersion | None


def from_list(
    body: str, settings: Settings, *, options: ListOptions, of_json: bool, report: Report = ignore
) -> ListIndex:
    """Write the index of a list, one file a line; `of_json` says whether the lines are JSON objects.

    Raises Refused for bad lines unless they are to be skipped, and for a place that holds something else; Unfinished if
    another run writes at the same time.
    """
    _refuse_options(options)
    with open_context(settings, report) as context:
        refuse_read_only(context.target)
        found = _find(context.target)
        look_at_all = options.all_pages or (found.settings is not None and found.records_version is None)
        logo = logo_file(options.logo, "--logo ", _ANOTHER_LOGO) if isinstance(options.logo, Path) else options.logo
        style = _style(context, options, logo.path if isinstance(logo, Logo) else logo)
        shown = sha256_of(f"{style.digest}\n{of_json}\n{body}".encode("utf-8", "surrogatepass"))
        if found.settings is not None and found.settings.shown == shown and not look_at_all:
            return _index(context, style, found.settings.counts, (0, 0))
        writing = _Writing(context, style, found, logo if isinstance(logo, Logo) else None, look_at_all=look_at_all)
        with open_portions(body, style, of_json=of_json, most=settings.jobs) as portions:
            judged = judge(portions)
            _tell_bad_lines(judged.bad, report, skip=options.skip_invalid)
            _tell_odd_hashes(judged.odd_hashes, report)
            _refuse_to_empty(found, judged.records)
            counts = (len(judged.records), judged.files, judged.passed_over, len(judged.bad))
            settled = ListSettings(run=uuid4().hex, shown=shown, counts=counts, style=style, generation=generation())
            changed = writing.run(portions, judged.records, settled)
    return _index(context, style, counts, changed)


def _index(context: Context, style: Style, counts: tuple[int, ...], changed: tuple[int, int]) -> ListIndex:
    projects, files, passed_over, skipped = counts
    return ListIndex(
        repository=context.target.place,
        index_url=style.index_url,
        projects=projects,
        files=files,
        passed_over=passed_over,
        skipped=skipped,
        pages_written=changed[0],
        pages_removed=changed[1],
    )


def _refuse_options(options: ListOptions) -> None:
    problems = []
    if not _linkable(options.packages_url, "", "http", "https"):
        remedy = "give an http or https URL, or a relative path"
        problems.append(Problem(subject="--packages-url", what="cannot be linked", remedy=remedy))
    if isinstance(options.logo, str) and not _is_picture(options.logo):
        remedy = "give an http or https URL with no user, or a file"
        problems.append(Problem(subject="--logo", what="cannot be linked", remedy=remedy))
    if options.base_url is not None and not _is_public(options.base_url):
        remedy = "give an http or https URL with no user and no query, such as https://pypi.example.com/"
        problems.append(Problem(subject="--base-url", what="is not the address of an index", remedy=remedy))
    if problems:
        raise Misconfigured(*problems)


def _linkable(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_somewhere = parts.hostname is not None or parts.scheme == ""
    is_one_word = url.isprintable() and not any(map(str.isspace, url)) and "\\" not in url
    return parts.scheme in schemes and is_somewhere and is_one_word


def _is_picture(url: str) -> bool:
    # Its host becomes a source of the pages' policy, where more than a host would change or break that.
    return _linkable(url, "http", "https") and _HOST.match(urlsplit(url).netloc) is not None


def _is_public(url: str) -> bool:
    try:
        return _linkable(url, "http", "https") and public_base_url(url) is not None
    except ValueError:
        return False


def _style(context: Context, options: ListOptions, logo: str | None) -> Style:
    pages: PageStyle = "index.html" if isinstance(context.target.place, DirectoryPlace) else "slash"
    storage, simple = context.target.storage, Layout(pages=pages).simple
    base_url = None if pages == "index.html" else storage.address("")
    if options.base_url is not None:
        base_url = options.base_url.rstrip("/") + "/"
    return Style(
        pages=pages,
        packages_url=options.packages_url,
        index_url=storage.address(simple) if base_url is None else f"{base_url}{simple}",
        base_url=base_url,
        title=printable(options.title),
        logo=logo,
        logo_width=options.logo_width,
        versions=options.per_release_json,
    )


def _find(target: Target) -> _Found:
    stored = target.storage.read(SETTINGS_KEY)
    if stored is None:
        _refuse_nonempty(target)
        return _Found(settings=None, version=None, records={}, records_version=None)
    settings = decode_settings(stored.body)
    if settings is None:
        what = "is a repository that files are published to, so no list can describe it"
        raise Refused(Problem(subject=str(target.place), what=what, remedy="write the index to another place"))
    records = target.storage.read(PROJECTS_KEY)
    return _Found(
        settings=settings,
        version=stored.version,
        records={} if records is None else decode_projects(records.body),
        records_version=None if records is None else records.version,
    )


def _refuse_nonempty(target: Target) -> None:
    """Refuse a place that holds something else, an index of dumb-pypi's too: it would be neither's."""
    try:
        refuse_nonempty(target)
    except Refused as refused:
        remedy = "write the index to an empty directory or prefix, and serve that one"
        raise Refused(*(replace(problem, remedy=remedy) for problem in refused.problems)) from refused


def _tell_bad_lines(bad: Sequence[BadLine], report: Report, *, skip: bool) -> None:
    shown, more = bad[:_MOST_SHOWN], len(bad) - _MOST_SHOWN
    if bad and not skip:
        problems = [
            Problem(subject=f"line {each.number}", what=each.what, remedy="correct it, or pass --skip-invalid")
            for each in shown
        ]
        if more > 0:
            what = "cannot be used either"
            problems.append(Problem(subject=f"{more} more lines", what=what, remedy="correct them too"))
        raise Refused(*problems)
    for each in shown:
        report(Warned(message=f"line {each.number} {each.what}; it was skipped"))
    if more > 0:
        report(Warned(message=f"{more} more lines were skipped"))


def _tell_odd_hashes(count: int, report: Report) -> None:
    if count:
        files = "1 file has" if count == 1 else f"{count} files have"
        report(Warned(message=f"uv refuses HTML pages with a sha1 or sha224, which {files}; a list with sha256 helps"))


def _refuse_to_empty(found: _Found, listed: Mapping[str, ProjectRecord]) -> None:
    """Refuse a list without files where there is an index: what wrote it has failed, and left an empty pipe."""
    if not listed and found.records.keys() - {SHARED}:
        what = "names no file, and would remove every project of the index"
        remedy = "look at what wrote it; to have an empty index, write one to an empty directory or prefix"
        raise Refused(Problem(subject="the list", what=what, remedy=remedy))


class _Writing:
    """One run that writes: what it found, and the versions of what it writes over."""

    def __init__(self, context: Context, style: Style, found: _Found, logo: Logo | None, *, look_at_all: bool) -> None:
        self._context, self._style, self._found, self._logo = context, style, found, logo
        self._look_at_all = look_at_all
        self._storage = context.target.storage
        self._run_id = ""
        self._written = self._removed = 0

    def run(
        self, portions: Sequence[Portion], records: Mapping[str, ProjectRecord], settled: ListSettings
    ) -> tuple[int, int]:
        """Write what differs, remove what only a former run wrote; return how many pages of each."""
        try:
            self._write(portions, records, settled)
        except SwapLost as lost:
            raise Unfinished(
                f"another run writes to {self._context.target.place} at the same time ({lost.key} changed); run the "
                "same command again when it has ended"
            ) from lost
        return self._written, self._removed

    def _write(self, portions: Sequence[Portion], listed: Mapping[str, ProjectRecord], settled: ListSettings) -> None:
        found, style = self._found, self._style
        after: dict[str, ProjectRecord] = {**listed}
        after[SHARED] = ProjectRecord(shown=str(settled.shown), keys=tuple(shared_keys(style)))
        changed = {name for name, record in after.items() if self._look_at_all or found.records.get(name) != record}
        self._run_id = settled.run
        began = self._swap_settings(ListSettings(run=settled.run, shown=None), found.version)
        records = self._swap_records(_while_writing(found.records, after, changed), found.records_version)
        old = {key for record in found.records.values() for key in record.keys}
        gone = old - {key for record in after.values() for key in record.keys}
        self._write_pages(self._pages(portions, changed), old)
        self._remove(sorted(gone))
        self._swap_records(after, records)
        self._swap_settings(settled, began)

    def _pages(self, portions: Sequence[Portion], changed: set[str]) -> Iterator[Page]:
        """Render what changed: the pages of projects, then those that link to them."""
        rendered: list[RenderedProject] = []
        for one in merge(*[portion.render(changed) for portion in portions], key=attrgetter("project")):
            yield from one.pages
            rendered.append(one._replace(pages=()))
        if self._logo is not None:
            yield logo_page(self._style, self._logo)
        catalogue = merged_catalogues([portion.catalogue() for portion in portions])
        yield from shared_pages(self._style, rendered, catalogue)

    def _write_pages(self, pages: Iterator[Page], old: set[Key]) -> None:
        known: dict[Key, ObjectVersion] = {}
        for batch in batches(pages):
            looked = [page for page in batch if self._look_at_all or page.key in old or page.key.startswith("assets/")]
            stats = self._context.workers.map(partial(self._storage.stat, page.key) for page in looked)
            found = {page.key: info for page, info in zip(looked, stats, strict=True) if info is not None}
            self._stop_if_overtaken()  # rule: a run that was overtaken after its look writes nothing
            wanted = [page for page in batch if page.key not in found or found[page.key].sha256 != sha256_of(page.body)]
            known |= {key: info.version for key, info in found.items()}
            self._swap(wanted, known)
            self._written += len(wanted)
        if isinstance(self._storage, SwapsMany):
            self._storage.settle()  # before anything says that the pages are there

    def _swap(self, pages: Sequence[Page], versions: Mapping[Key, ObjectVersion]) -> None:
        if isinstance(self._storage, SwapsMany):
            self._storage.swap_many((page.key, page.body, versions.get(page.key)) for page in pages)
            return
        self._context.workers.map(
            partial(
                self._storage.swap,
                page.key,
                page.body,
                expected=versions.get(page.key),
                headers=page.headers,
                marks=NO_MARKS,
            )
            for page in pages
        )

    def _remove(self, keys: Sequence[Key]) -> None:
        stats = self._context.workers.map(partial(self._storage.stat, key) for key in keys)
        self._stop_if_overtaken()
        present = [(key, info.version) for key, info in zip(keys, stats, strict=True) if info is not None]
        self._context.workers.map(partial(self._storage.remove, key, expected=version) for key, version in present)
        self._removed += len(present)
        if isinstance(self._storage, HasFolders):
            self._storage.remove_folders(keys)  # web servers answer an empty one with 403, which means another thing

    def _stop_if_overtaken(self) -> None:
        stored = self._storage.read(SETTINGS_KEY)
        settings = None if stored is None else decode_settings(stored.body)
        if settings is None or settings.run != self._run_id:
            raise SwapLost(SETTINGS_KEY)

    def _swap_settings(self, settings: ListSettings, expected: ObjectVersion | None) -> ObjectVersion:
        headers = self._style.layout.record()
        return self._storage.swap(SETTINGS_KEY, encode(settings), expected=expected, headers=headers, marks=NO_MARKS)

    def _swap_records(self, records: Mapping[str, ProjectRecord], expected: ObjectVersion | None) -> ObjectVersion:
        headers, body = self._style.layout.record(), encode_projects(records)
        return self._storage.swap(PROJECTS_KEY, body, expected=expected, headers=headers, marks=NO_MARKS)


def _while_writing(
    before: Mapping[str, ProjectRecord], after: Mapping[str, ProjectRecord], changed: set[str]
) -> dict[str, ProjectRecord]:
    """Return the records while pages are written: if this run dies, the next one knows all pages that may be there."""
    records = {}
    for name in {*before, *after}:
        keys = {key for each in (before, after) if name in each for key in each[name].keys}
        shown = after[name].shown if name in after and name not in changed else ""
        records[name] = ProjectRecord(shown=shown, keys=tuple(sorted(keys)))
    return records
