"""Index pages in JSON: a PEP 691 root page or project page."""

from __future__ import annotations

import json

from bucketwheel.names import InvalidName, project_name
from bucketwheel.sources.index_page import IndexPage, Link, ProjectLink, UnreadablePage, Unusable, link_to
from bucketwheel.sources.urls import WebUrl, follow

__all__ = ["read_json"]


def read_json(body: bytes, url: WebUrl) -> IndexPage:
    """List what the page names; raises UnreadablePage. Keys we do not know are passed over, as PEP 691 asks."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePage("is not JSON that can be read") from error
    match document:
        case {"meta": {"api-version": str(version)}} if not version.startswith("1."):
            raise UnreadablePage("is of a newer version of the index API than 1")
        case {"files": list(files)}:
            entries = [_entry(file, url) for file in files]
            return IndexPage(
                url=url,
                links=tuple(entry for entry in entries if isinstance(entry, Link)),
                unusable=tuple(entry for entry in entries if isinstance(entry, Unusable)),
            )
        case {"projects": list(projects)}:
            return IndexPage(url=url, projects=tuple(_projects(projects, url)))
    raise UnreadablePage("is JSON, but not of an index (PEP 691): it has neither files nor projects")


def _entry(file: object, url: WebUrl) -> Link | Unusable:
    match file:
        case {"filename": str(filename), "url": str(reference)}:
            address = reference.partition("#")[0]
            return link_to(
                url, address, filename=filename, sha256=_sha256(file), size=_size(file), yanked=_yanked(file)
            )
    raise UnreadablePage("lists a file without a filename or a url")


def _sha256(file: object) -> str | None:
    match file:
        case {"hashes": {"sha256": str(digest)}}:
            return digest
    return None


def _size(file: object) -> int | None:
    match file:
        case {"size": int(size)} if size >= 0 and not isinstance(size, bool):
            return size
    return None


def _yanked(file: object) -> str | None:
    match file:
        case {"yanked": str(reason)} if reason:
            return reason
        case {"yanked": True}:
            return ""
    return None


def _projects(projects: list[object], url: WebUrl) -> list[ProjectLink]:
    links = []
    for project in projects:
        match project:
            case {"name": str(name)}:
                try:
                    links.append(ProjectLink(url=follow(url, f"{project_name(name)}/"), name=name))
                except InvalidName:
                    continue  # no project of ours can have it
            case _:
                raise UnreadablePage("lists a project without a name")
    return links
