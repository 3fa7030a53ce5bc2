"""Where things lie in a repository, how they are served, and what is noted on them: DESIGN's format, version 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, TypeAlias
from urllib.parse import quote

from bucketwheel.format.manifest import DeletedFile, PublishedFile
from bucketwheel.names import InvalidName, ProjectName, Sha256, project_name
from bucketwheel.storage import Key, ObjectHeaders

__all__ = [
    "MANIFESTS",
    "PAGES_CACHE_CONTROL",
    "PAGE_STYLES",
    "SETTINGS_KEY",
    "SIDECARS",
    "Layout",
    "PageMark",
    "PageStyle",
    "file_marks",
    "manifest_key",
    "page_mark",
    "page_marks",
    "project_of",
    "repository_of",
    "run_of",
    "sha256_of_file",
]

PageStyle: TypeAlias = Literal["slash", "index.html", "both"]
PAGE_STYLES: tuple[PageStyle, ...] = ("slash", "index.html", "both")

SETTINGS_KEY = Key("_bucketwheel/repository.json")
MANIFESTS = "_bucketwheel/manifests/"

SIDECARS = (".metadata", ".asc", ".provenance")
"""What the keys of sidecars add to their file's."""

# Set on every page: without it uv takes a page for fresh for ten minutes, and pip obeys what it says (26.2 and newer).
PAGES_CACHE_CONTROL = "public, max-age=0, must-revalidate"
_FOR_EVER = "public, max-age=31536000, immutable"
_NEVER = "no-cache"

_SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"  # PEP 691
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMark:
    """Which state of the truth a page shows, and which generation of the renderer wrote it."""

    revision: int
    renderer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A repository's own way to lay out its pages; the rest is the same everywhere."""

    simple: str = "simple/"
    """What the index's keys begin with: empty, or ends in a slash."""
    pages: PageStyle = "slash"
    pages_cache_control: str = PAGES_CACHE_CONTROL
    put_args: Mapping[str, str] = field(default_factory=dict)

    def folder(self, project: ProjectName) -> str:
        """What the keys of a project's pages and files begin with."""
        return f"{self.simple}{project}/"

    def html_keys(self, project: ProjectName) -> tuple[Key, ...]:
        """The keys of a project's HTML page."""
        return self._html_keys(self.folder(project))

    def retired_html_keys(self, project: ProjectName | None) -> tuple[Key, ...]:
        """Where the HTML page of a project, or the root's, would lie in the styles that are not in use."""
        folder = self.simple if project is None else f"{self.simple}{project}/"
        in_use = self._html_keys(folder)
        return tuple(key for key in replace(self, pages="both")._html_keys(folder) if key not in in_use)  # noqa: SLF001

    def json_key(self, project: ProjectName) -> Key:
        """The key of a project's JSON page (PEP 691); once it exists, both roots list the project."""
        return Key(f"{self.simple}{project}/index.json")

    @property
    def root_html_keys(self) -> tuple[Key, ...]:
        """The keys of the HTML root."""
        return self._html_keys(self.simple)

    @property
    def root_json_key(self) -> Key:
        """The key of the JSON root, the set of projects that only grows."""
        return Key(f"{self.simple}index.json")

    def usual_key(self, project: ProjectName, filename: str) -> Key:
        """Where a distribution lies unless its entry says otherwise."""
        return Key(f"{self.simple}{project}/{filename}")

    def key_of(self, project: ProjectName, file: PublishedFile | DeletedFile) -> Key:
        """Where a distribution lies, or lay."""
        return file.key or self.usual_key(project, file.filename)

    def file_keys(self, project: ProjectName, filename: str, sha256: Sha256) -> Iterator[Key]:
        """Where a new distribution may lie, in the order to try; each step aside leaves what others put there alone."""
        yield self.usual_key(project, filename)
        yield Key(f"{self.simple}{project}/{sha256}/{filename}")
        for attempt in count(2):
            yield Key(f"{self.simple}{project}/{sha256}-{attempt}/{filename}")

    def href(self, project: ProjectName, file: PublishedFile) -> str:
        """A file's URL as its project's page links to it: relative, percent-encoded, `+` too (a space to S3)."""
        if file.url is not None:
            return file.url
        key, folder = self.key_of(project, file), self.folder(project)
        # No further up than need be: the index may be served without the rest of the repository.
        for above, up in ((folder, ""), (self.simple, "../")):
            if key.startswith(above):
                return up + quote(key.removeprefix(above))
        return "../" * folder.count("/") + quote(key)

    def html(self) -> ObjectHeaders:
        """How HTML pages are served."""
        return self._kind(_HTML, self.pages_cache_control)

    def json(self) -> ObjectHeaders:
        """How JSON pages of the simple API are served."""
        return self._kind(_SIMPLE_JSON, self.pages_cache_control)

    def distribution(self) -> ObjectHeaders:
        """How distributions are served: as plain bytes, never encoded, for pip hashes what it receives."""
        return self._kind("application/octet-stream", _FOR_EVER)

    def metadata(self) -> ObjectHeaders:
        """How `.metadata` sidecars are served (PEP 658)."""
        return self._kind("text/plain; charset=utf-8", _FOR_EVER)

    def signature(self) -> ObjectHeaders:
        """How detached signatures are served."""
        return self._kind("application/pgp-signature", _FOR_EVER)

    def provenance(self) -> ObjectHeaders:
        """How attestations are served (PEP 740): bundles may be added to them."""
        return self._kind("application/vnd.pypi.integrity.v1+json", _NEVER)

    def record(self) -> ObjectHeaders:
        """How manifests and settings are kept: nobody may ever read them from a cache."""
        return self._kind("application/json", _NEVER)

    def _kind(self, content_type: str, cache_control: str) -> ObjectHeaders:
        return ObjectHeaders(content_type=content_type, cache_control=cache_control, put_args=self.put_args)

    def _html_keys(self, folder: str) -> tuple[Key, ...]:
        # A key cannot be empty: with simple = "" the root's page is index.html in every style.
        names = {"slash": ("",), "index.html": ("index.html",), "both": ("", "index.html")}[self.pages]
        return tuple(dict.fromkeys(Key(f"{folder}{name}" or "index.html") for name in names))


