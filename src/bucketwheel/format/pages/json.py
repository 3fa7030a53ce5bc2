"""The JSON pages of the simple index: PEP 691 with PEP 592, 700, 714, 740 and 792."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bucketwheel.errors import Damaged
from bucketwheel.format.documents import Document, DocumentInvalid, dump_members, json_text, load_document
from bucketwheel.format.layout import Layout, PageMark
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.listing import ListedFile, Listing, project_listing
from bucketwheel.format.pages.mark import JSON_MARK, RENDERER, json_mark
from bucketwheel.names import InvalidName, ProjectName, printable, project_name

__all__ = ["read_root_json", "render_project_json", "render_root_json", "render_simple_json"]

_API_VERSION = "1.4"  # 1.5 is for repositories that have namespaces (PEP 752)


def render_project_json(listing: Listing, mark: PageMark | None = None) -> bytes:
    """Write a project's JSON page; without a mark it says only which revision it shows."""
    manifest = listing.manifest
    status = {"status": manifest.status.status}
    if manifest.status.reason is not None:
        status["reason"] = manifest.status.reason
    return _document(
        mark or PageMark(revision=manifest.revision, renderer=RENDERER),
        {
            "name": json_text(manifest.project),
            "project-status": json_text(status),
            "versions": json_text(listing.versions),
            "files": (_file(link, signed=listing.signed) for link in listing.links),
        },
    )


def render_simple_json(manifest: Manifest, *, base_url: str | None = None) -> bytes:
    """Write the same page as PEP 691 has it, to be served as `application/vnd.pypi.simple.v1+json`."""
    return render_project_json(project_listing(manifest, Layout(), base_url))


def render_root_json(projects: Collection[ProjectName]) -> bytes:
    """Write the JSON page that lists all projects; its revision is their number, because the set only grows."""
    names = sorted(set(projects))
    mark = PageMark(revision=len(names), renderer=RENDERER)
    return _document(mark, {"projects": json_text([{"name": name} for name in names])})


def read_root_json(body: bytes) -> tuple[ProjectName, ...]:
    """Read the projects that a JSON root lists, in order; raises Damaged for what is not such a page."""
    try:
        return _read_root(load_document(body, []))
    except DocumentInvalid as error:
        raise Damaged(
            f"the list of projects (index.json of the simple index) cannot be read ({error}); "
            "run bucketwheel reindex, which writes it again from the manifests"
        ) from error


def _read_root(document: Document) -> tuple[ProjectName, ...]:
    meta = document.optional_document("meta")
    if meta is None or not meta.text("api-version").startswith("1."):
        raise DocumentInvalid("it is not a page of the simple API, version 1")
    return tuple(sorted({_project(entry.text("name")) for entry in document.documents("projects")}))


def _project(name: str) -> ProjectName:
    try:
        return project_name(name)
    except InvalidName as error:
        raise DocumentInvalid(f"'{printable(name)}' {error}") from error


def _file(link: ListedFile, *, signed: bool) -> str:
    # Written out, because a page has up to tens of thousands of these, and tables take four times as long.
    file = link.file
    hashes = f'{{"sha256":{json_text(file.sha256)}}}'
    members = f'"filename":{json_text(file.filename)},"url":{json_text(link.href)},"hashes":{hashes}'
    members += f',"size":{file.size},"upload-time":{json_text(file.upload_time)},"yanked":{_yanked(file.yanked)}'
    if file.requires_python:
        members += f',"requires-python":{json_text(file.requires_python)}'
    if file.metadata_sha256 is not None:
        # The older name has the same value, for older clients (PEP 714).
        digest = f'{{"sha256":{json_text(file.metadata_sha256)}}}'
        members += f',"core-metadata":{digest},"dist-info-metadata":{digest}'
    if signed:
        members += f',"gpg-sig":{"true" if file.gpg_sig else "false"}'
    if link.provenance is not None:
        members += f',"provenance":{json_text(link.provenance)}'
    return f"{{{members}}}"


def _yanked(reason: str | None) -> str:
    # An empty reason means "yanked" to some clients and "not yanked" to others.
    return "false" if reason is None else json_text(reason) if reason else "true"


def _document(mark: PageMark, members: Mapping[str, str | Iterable[str]]) -> bytes:
    meta = {"meta": json_text({"api-version": _API_VERSION}), JSON_MARK: json_text(json_mark(mark))}
    return dump_members({**meta, **members})
