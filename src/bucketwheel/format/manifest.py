"""The manifest: all that one project has published; every page is a view of it.

Format 1 is in docs/bucket-format.md. The classes hold values; only `decode_manifest` validates them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from sys import intern

from bucketwheel.errors import Damaged, Problem, Refused
from bucketwheel.format.documents import Document, DocumentInvalid, dump_members, json_text, load_document
from bucketwheel.names import ProjectName, Sha256, is_sha256, printable, version_order
from bucketwheel.storage import Key

__all__ = [
    "FORMAT",
    "STATUSES",
    "DeletedFile",
    "Manifest",
    "PublishedFile",
    "Status",
    "decode_manifest",
    "empty_manifest",
    "encode_manifest",
    "not_a_file",
    "not_published",
    "refuse_newer",
    "upload_time",
]

FORMAT = 1

STATUSES = ("active", "archived", "deprecated", "quarantined")
"""PEP 792's project status markers."""

# PEP 700: an upload-time is UTC and ends in Z, with at most six digits of a second.
_UPLOAD_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z\Z", re.ASCII)
# A page adds "#sha256=…" to it, and a browser would run what begins with javascript:.
_URL = re.compile(r"https?://[^/?#\s][^#\s]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One released distribution."""

    filename: str
    version: str
    sha256: Sha256
    size: int
    upload_time: str
    """When it came to this index, in PEP 700's form; it never changes."""
    by: str
    """The id of the run that released it."""
    key: Key | None = None
    """Its key, if that is not the usual one."""
    url: str | None = None
    """Its URL, if it is not in this repository."""
    requires_python: str | None = None
    metadata_sha256: Sha256 | None = None
    """The digest of its `.metadata` sidecar (PEP 658); None where there is none."""
    yanked: str | None = None
    """Why it was yanked (PEP 592); any string is a reason, the empty one and "false" as well. None: not yanked."""
    hidden: bool = False
    """True if pages leave it out although its object stays."""
    gpg_sig: bool = False
    provenance_sha256: Sha256 | None = None
    seen: str | None = None
    """The object's etag in the listing that it was adopted from; None for what we wrote ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedFile:
    """A file name that no file may have again, whatever its bytes.

    Once its objects are gone, only the name and the run are left: there may be a hundred thousand.
    """

    filename: str
    by: str
    """The id of the run that released the file: if its answer was lost, that run still looks for it."""
    version: str | None = None
    sha256: Sha256 | None = None
    key: Key | None = None

    @property
    def is_shrunk(self) -> bool:
        """Return whether only name and run are left."""
        return self.sha256 is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A project's status marker (PEP 792)."""

    status: str = "active"
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about one project at one revision; sorted, so that equal means byte-equal."""

    project: ProjectName
    revision: int
    status: Status = field(default_factory=Status)
    files: tuple[PublishedFile, ...] = ()
    deleted: tuple[DeletedFile, ...] = ()
    missing: tuple[PublishedFile, ...] = ()
    """Complete entries of files whose objects were removed by other means: the same bytes may come back."""
    dead_keys: tuple[Key, ...] = ()
    """Keys of removed orphans, never used again."""
    unknown: tuple[str, ...] = ()
    """Paths of what a newer bucketwheel wrote here; with any of these the manifest is for reading only."""

    def __post_init__(self) -> None:
        for name in ("files", "deleted", "missing"):
            object.__setattr__(self, name, tuple(sorted(getattr(self, name), key=attrgetter("filename"))))
        object.__setattr__(self, "dead_keys", tuple(sorted(set(self.dead_keys))))

    @property
    def visible(self) -> tuple[PublishedFile, ...]:
        """The files that pages list: none of a quarantined project's (PEP 792), nothing hidden."""
        return () if self.status.status == "quarantined" else tuple(file for file in self.files if not file.hidden)

    @property
    def names(self) -> tuple[str, ...]:
        """Every file name that is or was in use."""
        return tuple(entry.filename for entry in self._entries)

    def names_run(self, run_id: str) -> bool:
        """Return whether a run released a file here: so a publisher whose answer was lost learns that it won."""
        return any(entry.by == run_id for entry in self._entries)

    @property
    def _entries(self) -> Iterator[PublishedFile | DeletedFile]:
        yield from (*self.files, *self.missing)
        yield from self.deleted


def empty_manifest(project: ProjectName) -> Manifest:
    """Return the manifest of a project before its first commit."""
    return Manifest(project=project, revision=0)


def upload_time(now: datetime) -> str:
    """Write a time as PEP 700 wants it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def refuse_newer(manifest: Manifest) -> None:
    """Refuse to change a project whose manifest a newer bucketwheel wrote: we would lose what only that knows."""
    if manifest.unknown:
        raise Refused(
            Problem(
                subject=f"the manifest of {manifest.project}",
                what=f"was written by a newer bucketwheel (it has {printable(', '.join(manifest.unknown[:3]))})",
                remedy="upgrade bucketwheel to change this project",
            )
        )


def not_published(manifest: Manifest, version: object = None) -> Problem:
    """Return the problem of a version that a manifest does not have; without one, of the whole project."""
    known = sorted({file.version for file in manifest.files}, key=version_order)
    return Problem(
        subject=_release(manifest, version),
        what="is not published here",
        remedy=f"choose one of {printable(', '.join(known))}" if known else "check the name and the repository",
    )


def not_a_file(filename: str, manifest: Manifest, version: object, names: Iterable[str]) -> Problem:
    """Return the problem of a file name that is none of those of a version, or of a project."""
    known = printable(", ".join(sorted(names)))
    return Problem(
        subject=printable(filename),
        what=f"is not a file of {_release(manifest, version)}",
        remedy=f"choose among {known}" if known else "check the name",
    )


def _release(manifest: Manifest, version: object) -> str:
    return manifest.project if version is None else printable(f"{manifest.project}=={version}")


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest; raises Refused for one that a newer bucketwheel wrote."""
    refuse_newer(manifest)
    status = {"reason": manifest.status.reason, "status": manifest.status.status}
    return dump_members(
        {
            "dead-keys": json_text(manifest.dead_keys),
            "deleted": map(_deleted_text, manifest.deleted),
            "files": map(_file_text, manifest.files),
            "format": json_text(FORMAT),
            "missing": map(_file_text, manifest.missing),
            "project": json_text(manifest.project),
            "revision": json_text(manifest.revision),
            "status": json_text({key: value for key, value in status.items() if value is not None}),
        }
    )


def decode_manifest(body: bytes, project: ProjectName) -> Manifest:
    """Read a project's manifest; raises Damaged for anything that is not whole, so that nothing is built on it."""
    try:
        return _read_manifest(body, project)
    except DocumentInvalid as error:
        raise Damaged(
            f"the manifest of {project} cannot be read ({error}), so nothing was written; restore an earlier version "
            f"of _bucketwheel/manifests/{project}.json"
        ) from error


def _read_manifest(body: bytes, project: ProjectName) -> Manifest:
    unknown: list[str] = []
    document = load_document(body, unknown)
    if document.number("format") != FORMAT:
        raise Damaged(f"the manifest of {project} has a format of a newer bucketwheel; upgrade bucketwheel")
    manifest = Manifest(
        project=ProjectName(document.text("project")),
        revision=document.number("revision"),
        status=_read_status(document.optional_document("status")),
        files=tuple(_read_file(entry) for entry in document.documents("files")),
        deleted=tuple(_read_deleted(entry) for entry in document.documents("deleted")),
        missing=tuple(_read_file(entry) for entry in document.documents("missing")),
        dead_keys=tuple(_key(key) for key in document.texts("dead-keys")),
    )
    document.finish()
    if manifest.project != project:
        raise DocumentInvalid("project is another one")
    if twice := [name for name, number in Counter(manifest.names).items() if number > 1]:
        raise DocumentInvalid(f"{printable(twice[0])} is in it twice")
    return replace(manifest, unknown=tuple(unknown))


def _read_status(document: Document | None) -> Status:
    if document is None:
        return Status()
    status = Status(status=document.text("status"), reason=document.optional_text("reason"))
    document.finish()
    if status.status not in STATUSES:
        raise DocumentInvalid(f"status.status is {printable(status.status)!r}, which PEP 792 does not know")
    return status


def _read_file(document: Document) -> PublishedFile:
    # All files of a run, and most of a project, have equal texts here: memory holds each of them once.
    requires_python = document.optional_text("requires-python")
    return PublishedFile(
        filename=_filename(document),
        version=document.text("version"),
        sha256=_digest(document, "sha256"),
        size=document.number("size"),
        upload_time=_upload_time(document.text("upload-time")),
        by=intern(document.text("by")),
        key=_optional_key(document),
        url=_optional_url(document),
        requires_python=requires_python and intern(requires_python),
        metadata_sha256=_optional_digest(document, "metadata-sha256"),
        yanked=_optional_member(document, "yanked", "reason"),
        hidden=document.flag("hidden"),
        gpg_sig=document.flag("gpg-sig"),
        provenance_sha256=_optional_digest(document, "provenance-sha256"),
        seen=_optional_member(document, "seen", "etag"),
    )


def _read_deleted(document: Document) -> DeletedFile:
    record = DeletedFile(
        filename=_filename(document),
        version=document.optional_text("version"),
        sha256=_optional_digest(document, "sha256"),
        by=document.text("by"),
        key=_optional_key(document),
    )
    if (record.version is None) != record.is_shrunk or (record.key is not None and record.is_shrunk):
        raise DocumentInvalid(f"the record of {printable(record.filename)} is not whole")
    return record


def _filename(document: Document) -> str:
    filename = document.text("filename")
    # Adopted files may have names that no new file would be allowed; none may reach out of its folder.
    if not filename.isprintable() or "/" in filename or "\\" in filename or filename in {"", ".", ".."}:
        raise DocumentInvalid(f"filename {printable(filename)!r} is no file name")
    return filename


def _optional_member(document: Document, key: str, member: str) -> str | None:
    """Read the one member of an object that may be absent."""
    part = document.optional_document(key)
    if part is None:
        return None
    text = part.text(member)
    part.finish()
    return text


def _optional_key(document: Document) -> Key | None:
    key = document.optional_text("key")
    return None if key is None else _key(key)


def _key(key: str) -> Key:
    # Commands remove objects at these keys, so none may be the repository's own records.
    if (
        key.startswith("_bucketwheel/")
        or not key.isprintable()
        or "\\" in key
        or any(part in {"", ".", ".."} for part in key.split("/"))
    ):
        raise DocumentInvalid(f"key {printable(key)!r} is no key")
    return Key(key)


def _optional_url(document: Document) -> str | None:
    url = document.optional_text("url")
    if url is not None and not (url.isprintable() and _URL.match(url)):
        raise DocumentInvalid(f"url {printable(url)!r} is no http(s) URL without a fragment")
    return url


@lru_cache(maxsize=1024)
def _upload_time(moment: str) -> str:
    # uv drops a whole page for a time that it cannot read, so one that does not exist is refused too.
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        moment = ""
    if not _UPLOAD_TIME.match(moment):
        raise DocumentInvalid("upload-time is not one of PEP 700")
    return moment


def _optional_digest(document: Document, key: str) -> Sha256 | None:
    digest = document.optional_text(key)
    if digest is not None and not is_sha256(digest):
        raise DocumentInvalid(f"{key} {printable(digest)!r} is no sha256")
    return None if digest is None else Sha256(digest)


def _digest(document: Document, key: str) -> Sha256:
    digest = _optional_digest(document, key)
    if digest is None:
        raise DocumentInvalid(f"{key} is missing")
    return digest


def _file_text(file: PublishedFile) -> str:
    # Written out in the order of the keys: a commit writes all entries, and tables take four times as long.
    members = f'"by":{json_text(file.by)},"filename":{json_text(file.filename)}'
    if file.gpg_sig:
        members += ',"gpg-sig":true'
    if file.hidden:
        members += ',"hidden":true'
    if file.key is not None:
        members += f',"key":{json_text(file.key)}'
    if file.metadata_sha256 is not None:
        members += f',"metadata-sha256":{json_text(file.metadata_sha256)}'
    if file.provenance_sha256 is not None:
        members += f',"provenance-sha256":{json_text(file.provenance_sha256)}'
    if file.requires_python is not None:
        members += f',"requires-python":{json_text(file.requires_python)}'
    if file.seen is not None:
        members += f',"seen":{{"etag":{json_text(file.seen)}}}'
    members += f',"sha256":{json_text(file.sha256)},"size":{file.size},"upload-time":{json_text(file.upload_time)}'
    if file.url is not None:
        members += f',"url":{json_text(file.url)}'
    members += f',"version":{json_text(file.version)}'
    if file.yanked is not None:
        members += f',"yanked":{{"reason":{json_text(file.yanked)}}}'
    return f"{{{members}}}"


def _deleted_text(file: DeletedFile) -> str:
    table = {entry: getattr(file, entry) for entry in ("by", "filename", "key", "sha256", "version")}
    return json_text({key: value for key, value in table.items() if value is not None})