def manifest_key(project: ProjectName) -> Key:
    """Where a project's manifest lies."""
    return Key(f"{MANIFESTS}{project}.json")


def project_of(key: Key) -> ProjectName | None:
    """The project whose manifest lies at this key; None for any other key, and for a name that is not normal."""
    name = key.removeprefix(MANIFESTS).removesuffix(".json")
    try:
        project = project_name(name)
    except InvalidName:
        return None
    return project if key == manifest_key(project) else None


_REPOSITORY, _CALL, _SHA256 = "bucketwheel-repository", "bucketwheel-call", "bucketwheel-sha256"
_REVISION, _RENDERER = "bucketwheel-revision", "bucketwheel-renderer"


def file_marks(*, repository: str, run_id: str, sha256: Sha256) -> dict[str, str]:
    """What is noted on a file: whose it is, which call brought it, and its digest (S3's is composite when large)."""
    return {_REPOSITORY: repository, _CALL: run_id, _SHA256: sha256}


def run_of(marks: Mapping[str, str] | None) -> str | None:
    """The call that brought a file, by its marks."""
    return (marks or {}).get(_CALL)


def repository_of(marks: Mapping[str, str] | None) -> str | None:
    """The id of the repository that a file was brought for, by its marks."""
    return (marks or {}).get(_REPOSITORY)


def sha256_of_file(marks: Mapping[str, str] | None) -> str | None:
    """The digest of a file's bytes as its publisher noted it."""
    return (marks or {}).get(_SHA256)


def page_marks(mark: PageMark) -> dict[str, str]:
    """What is noted on a page."""
    return {_REVISION: str(mark.revision), _RENDERER: str(mark.renderer)}


def page_mark(marks: Mapping[str, str]) -> PageMark | None:
    """Read a page's marks; None for a page that we did not write, or that somebody wrote over."""
    revision, renderer = marks.get(_REVISION, ""), marks.get(_RENDERER, "")
    if not (revision.isdecimal() and renderer.isdecimal()):
        return None
    return PageMark(revision=int(revision), renderer=int(renderer))
