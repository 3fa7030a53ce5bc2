"""The layout of a repository: the key of every object, its headers and its marks (docs/bucket-format.md, version 1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, TypeAlias
from urllib.parse import quote

from bucketwheel.format.manifest import DeletedFile, PublishedFile
from bucketwheel.names import InvalidName, ProjectName, Sha256, is_sha256, project_name
from bucketwheel.storage import Key, ObjectHeaders

__all__ = [
    "FEED_KEYS",
    "FRONT_KEY",
    "MANIFESTS",
    "NEW_PROJECTS_KEY",
    "PAGES_CACHE_CONTROL",
    "PAGE_STYLES",
    "PEOPLE_KEYS",
    "SETTINGS_KEY",
    "SIDECARS",
    "VIEW_FOLDERS",
    "Layout",
    "PageMark",
    "PageStyle",
    "aside_sha256",
    "distribution_key",
    "feed_key",
    "file_marks",
    "manifest_key",
    "page_mark",
    "page_marks",
    "people_key",
    "project_json_key",
    "project_of",
    "repository_of",
    "run_of",
    "sha256_of_file",
    "sidecar_keys",
    "version_json_key",
    "version_of_json_key",
]

PageStyle: TypeAlias = Literal["slash", "index.html", "both"]
PAGE_STYLES: tuple[PageStyle, ...] = ("slash", "index.html", "both")

SETTINGS_KEY = Key("_bucketwheel/repository.json")
MANIFESTS = "_bucketwheel/manifests/"

_VIEW_KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "jpeg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webp": "image/webp",
    "xml": "text/xml; charset=utf-8",
}
FRONT_KEY = Key("index.html")
NEW_PROJECTS_KEY = Key("rss/packages.xml")
PEOPLE_KEYS = (Key("search/projects.js"), Key("changelog/index.html"), FRONT_KEY)
FEED_KEYS = (Key("rss/updates.xml"), NEW_PROJECTS_KEY)
"""The keys of the pages of all projects together: for people, and feeds."""

VIEW_FOLDERS = ("pypi", "project", "changelog", "search", "rss", "assets")
"""The folders beside the simple index that views have."""

SIDECARS = (".metadata", ".asc", ".provenance")
"""Suffixes appended to a distribution's key."""

# Without this header uv keeps a page for ten minutes, and pip 26.2 and newer obeys what the header says.
PAGES_CACHE_CONTROL = "public, max-age=0, must-revalidate"
_IMMUTABLE = "public, max-age=31536000, immutable"
_NO_CACHE = "no-cache"

# Any other text is a version of an old file that was adopted: it may hold a slash, or differ in case only.
_NORMAL_VERSION = re.compile(
    r"([1-9][0-9]*!)?(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*((a|b|rc)(0|[1-9][0-9]*))?"
    r"(\.post(0|[1-9][0-9]*))?(\.dev(0|[1-9][0-9]*))?(\+[a-z0-9]+(\.[a-z0-9]+)*)?\Z"
)

_NOT_KEPT = re.compile(r"no-store|no-cache(?!=)")
_AGE = re.compile(r"(?:max-age|s-maxage|stale-while-revalidate)=(\d+)")
_GUESSED = 86400

