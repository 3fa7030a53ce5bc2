"""A listing of a bucket, sorted: files that a project can have, pages, other tools' objects, and files to ignore."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from bucketwheel.format.layout import SIDECARS, Layout, PageStyle, aside_sha256
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.parsed_names import ParsedName, is_distribution, parse_name
from bucketwheel.names import InvalidName, ProjectName, project_name
from bucketwheel.storage import Key, ListEntry, ObjectVersion

__all__ = [
    "FoundFile",
    "IgnoredFile",
    "ListedFiles",
    "can_be_linked",
    "index_prefix",
    "linked_file",
    "prefixes",
    "sort_listing",
]

_OURS = "_bucketwheel/"
_PAGES = ("", "index.html", "index.json")
# At the top of a repository or an index: its page in any style, and wheelhouse-uploader's digests.
_AT_TOP = ("", "index.html", "metadata.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file that can be a project's, as a listing shows it."""

    key: Key
    name: ParsedName
    etag: str | None
    size: int
    aside: str = ""
    """The sha256 that its folder is named after, and that its bytes must have; empty for any other folder."""

    @property
    def filename(self) -> str:
        """Return the name to release it under."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredFile:
    """A distribution that no project can have at its key."""

    project: ProjectName | None
    """The project whose folder contains it."""
    reason: str
    """Continues its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFiles:
    """All objects of a listing but those in `_bucketwheel/`."""

    objects: Mapping[Key, ListEntry]
    files: Mapping[ProjectName, Sequence[FoundFile]]
    pages: Mapping[ProjectName, Sequence[Key]]
    """A project's pages, by any tool, in every spelling of its folder."""
    others: Mapping[ProjectName | None, Sequence[Key]]
    """The other objects in a project's folders, or at the top (None): no distribution, no sidecar, no page."""
    ignored: Mapping[Key, IgnoredFile]

    @property
    def page_style(self) -> PageStyle | None:
        """Return the style of the pages of projects that have files; None if there are no such pages."""
        pages = [key for project in self.files for key in self.pages.get(project, ())]
        # The S3 console makes a folder by an empty object whose key ends in a slash.
        slash = any(key.endswith("/") and self.objects[key].size for key in pages)
        index = any(key.endswith("/index.html") for key in pages)
        if slash and index:
            return "both"
        return "slash" if slash else "index.html" if index else None

    def sidecars(self, key: Key) -> frozenset[str]:
        """Return the suffixes of the sidecars that a file has."""
        found = [suffix for suffix in SIDECARS if Key(f"{key}{suffix}") in self.objects]
        return _SETS_OF_SIDECARS[tuple(found)]

    def metadata_version(self, key: Key) -> ObjectVersion | None:
        """Return the version of a file's `.metadata`; None if there is none, or the listing does not show it."""
        entry = self.objects.get(Key(f"{key}.metadata"))
        return None if entry is None else entry.version


# A listing has hundreds of thousands of files and eight such sets.
_SETS_OF_SIDECARS = {
    found: frozenset(found) for count in range(len(SIDECARS) + 1) for found in combinations(SIDECARS, count)
}


def sort_listing(listing: Iterable[ListEntry], layout: Layout) -> ListedFiles:
    """Sort the objects of a listing.

    A file counts in its project's folder, in any spelling of it, and directly at the top of the repository or index.
    """
    # The S3 console's folder for the repository's own prefix has an empty key.
    objects = {entry.key: entry for entry in listing if entry.key and not entry.key.startswith(_OURS)}
    roots = {*layout.root_html_keys, layout.root_json_key}
    files: dict[ProjectName, list[FoundFile]] = defaultdict(list)
    pages: dict[ProjectName, list[Key]] = defaultdict(list)
    others: dict[ProjectName | None, list[Key]] = defaultdict(list)
    ignored: dict[Key, IgnoredFile] = {}
    for key, entry in objects.items():
        if key in roots or key.endswith(SIDECARS):
            continue
        folder, within, filename = _split(key, layout)
        project = _project_of_folder(folder)
        if is_distribution(filename):
            found = _sort_distribution(entry, folder, within, project)
            if isinstance(found, FoundFile):
                files[found.name.project].append(found)
            else:
                ignored[key] = found
        elif project is not None and not within and filename in _PAGES:
            pages[project].append(key)
        elif project is not None or (folder == "" and filename in _AT_TOP):
            others[project].append(key)
    return ListedFiles(objects=objects, files=files, pages=pages, others=others, ignored=ignored)


def index_prefix(keys: Iterable[Key]) -> str | None:
    """Return the prefix of the index of another tool: where folders of projects contain their files; None for none.

    s3pypi has it at the top or under its `--prefix`, stick under `simple/`.
    """
    found: Counter[str] = Counter()
    for key in keys:
        path, _, filename = key.rpartition("/")
        above, _, folder = path.rpartition("/")
        project = _project_of_folder(folder)
        if project is not None and parse_name(filename, project) is not None:
            found[f"{above}/" if above else ""] += 1
    return found.most_common(1)[0][0] if found else None


def can_be_linked(key: Key) -> bool:
    """Return whether a link leads to this key, and a directory can hold it; one to `a//b` or `./a` leads elsewhere."""
    return key.isprintable() and not set("\\:") & set(key) and not {"", ".", ".."} & set(key.split("/"))


def linked_file(entry: ListEntry, project: ProjectName) -> FoundFile | None:
    """Return the file that a project's page links to, at any key; None for what cannot be the project's."""
    name = parse_name(entry.key.rpartition("/")[2], project)
    if name is None or entry.key.startswith(_OURS):
        return None
    return FoundFile(key=entry.key, name=name, etag=entry.etag, size=entry.size)


def prefixes(layout: Layout, manifest: Manifest, folders: Collection[str]) -> tuple[str, ...]:
    """Return the prefixes to list for all of a project: its folder, these folders, and those of its files."""
    keys = (file.key for file in (*manifest.files, *manifest.missing) if file.key is not None)
    wanted = {layout.folder(manifest.project), *folders, *(key[: key.rfind("/") + 1] for key in keys)}
    return tuple(sorted(each for each in wanted if not any(each.startswith(other) for other in wanted - {each})))


def _split(key: Key, layout: Layout) -> tuple[str | None, str, str]:
    """Split a key into the folder of the index, the path within that folder, and the file name.

    The folder is empty for the top of the index or the repository, and None for any other place outside the index.
    """
    path, _, filename = key.rpartition("/")
    if not key.startswith(layout.simple):
        return None if path else "", path, filename
    folder, _, within = path.removeprefix(layout.simple.rstrip("/")).removeprefix("/").partition("/")
    return folder, within, filename


def _project_of_folder(folder: str | None) -> ProjectName | None:
    try:
        return project_name(folder or "")
    except InvalidName:
        return None


def _sort_distribution(
    entry: ListEntry, folder: str | None, within: str, project: ProjectName | None
) -> FoundFile | IgnoredFile:
    aside = aside_sha256(within)
    name = parse_name(entry.key.rpartition("/")[2], project)
    if not can_be_linked(entry.key):
        reason = "has a name that no link can be trusted to lead to"
    elif folder is None or (folder and project is None) or (within and aside is None):
        reason = "is where an index has no files, and no page links to it"
    elif name is None:
        reason = f"cannot be a distribution of {project}" if project else "has a name that does not tell its project"
    else:
        return FoundFile(key=entry.key, name=name, etag=entry.etag, size=entry.size, aside=aside or "")
    return IgnoredFile(project=project, reason=reason)
