"""Findings of a check: one table of all codes, each with its gravity, its meaning and its remedy.

A key of the table is a code, or `code:case` where one code needs several sentences. Names in braces are facts, which
come with each finding. Scripts may rely on the codes. docs/check.md shows the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from bucketwheel.names import printable

__all__ = ["FINDINGS", "Finding", "FindingKind", "Gravity", "finding", "in_order"]

Gravity: TypeAlias = Literal["error", "warning", "note"]
"""error: clients fail, or released files are in danger. warning: clients see old data, or somebody must act soon.
note: an object is left over and does no harm, or something cannot be verified here."""


class FindingKind(NamedTuple):
    """One row of the table; its texts are templates with named facts."""

    gravity: Gravity
    what: str
    """The meaning, continuing the subject."""
    remedy: str
    """The command that fixes it, or what to do where no command can; never empty."""


_REINDEX: Final = "run `bucketwheel reindex`"
_REINDEX_PROJECT: Final = "run `bucketwheel reindex {project}`"
_ADOPT: Final = "run `bucketwheel reindex --adopt {project}`"
_FROM_PAGES: Final = "run `bucketwheel reindex {project} --adopt`, which makes it from its pages and files"
_TAKE_IN: Final = "run `{adopt} {project}`"  # in a directory it takes --yes to take in a file
_DELETE: Final = "run `bucketwheel delete {project}=={version} {filename}`"
_PRUNE: Final = "run `bucketwheel prune {project} --orphans --yes`"
_RESTORE: Final = "restore the manifest of {project} from a backup"
_BY_HAND: Final = "by hand (aws s3api copy-object --metadata-directive REPLACE; keep its metadata)"
_SAME_KEYS: Final = "check that base-url leads to the repository, and that the server does not rewrite keys"
_FROM_LIST: Final = "run `bucketwheel from-list` with the same list"
_STOPPED: Final = "a publish is running, or was stopped"
_EDITED: Final = "was edited, or another tool wrote it"
_ENCODED: Final = "is served with Content-Encoding {encoding}, but pip hashes the bytes that it receives"

FINDINGS: Final[Mapping[str, FindingKind]] = {
    "manifest-damaged": FindingKind(
        "error", "cannot be read: {error}", "restore an earlier version of it; nothing can be published until then"
    ),
    "manifest-missing": FindingKind("error", "is a page of {project}, which has no manifest", _FROM_PAGES),
    "file-missing": FindingKind(
        "error", "is missing, but the manifest names it", f"put it back, or {_ADOPT}, which takes it off the pages"
    ),
    "file-differs": FindingKind(
        "error",
        "has {found}, but was released with {released}",
        f"restore the released bytes (sha256 {{sha256}}), or {_DELETE}",
    ),
    "file-encoded": FindingKind("error", _ENCODED, f"remove that header {_BY_HAND}"),
    "sidecar-missing": FindingKind("error", "is missing, but pages promise it", f"put it back, or {_ADOPT}"),
    "sidecar-differs": FindingKind(
        "error", "has {found}, but pages promise {released}", f"remove it and {_ADOPT}, which writes it again"
    ),
    "signature-bad": FindingKind(
        "error", "{why}", f"restore the file or its signature from a backup, or remove the signature and {_ADOPT}"
    ),
    "attestations-bad": FindingKind(
        "error", "{why}", f"restore the file or its attestations from a backup, or remove them and {_ADOPT}"
    ),
    "page-missing": FindingKind("error", "is missing", _REINDEX_PROJECT),
    "page-missing:shared": FindingKind("error", "is missing", _REINDEX),
    "page-missing:logo": FindingKind(
        "error", "is missing", "set the same picture again: `bucketwheel init URL --set logo=FILE`"
    ),
    "page-missing:list": FindingKind("error", "is missing", f"{_FROM_LIST} and --all-pages"),
    "page-edited": FindingKind("error", _EDITED, _REINDEX_PROJECT),
    "page-edited:shared": FindingKind("error", _EDITED, _REINDEX),
    "page-edited:list": FindingKind("error", _EDITED, f"{_FROM_LIST} and --all-pages"),
    "page-ahead": FindingKind(
        "error",
        "shows revision {shown}, but the manifest went back to revision {revision}: somebody restored it",
        _FROM_PAGES,
    ),
    "page-ahead:other": FindingKind(
        "error", "shows another revision {revision} than the manifest has: somebody restored it", _FROM_PAGES
    ),
    "list-damaged": FindingKind("error", "is missing", f"{_FROM_LIST}, which makes it again"),
    "list-damaged:unreadable": FindingKind("error", "cannot be read: {error}", f"remove it, and {_FROM_LIST}"),
    "view-dangling": FindingKind("error", "is an old page, and names {filename}, which was removed", _REINDEX_PROJECT),
    "page-ahead:shared": FindingKind("error", "shows a later catalogue: somebody restored an older one", _REINDEX),
    "catalogue-damaged": FindingKind("error", "cannot be read", _REINDEX),
    "root-missing": FindingKind("error", "is missing", _REINDEX),
    "root-incomplete": FindingKind("error", "does not list {project}", _REINDEX_PROJECT),
    "root-edited": FindingKind("error", _EDITED, _REINDEX),
    "store-unsafe": FindingKind(
        "error",
        "is on a store that ignores conditional writes, so two publishers at once would lose releases",
        "use a store that honours If-Match and If-None-Match, or set single-writer = true and run one publisher only",
    ),
    "client-unreachable": FindingKind(
        "error", "cannot be fetched ({why})", "check that base-url is right and that its server is up"
    ),
    "client-forbidden": FindingKind(
        "error",
        "does not exist, but is answered with 403, at which uv and other installers stop; they need 404",
        "allow s3:ListBucket to the identity that reads the bucket there, or have the CDN answer 404",
    ),
    "client-page-missing": FindingKind("error", "is missing for clients", _SAME_KEYS),
    "client-page-differs": FindingKind(
        "error", "is not the page that the repository has", "find out what answers there, perhaps a login page"
    ),
    "client-page-differs:changed": FindingKind("error", "was changed on its way", "turn off what rewrites pages there"),
    "client-page-differs:absent": FindingKind(
        "error", "is answered with a page, but does not exist", "have the server answer 404 for missing keys"
    ),
    "client-page-type": FindingKind(
        "error",
        "is served with Content-Type {type}, which installers cannot read",
        "have the server pass on the Content-Type of the object ({expected} for an HTML page)",
    ),
    "client-file-missing": FindingKind("error", "is missing for clients", _SAME_KEYS),
    "client-file-encoded": FindingKind("error", _ENCODED, "turn off compression there for files and .metadata"),
    "file-changed": FindingKind("warning", "was overwritten after it was adopted", f"{_ADOPT}, which reads it again"),
    "file-lost": FindingKind(
        "warning",
        "was taken off the pages because somebody removed it",
        f"publish the same bytes again, or {_DELETE}",
    ),
    "file-lost:back": FindingKind(
        "warning", "was taken off the pages when it was missing; it is back", f"{_ADOPT}, which takes the same bytes"
    ),
    "file-overwritten": FindingKind(
        "warning",
        "has an earlier version with other bytes: somebody overwrote it",
        "check that its current bytes are the released ones (sha256 {sha256}), and remove the other version",
    ),
    "file-foreign": FindingKind("warning", "was written by another tool", f"{_TAKE_IN}, which takes it in"),
    "file-foreign:pile": FindingKind(
        "warning",
        "has distributions that no manifest names ({number}), of {projects}",
        "run `{adopt}`, which takes in what it can and names the rest",
    ),
    "page-behind": FindingKind("warning", f"shows revision {{shown}} of {{revision}}: {_STOPPED}", _REINDEX_PROJECT),
    "page-behind:shared": FindingKind("warning", "does not show what the catalogue says", _REINDEX),
    "catalogue-missing": FindingKind("warning", "is missing, so no one writes the pages of all projects", _REINDEX),
    "catalogue-behind": FindingKind(
        "warning", "does not show what {number} manifests say: {project} is the first", _REINDEX
    ),
    "catalogue-dangling": FindingKind(
        "warning", "has {number} projects that have no manifest: {project} is the first", _REINDEX
    ),
    "page-behind:renderer": FindingKind("warning", "was written by an older bucketwheel", _REINDEX_PROJECT),
    "page-behind:list": FindingKind("warning", "has pages of another version of bucketwheel", _FROM_LIST),
    "list-unfinished": FindingKind("warning", "is being written by `from-list`, or that was stopped", _FROM_LIST),
    "page-behind:settings": FindingKind(
        "warning", "shows older settings of the repository, or another bucket", _REINDEX_PROJECT
    ),
    "page-behind:rendered": FindingKind(
        "warning",
        "shows older settings of the repository, or another bucket, and stays, because its description is rendered",
        f"{_REINDEX_PROJECT} where bucketwheel[web] is installed",
    ),
    "signature-doubtful": FindingKind("warning", "{why}", "find out who signed it, and whether their key counts"),
    "attestations-doubtful": FindingKind("warning", "{why}", "find out who built it, and whether they may"),
    "root-dangling": FindingKind(
        "warning", "lists {project}, which has no manifest", f"{_RESTORE}, or publish the project again"
    ),
    "headers-wrong": FindingKind("warning", "is a file served with {headers}", f"correct it {_BY_HAND}"),
    "headers-wrong:page": FindingKind(
        "warning", "is a page served with {headers}", f"remove the page and {_REINDEX}, which writes it again"
    ),
    "headers-wrong:list": FindingKind(
        "warning", "is a page served with {headers}", f"remove the page, and {_FROM_LIST} and --all-pages"
    ),
    "client-page-old": FindingKind(
        "warning",
        "is cached at revision {shown} of {revision}",
        "have the CDN obey Cache-Control, or invalidate its copy",
    ),
    "client-page-caching": FindingKind(
        "warning",
        "is served with Cache-Control {found}, not {expected}",
        "have the server pass on the header, or set it with `bucketwheel init --set cache-control=…`",
    ),
    "orphan": FindingKind(
        "note",
        f"was uploaded ({{written}}) and not released: {_STOPPED}",
        f"run the same publish again, or after a day {_PRUNE}",
    ),
    "file-unnamed": FindingKind(
        "note",
        f"is not in the manifest: another tool wrote it, or {_STOPPED}",
        f"{_TAKE_IN}, which takes it in, or {_PRUNE}",
    ),
    "file-unnamed:many": FindingKind(
        "note",
        "has too many objects that no entry names ({number} more)",
        f"{_TAKE_IN}, or check {{project}} alone",
    ),
    "sidecar-unnamed": FindingKind(
        "note", "is beside a file whose entry does not name it", f"{_TAKE_IN}, or remove it if it is not the file's own"
    ),
    "signature-unknown-key": FindingKind("note", "{why}", "import the key (`gpg --import`) and check again"),
    "deleted-remains": FindingKind("note", "was deleted, but is still there", f"{_DELETE}, which finishes it"),
    "deleted-remains:orphan": FindingKind("note", "was pruned, but is still there", f"{_PRUNE}, which finishes it"),
    "store-unproven": FindingKind(
        "note",
        "has no proof of conditional writes for any store",
        "run `bucketwheel init {place}`, or publish: each makes the proof first",
    ),
    "deleted-remains:late": FindingKind("note", "has the name of a deleted file", f"{_PRUNE}, which removes it"),
    "page-retired": FindingKind("note", "is our page in a page style that is not in use", _REINDEX_PROJECT),
    "page-retired:root": FindingKind("note", "is our root page in a page style that is not in use", _REINDEX),
    "page-retired:view": FindingKind(
        "note", "is our page of a view that is off", f"{_REINDEX}; if it stays, a late run wrote it: remove it by hand"
    ),
    "leftovers": FindingKind(
        "note", "has objects of another tool ({number}): {names}", "remove them by hand when no client uses them"
    ),
    "upload-unfinished": FindingKind(
        "note",
        f"has parts of an upload since {{begun}}: {_STOPPED}",
        f"after a day {_PRUNE}, or have the bucket free them (lifecycle rule AbortIncompleteMultipartUpload)",
    ),
    "upload-unfinished:other": FindingKind(
        "note",
        "has parts of an upload of another tool since {begun}",
        "abort it (aws s3api abort-multipart-upload), or have the bucket do so after a day "
        "(lifecycle rule AbortIncompleteMultipartUpload)",
    ),
    "upload-unfinished:file": FindingKind(
        "note", "is a temporary file since {begun}: a publish was stopped", f"after a day {_PRUNE}"
    ),
}

_ORDER: Final = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be."""

    code: str
    """Its code in `FINDINGS`."""
    subject: str
    """The key, project, URL or repository that it is about; printable."""
    what: str
    """What is wrong, continuing the subject."""
    remedy: str
    """What to do about it; never empty."""

    @property
    def gravity(self) -> Gravity:
        """Return how grave it is."""
        return FINDINGS[self.code].gravity


def finding(kind: str, subject: str, **facts: object) -> Finding:
    """Make a finding of a kind in `FINDINGS`; the subject and the facts may come from outside."""
    shown = {name: _shown(fact) for name, fact in facts.items()}
    words = FINDINGS[kind]
    return Finding(
        code=kind.partition(":")[0],
        subject=printable(subject),
        what=words.what.format_map(shown),
        remedy=words.remedy.format_map(shown),
    )


def _shown(fact: object) -> str:
    if isinstance(fact, datetime):
        return f"{fact.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return printable(str(fact))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort the gravest first, then by subject; drop duplicates."""
    return tuple(sorted(set(findings), key=lambda one: (_ORDER.index(one.gravity), one.subject, one.code, one.what)))