# A publisher whose usual key is taken steps aside to the folder `<sha256>/`, then `<sha256>-2/` and so on.
_ASIDE = re.compile(r"([0-9a-f]{64})(-\d+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMark:
    """The manifest that a page shows, and the generation of the renderer that wrote it."""

    revision: int
    renderer: int
    manifest: Sha256 | None = None
    """The sha256 of the manifest; None for a root, and for what a renderer before 2 wrote."""
    repository: str | None = None
    """The id of the repository; None likewise."""
    settings: str | None = None
    """On a view: a digest of the settings that it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A repository's own choices; every other key is the same in all repositories."""

    simple: str = "simple/"
    """The prefix of the index's keys: empty, or ends in a slash."""
    pages: PageStyle = "slash"
    pages_cache_control: str = PAGES_CACHE_CONTROL
    put_args: Mapping[str, str] = field(default_factory=dict)

    def folder(self, project: ProjectName) -> str:
        """Return the prefix of the keys of a project's pages and files."""
        return f"{self.simple}{project}/"

    def html_keys(self, project: ProjectName) -> tuple[Key, ...]:
        """Return the keys of a project's HTML page."""
        return self._html_keys(self.folder(project))

    def retired_html_keys(self, project: ProjectName | None) -> tuple[Key, ...]:
        """Return the keys that the HTML page of a project (None: the root) has in the page styles not in use."""
        folder = self.simple if project is None else self.folder(project)
        in_use = self._html_keys(folder)
        return tuple(key for key in replace(self, pages="both")._html_keys(folder) if key not in in_use)  # noqa: SLF001

    def json_key(self, project: ProjectName) -> Key:
        """Return the key of a project's JSON page (PEP 691); once it exists, both roots list the project."""
        return Key(f"{self.folder(project)}index.json")

    @property
    def root_html_keys(self) -> tuple[Key, ...]:
        """The keys of the HTML root."""
        return self._html_keys(self.simple)

    @property
    def root_json_key(self) -> Key:
        """The key of the JSON root, the set of projects that only grows."""
        return Key(f"{self.simple}index.json")

    def usual_key(self, project: ProjectName, filename: str) -> Key:
        """Return the key of a distribution whose entry names none."""
        return Key(f"{self.folder(project)}{filename}")

    def key_of(self, project: ProjectName, file: PublishedFile | DeletedFile) -> Key:
        """Return the key that a distribution has, or had."""
        return file.key or self.usual_key(project, file.filename)

    def file_keys(self, project: ProjectName, filename: str, sha256: Sha256) -> Iterator[Key]:
        """Return the keys to try for a new distribution, in order; what others put at one of them stays there."""
        yield self.usual_key(project, filename)
        yield self.usual_key(project, f"{sha256}/{filename}")
        for attempt in count(2):
            yield self.usual_key(project, f"{sha256}-{attempt}/{filename}")

    def href(self, project: ProjectName, file: PublishedFile) -> str:
        """Return a file's URL for its project's page: relative, percent-encoded, `+` too (a space to S3)."""
        if file.url is not None:
            return file.url
        key, folder = self.key_of(project, file), self.folder(project)
        # Go up no further than necessary: a server may show the index without the rest of the repository.
        for above, up in ((folder, ""), (self.simple, "../")):
            if key.startswith(above):
                return up + quote(key.removeprefix(above))
        return "../" * folder.count("/") + quote(key)

    @property
    def seconds_in_caches(self) -> int:
        """The time for which caches may show a page after it changed (RFC 9111, RFC 5861)."""
        header = self.pages_cache_control.lower()
        if _NOT_KEPT.search(header):
            return 0
        return max(map(int, _AGE.findall(header)), default=_GUESSED)  # without any age caches guess

    def html(self) -> ObjectHeaders:
        """Return the headers of HTML pages."""
        return self._headers("text/html; charset=utf-8", self.pages_cache_control)

    def json(self) -> ObjectHeaders:
        """Return the headers of JSON pages (PEP 691)."""
        return self._headers("application/vnd.pypi.simple.v1+json", self.pages_cache_control)

    def view(self, key: Key) -> ObjectHeaders:
        """Return the headers of what is a view by its key, or what the pages of views need."""
        headers = self.headers_of_view(key)
        if headers is None:
            raise ValueError(f"{key} is no view")
        return headers

    def headers_of_view(self, key: Key) -> ObjectHeaders | None:
        """Return the headers of another view of the manifests, or of what its pages need; None for any other key."""
        folder, _, name = key.rpartition("/")
        kind = _VIEW_KINDS.get(name.rpartition(".")[2])
        if kind is None or folder.partition("/")[0] not in {"", *VIEW_FOLDERS}:
            return None
        return self._headers(kind, _IMMUTABLE if folder == "assets" else self.pages_cache_control)

    def distribution(self) -> ObjectHeaders:
        """Return the headers of distributions: plain bytes, never encoded, because pip hashes what it receives."""
        return self._headers("application/octet-stream", _IMMUTABLE)

    def metadata(self) -> ObjectHeaders:
        """Return the headers of `.metadata` sidecars (PEP 658)."""
        return self._headers("text/plain; charset=utf-8", _IMMUTABLE)

    def signature(self) -> ObjectHeaders:
        """Return the headers of detached signatures."""
        return self._headers("application/pgp-signature", _IMMUTABLE)

    def provenance(self) -> ObjectHeaders:
        """Return the headers of attestations (PEP 740), to which bundles may be added."""
        return self._headers("application/vnd.pypi.integrity.v1+json", _NO_CACHE)

    def record(self) -> ObjectHeaders:
        """Return the headers of manifests and settings, which must never come from a cache."""
        return self._headers("application/json", _NO_CACHE)

    def _headers(self, content_type: str, cache_control: str) -> ObjectHeaders:
        return ObjectHeaders(content_type=content_type, cache_control=cache_control, put_args=self.put_args)

    def _html_keys(self, folder: str) -> tuple[Key, ...]:
        # A key cannot be empty: with simple = "" the root's page is index.html in every style.
        names = {"slash": ("",), "index.html": ("index.html",), "both": ("", "index.html")}[self.pages]
        return tuple(dict.fromkeys(Key(f"{folder}{name}" or "index.html") for name in names))


def manifest_key(project: ProjectName) -> Key:
    """Return the key of a project's manifest."""
    return Key(f"{MANIFESTS}{project}.json")


def project_of(key: Key) -> ProjectName | None:
    """Return the project of a manifest's key; None for any other key, and for a name that is not normal."""
    name = key.removeprefix(MANIFESTS).removesuffix(".json")
    try:
        project = project_name(name)
    except InvalidName:
        return None
    return project if key == manifest_key(project) else None


def project_json_key(project: ProjectName) -> Key:
    """Return the key of a project's document in Warehouse's JSON API."""
    return Key(f"pypi/{project}/json")


def version_json_key(project: ProjectName, version: str) -> Key | None:
    """Return the key of a version's document; None for one that is not written in its normal form (PEP 440)."""
    return Key(f"pypi/{project}/{version}/json") if _NORMAL_VERSION.match(version) else None


def version_of_json_key(project: ProjectName, key: Key) -> str | None:
    """Return the version whose document has this key; None for any other key."""
    version = key.removeprefix(f"pypi/{project}/").removesuffix("/json")
    return version if key == version_json_key(project, version) else None


def people_key(project: ProjectName) -> Key:
    """Return the key of a project's page for people, in every page style."""
    return Key(f"project/{project}/index.html")


def feed_key(project: ProjectName) -> Key:
    """Return the key of a project's feed of releases."""
    return Key(f"rss/project/{project}/releases.xml")


def sidecar_keys(key: Key) -> tuple[Key, ...]:
    """Return the keys of all sidecars that a distribution may have."""
    return tuple(Key(f"{key}{suffix}") for suffix in SIDECARS)


def distribution_key(key: Key) -> Key:
    """Return the key of the distribution that a sidecar belongs to; any other key as it is."""
    return next((Key(key.removesuffix(suffix)) for suffix in SIDECARS if key.endswith(suffix)), key)


def aside_sha256(folder: str) -> Sha256 | None:
    """Return the digest in the name of a folder that a publisher steps aside to; None for any other folder."""
    match = _ASIDE.match(folder)
    return None if match is None else Sha256(match[1])


_REPOSITORY, _RUN, _SHA256 = "bucketwheel-repository", "bucketwheel-call", "bucketwheel-sha256"
_REVISION, _RENDERER, _MANIFEST = "bucketwheel-revision", "bucketwheel-renderer", "bucketwheel-manifest"
_SETTINGS = "bucketwheel-settings"
# Not the mark of files: that tells orphans, and a page is none.
_INDEX = "bucketwheel-index"


def file_marks(*, repository: str, run_id: str, sha256: Sha256) -> dict[str, str]:
    """Return a file's marks: its repository, the run that uploaded it, its digest (S3's is composite when large)."""
    return {_REPOSITORY: repository, _RUN: run_id, _SHA256: sha256}


def repository_of(marks: Mapping[str, str] | None) -> str | None:
    """Read the id of the repository that a file was uploaded for."""
    return (marks or {}).get(_REPOSITORY)


def run_of(marks: Mapping[str, str] | None) -> str | None:
    """Read the id of the run that uploaded a file."""
    return (marks or {}).get(_RUN)


def sha256_of_file(marks: Mapping[str, str] | None) -> str | None:
    """Read the digest of a file's bytes, as its publisher noted it."""
    return (marks or {}).get(_SHA256)


def page_marks(mark: PageMark) -> dict[str, str]:
    """Return a page's marks."""
    marks = {_REVISION: str(mark.revision), _RENDERER: str(mark.renderer)}
    if mark.manifest is not None:
        marks[_MANIFEST] = mark.manifest
    if mark.repository is not None:
        marks[_INDEX] = mark.repository
    if mark.settings is not None:
        marks[_SETTINGS] = mark.settings
    return marks


def page_mark(marks: Mapping[str, str]) -> PageMark | None:
    """Read a page's marks; None for a page that we did not write, or that another tool overwrote."""
    revision, renderer = marks.get(_REVISION, ""), marks.get(_RENDERER, "")
    if not (revision.isdecimal() and renderer.isdecimal()):
        return None
    sha256 = marks.get(_MANIFEST, "")
    return PageMark(
        revision=int(revision),
        renderer=int(renderer),
        manifest=Sha256(sha256) if is_sha256(sha256) else None,
        repository=marks.get(_INDEX),
        settings=marks.get(_SETTINGS),
    )
