"""The content of a repository at one moment, and everything in it that breaks a promise of the write protocol."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import html5lib

from bucketwheel.format.catalogue import CATALOGUE_KEY
from bucketwheel.format.layout import MANIFESTS, SETTINGS_KEY, project_of
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, decode_manifest
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.format.settings import VIEWS, decode_settings
from bucketwheel.format.views.published import known_versions, shown_sha256
from bucketwheel.names import sha256_of
from bucketwheel.protocol.catalogue import shared_keys
from bucketwheel.storage import Key, Object, Storage
from support.view_pages import named_files, parsed_view_key

__all__ = ["Snapshot", "broken_promises", "comparable", "take_snapshot"]

_SIMPLE = "simple/"
# As manifests, Warehouse's JSON, pages for people and feeds write it.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{6}Z)?)?|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000")
_IN_MARK = re.compile(r"(manifest': '|sha256=|\"manifest\":\")[0-9a-f]{64}")
_RELEASE = re.compile(r"(?=<li>|<item>|\{)|(?<=</li>)|(?<=</item>)|(?<=\})")
_IDENTITY = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Every object of a repository."""

    objects: Mapping[str, Object]

    @property
    def manifests(self) -> dict[str, Manifest]:
        """The manifests, by project."""
        found = {key: project_of(Key(key)) for key in self.objects if key.startswith(MANIFESTS)}
        return {project: decode_manifest(self.objects[key].body, project) for key, project in found.items() if project}

    def body(self, key: str) -> bytes | None:
        """Return the bytes at a key."""
        stored = self.objects.get(key)
        return None if stored is None else stored.body

    def json_page(self, project: str) -> bytes | None:
        """Return a project's JSON page, which is written after the root."""
        return self.body(f"{_SIMPLE}{project}/index.json")

    def html_page(self, project: str) -> bytes | None:
        """Return a project's HTML page."""
        return self.body(f"{_SIMPLE}{project}/")


class Link(NamedTuple):
    """A file as a page shows it."""

    name: str
    key: str
    sha256: str
    metadata_sha256: str | None
    yanked: str | None


def take_snapshot(storage: Storage) -> Snapshot:
    """Read every object, while nothing is written."""
    keys = [listed.key for listed in storage.list("")]
    return Snapshot(objects={key: stored for key in keys if (stored := storage.read(key)) is not None})


def broken_promises(now: Snapshot, before: Snapshot) -> list[str]:
    """List what I1 to I4 forbid, in what is there and in how it came to be from what was there before."""
    return [
        *_dangling_references(now),
        *_wrong_roots(now, before),
        *_wrong_pages(now),
        *_lost_entries(now, before),
        *_older_pages(now, before),
        *_changed_files(now, before),
    ]


def comparable(snapshot: Snapshot) -> dict[str, str]:
    """Return all keys with their bodies and marks, without what differs in each run: times and identities.

    They differ in the manifest, and so does its digest, which its pages carry.
    """
    digests = [sha256_of(stored.body) for key, stored in snapshot.objects.items() if MANIFESTS in key]
    # And so do the digests of its versions, which their documents carry.
    for manifest in snapshot.manifests.values():
        digests += [shown_sha256(manifest, version) for version in known_versions(manifest)]
    digest = re.compile("|".join(digests) or "$^")
    written = {
        key: digest.sub("MANIFEST", f"{stored.body!r}\n{stored.marks}") for key, stored in snapshot.objects.items()
    }
    # The mark of a page of all projects has a digest of what the page shows: times too.
    written |= {key: _IN_MARK.sub(r"\1SHOWN", written[key]) for key in shared_keys(VIEWS) if key in written}
    written = {key: _IDENTITY.sub("IDENTITY", _MOMENT.sub("MOMENT", text)) for key, text in written.items()}
    # Of releases within a second any may be the newest: an adopted one has the time of its object, in whole seconds.
    dated = {key for key in written if key in {*shared_keys(VIEWS), CATALOGUE_KEY} or key.startswith("rss/")}
    return written | {key: "".join(sorted(_RELEASE.split(written[key]))) for key in dated}


# I1 ------------------------------------------------------------------------------------------------------------------


def _dangling_references(now: Snapshot) -> Iterator[str]:
    for name, key, sha256 in _references(now):
        body = now.body(key)
        if body is None:
            yield f"{name} names {key}, which is absent"
        elif sha256 is not None and sha256_of(body) != sha256:
            yield f"{name} names {key}, which has other bytes"


def _references(now: Snapshot) -> Iterator[tuple[str, str, str | None]]:
    """Yield which manifest or page names which key, and with which digest."""
    for project, manifest in now.manifests.items():
        name = f"the manifest of {project}"
        for file in manifest.files:
            key = _key_of(project, file)
            yield name, key, file.sha256
            if file.metadata_sha256 is not None:
                yield name, f"{key}.metadata", file.metadata_sha256
            if file.gpg_sig:
                yield name, f"{key}.asc", None
    for key, stored in now.objects.items():
        if parsed_view_key(key):
            yield from ((key, file, sha256) for file, sha256 in named_files(key, stored.body))
    for page, links in _all_links(now).items():
        for link in links:
            yield page, link.key, link.sha256
            if link.metadata_sha256 is not None:
                yield page, f"{link.key}.metadata", link.metadata_sha256


def _wrong_roots(now: Snapshot, before: Snapshot) -> Iterator[str]:
    """Yield names on a root that have no page, and new JSON pages that a root does not list: they come last."""
    for root, names in (("JSON", _json_root(now)), ("HTML", _html_root(now))):
        yield from (f"the {root} root names {name}, which has no page" for name in names if now.html_page(name) is None)
        for project in now.manifests:
            is_new = now.json_page(project) is not None and before.json_page(project) is None
            if is_new and project not in names:
                yield f"{project} has a JSON page and is not on the {root} root"


# I2, I3, I4 ----------------------------------------------------------------------------------------------------------


def _wrong_pages(now: Snapshot) -> Iterator[str]:
    """Yield pages that are ahead of the manifest, or show other files than it has at their revision."""
    manifests = now.manifests
    for page, links in _all_links(now).items():
        mark, manifest = read_page_mark(now.objects[page].body), manifests[page.split("/")[1]]
        if mark is None:
            continue
        if mark.revision > manifest.revision:
            yield f"{page} shows revision {mark.revision}, the manifest is at {manifest.revision}"
        files = {(file.filename, file.sha256, file.yanked) for file in manifest.visible}
        if mark.revision == manifest.revision and files != {(link.name, link.sha256, link.yanked) for link in links}:
            yield f"{page} does not show the files of revision {mark.revision}"


def _lost_entries(now: Snapshot, before: Snapshot) -> Iterator[str]:
    for project, old in before.manifests.items():
        new = now.manifests.get(project)
        if new is None:
            yield f"the manifest of {project} is gone"
            continue
        if new.revision < old.revision or (new.revision == old.revision and new != old):
            yield f"the manifest of {project} went from revision {old.revision} to {new.revision}"
        # The record of a file that is deleted or missing stays.
        kept = {(file.filename, file.sha256) for file in (*new.files, *new.missing)}
        kept |= {(file.filename, file.sha256) for file in new.deleted if file.sha256 is not None}
        shrunk = {file.filename for file in new.deleted if file.is_shrunk}
        yield from (
            f"{file.filename} was released"
            for file in old.files
            if (file.filename, file.sha256) not in kept and file.filename not in shrunk
        )


def _older_pages(now: Snapshot, before: Snapshot) -> Iterator[str]:
    """Yield pages and views that went back; those of a view that is off may be removed."""
    on = decode_settings(now.objects[SETTINGS_KEY].body).views if SETTINGS_KEY in now.objects else ()
    off = set(shared_keys(VIEWS)).difference(shared_keys(on))
    for page, stored in before.objects.items():
        view = parsed_view_key(page)
        if (view is not None and view.view not in on) or page in off:
            continue
        old, body = read_page_mark(stored.body), now.body(page)
        new = None if body is None else read_page_mark(body)
        if old is not None and (new is None or new.revision < old.revision):
            yield f"{page} went from {old} to {new}"


def _changed_files(now: Snapshot, before: Snapshot) -> Iterator[str]:
    """Yield files with other bytes, and absent ones that no manifest has deleted."""
    removable: set[str] = set()
    for project, manifest in now.manifests.items():
        removable |= {*manifest.dead_keys, *(_key_of(project, file) for file in manifest.deleted)}
    for key, stored in before.objects.items():
        removed = now.body(key) is None and key.removesuffix(".metadata") in removable
        is_file = key.endswith((".whl", ".tar.gz", ".metadata", ".asc"))
        if is_file and now.body(key) != stored.body and not removed:
            yield f"the bytes at {key} changed"


def _key_of(project: str, file: PublishedFile | DeletedFile) -> str:
    return file.key or f"{_SIMPLE}{project}/{file.filename}"


# Pages ---------------------------------------------------------------------------------------------------------------


def _json_root(snapshot: Snapshot) -> list[str]:
    """Return the projects on the JSON root, if it can be read."""
    try:
        return [project["name"] for project in json.loads(snapshot.body(f"{_SIMPLE}index.json") or b"{}")["projects"]]
    except (ValueError, KeyError):
        return []


def _html_root(snapshot: Snapshot) -> list[str]:
    """Return the projects on the HTML root."""
    return [anchor.get("href", "").rstrip("/") for anchor in _anchors(snapshot.body(_SIMPLE) or b"")]


def _all_links(snapshot: Snapshot) -> dict[str, list[Link]]:
    """Return the links of every project page, by the page's key."""
    pages: dict[str, list[Link]] = {}
    for project in snapshot.manifests:
        html, body = f"{_SIMPLE}{project}/", snapshot.html_page(project)
        if body is not None:
            pages[html] = [_html_link(html, anchor) for anchor in _anchors(body)]
        if (body := snapshot.json_page(project)) is not None:
            pages[f"{html}index.json"] = [_json_link(html, file) for file in json.loads(body)["files"]]
    return pages


def _html_link(page: str, anchor: Element) -> Link:
    href = urlsplit(anchor.get("href", ""))
    metadata = anchor.get("data-core-metadata")
    return Link(
        name=anchor.text or "",
        key=_key(page, href.path),
        sha256=href.fragment.removeprefix("sha256="),
        metadata_sha256=metadata.removeprefix("sha256=") if metadata else None,
        yanked=anchor.get("data-yanked"),
    )


def _json_link(page: str, file: Mapping[str, object]) -> Link:
    hashes, metadata = file["hashes"], file.get("core-metadata", {})
    assert isinstance(hashes, dict)
    assert isinstance(metadata, dict)
    yanked = file["yanked"]
    return Link(
        name=str(file["filename"]),
        key=_key(page, str(file["url"])),
        sha256=hashes["sha256"],
        metadata_sha256=metadata.get("sha256"),
        yanked=yanked if isinstance(yanked, str) else None,
    )


def _key(page: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(page, unquote(path)))


def _anchors(body: bytes) -> list[Element]:
    return list(html5lib.parse(body.decode(), namespaceHTMLElements=False).iter("a"))
