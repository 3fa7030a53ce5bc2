"""A repository's own settings: they lie in it, so that two publishers can never produce two layouts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, get_args
from urllib.parse import urlsplit

from bucketwheel.errors import Damaged, Misconfigured, Problem, Refused
from bucketwheel.format.json import Document, DocumentInvalid, dump_document, load_document
from bucketwheel.format.layout import PAGE_STYLES, PAGES_CACHE_CONTROL, SETTINGS_KEY, Layout, PageStyle
from bucketwheel.names import printable

__all__ = [
    "HARMLESS",
    "SETTABLE",
    "ConditionalWrites",
    "RepositorySettings",
    "change_settings",
    "decode_settings",
    "encode_settings",
    "refuse_unwritable",
    "validate_put_args",
]

_KMS = ("aws:kms", "aws:kms:dsse")

HARMLESS: Mapping[str, tuple[str, ...]] = {
    # public-read-write is left out: nobody may believe that strangers can or should write here.
    "ACL": (
        "private",
        "public-read",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
    ),
    "BucketKeyEnabled": ("true", "false"),
    "ExpectedBucketOwner": (),
    "GrantFullControl": (),
    "GrantRead": (),
    "GrantReadACP": (),
    "GrantWriteACP": (),
    "SSEKMSEncryptionContext": (),
    "SSEKMSKeyId": (),
    "ServerSideEncryption": ("AES256", *_KMS),
    # Any but the archives: other stores have classes of their own.
    "StorageClass": (),
    "Tagging": (),
}
"""The harmless arguments by their API names, with their values where S3 knows only these."""

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")

# Names (a final * stands for any ending), what is wrong with them, and what to do instead.
_BREAKING: tuple[tuple[str, str, str], ...] = (
    ("Bucket Key Body WriteOffsetBytes", "is what bucketwheel itself says of every object", "remove it"),
    ("If*", "would take the place of the conditions that keep publishers from overwriting each other", "remove it"),
    ("Checksum* ContentMD5", "would take the place of the sha256 that the store verifies", "remove it"),
    ("Metadata", "would take the place of the marks by which bucketwheel knows its objects", "use Tagging instead"),
    (
        "CacheControl Expires",
        "would contradict how long each kind of object may be kept by caches",
        "remove it; `bucketwheel init URL --set cache-control=VALUE` changes that for pages",
    ),
    ("Content*", "would serve pages and files as something else than clients expect", "remove it"),
    ("WebsiteRedirectLocation", "would send clients away from every page and file", "remove it"),
    (
        "SSECustomer*",
        "would demand its key for every read, so that nobody could install",
        "remove it, and encrypt by ServerSideEncryption and SSEKMSKeyId",
    ),
    (
        "ObjectLock*",
        "would retain every page and manifest that is ever replaced",
        "remove it, and set a default retention on the bucket if one is needed",
    ),
    (
        "RequestPayer",
        "would count for writing only, and all reading would be refused",
        "remove it, and publish as the owner of the bucket",
    ),
)


def validate_put_args(put_args: Mapping[str, str], path: str = "put-args") -> tuple[Problem, ...]:
    """Find all that would break the protocol or be refused by S3; none: harmless. No value is ever shown.

    `path` is the table as the user knows it.
    """
    problems = [_argument_problem(name, value, path) for name, value in put_args.items()]
    return (*filter(None, problems), *_conflicts(put_args, path))


def _argument_problem(name: str, value: str, path: str) -> Problem | None:
    # What is not shaped like an argument's name may be a piece of somebody's secret.
    subject = f"{path}.{name}" if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) else path
    if name not in HARMLESS:
        return _refusal(name, subject)
    if name == "StorageClass" and value in _ARCHIVES:
        return Problem(
            subject=subject,
            what="names an archive, from which nothing can be read at once",
            remedy="choose a class such as STANDARD, STANDARD_IA or GLACIER_IR",
        )
    if HARMLESS[name] and value not in HARMLESS[name]:
        return Problem(
            subject=subject, what="has an unknown value", remedy=f"choose one of {', '.join(HARMLESS[name])}"
        )
    if not value or not value.isascii() or not value.isprintable():
        return Problem(subject=subject, what="cannot be sent as a header", remedy="write printable ASCII text")
    return None


def _refusal(name: str, subject: str) -> Problem:
    for names, what, remedy in _BREAKING:
        if any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in names.split()):
            return Problem(subject=subject, what=what, remedy=remedy)
    lowered = {known.lower(): known for known in HARMLESS}
    close = get_close_matches(name.lower(), lowered, n=1)
    return Problem(
        subject=subject,
        what="is not an argument of PutObject that can be set",
        remedy=f"write {lowered[close[0]]}" if close else f"choose from {', '.join(HARMLESS)}",
    )


def _conflicts(put_args: Mapping[str, str], path: str) -> Iterator[Problem]:
    """Pairs that S3 answers with 400 at the first write."""
    if "ACL" in put_args and any(name.startswith("Grant") for name in put_args):
        yield Problem(subject=f"{path}.ACL", what="cannot be set merged with Grant…", remedy="keep one of the two")
    for name in ("SSEKMSKeyId", "SSEKMSEncryptionContext"):
        if name in put_args and put_args.get("ServerSideEncryption") not in _KMS:
            yield Problem(
                subject=f"{path}.{name}",
                what="needs encryption by KMS",
                remedy='set ServerSideEncryption = "aws:kms" beside it',
            )


FORMAT = 1
KIND = "python-index"

ConditionalWrites = Literal["proven", "ignored"]
"""What a store did with the proof; `ignored` is only ever written where `single-writer` was chosen."""

SETTABLE = ("pages", "simple", "base-url", "cache-control", "put-args")
"""What `init --set` changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySettings:
    """What everybody who writes to a repository must agree on."""

    id: str
    """Made once, noted on every file we write: tells our objects from another repository's."""
    pages: PageStyle = "slash"
    simple: str = "simple/"
    base_url: str | None = None
    """The public address of the repository, ending in a slash, where an absolute one is needed."""
    cache_control: str = PAGES_CACHE_CONTROL
    put_args: Mapping[str, str] = field(default_factory=dict)
    conditional_writes: ConditionalWrites | None = None
    """None until the proof of the store is made; nothing else is written before."""
    unknown: tuple[str, ...] = ()
    """Paths of what a newer bucketwheel set; with any of these the repository is for reading only."""

    @property
    def layout(self) -> Layout:
        """Where these settings put things."""
        return Layout(
            simple=self.simple, pages=self.pages, pages_cache_control=self.cache_control, put_args=self.put_args
        )


def encode_settings(settings: RepositorySettings) -> bytes:
    """Write the settings document."""
    return dump_document(
        {
            "format": FORMAT,
            "kind": KIND,
            "id": settings.id,
            "pages": settings.pages,
            "simple": settings.simple,
            "base-url": settings.base_url,
            "cache-control": settings.cache_control,
            "put-args": dict(settings.put_args) or None,
            "conditional-writes": settings.conditional_writes,
        }
    )


def decode_settings(body: bytes) -> RepositorySettings:
    """Read the settings document; raises Damaged for anything that is not whole."""
    try:
        return _read_settings(body)
    except DocumentInvalid as error:
        raise Damaged(
            f"the repository's settings {SETTINGS_KEY} cannot be read ({error}), so nothing was written; "
            "put back an earlier version of it"
        ) from error


def _read_settings(body: bytes) -> RepositorySettings:
    unknown: list[str] = []
    document = load_document(body, unknown)
    if document.number("format") != FORMAT or document.text("kind") != KIND:
        raise Damaged(f"the repository's settings {SETTINGS_KEY} are of a newer bucketwheel; upgrade bucketwheel")
    settings = RepositorySettings(
        id=document.text("id"),
        pages=_page_style_of(document),
        simple=document.text("simple"),
        base_url=document.optional_text("base-url"),
        cache_control=document.text("cache-control"),
        put_args=document.text_table("put-args"),
        conditional_writes=_conditional_writes(document),
    )
    document.finish()
    _validate(settings)
    return replace(settings, unknown=tuple(unknown))


def _validate(settings: RepositorySettings) -> None:
    """Hold what was read to the same rules as what is set: somebody may have edited it by hand."""
    if problem := _simple_problem(settings.simple):
        raise DocumentInvalid(f"simple {problem}")
    if problems := validate_put_args(settings.put_args):
        raise DocumentInvalid("; ".join(str(problem) for problem in problems))
    try:
        _base_url(settings.base_url or "")
        _cache_control(settings.cache_control)
    except ValueError as error:
        raise DocumentInvalid(f"base-url or cache-control cannot be used: {error}") from error


def _page_style_of(document: Document) -> PageStyle:
    try:
        return _page_style(document.text("pages"))
    except ValueError as error:
        raise DocumentInvalid(f"pages is none that is known: {error}") from error


def _conditional_writes(document: Document) -> ConditionalWrites | None:
    value = document.optional_text("conditional-writes")
    for name in get_args(ConditionalWrites):
        if value == name:
            return name  # type: ignore[no-any-return]  # get_args() is untyped
    if value is not None:
        raise DocumentInvalid(f"conditional-writes is {printable(value)!r}, which is neither proven nor ignored")
    return None


def refuse_unwritable(settings: RepositorySettings, place: str, *, single_writer: bool) -> None:
    """Refuse to write where a newer bucketwheel set things, or where a store was found to ignore conditions."""
    if settings.unknown:
        raise Refused(
            Problem(
                subject=place,
                what=f"has settings of a newer bucketwheel ({printable(', '.join(settings.unknown))})",
                remedy="upgrade bucketwheel to write to it",
            )
        )
    if settings.conditional_writes == "ignored" and not single_writer:
        raise Refused(unsafe_store(place))


def unsafe_store(place: str) -> Problem:
    """Say that a store takes no notice of conditions, and what that means."""
    return Problem(
        subject=place,
        what="lies on a store that ignores conditional writes, so two publishers at once would lose releases",
        remedy="use a store that honours If-Match and If-None-Match, or set single-writer = true and see to it that "
        "only one publisher ever runs",
    )


def change_settings(settings: RepositorySettings, changes: Mapping[str, str]) -> RepositorySettings:
    """Apply `init --set KEY=VALUE` pairs; raises Misconfigured with every problem at once."""
    problems: list[Problem] = []
    for key, value in changes.items():
        try:
            settings = _changed(settings, key, value)
        except ValueError as error:
            problems.append(Problem(subject=f"--set {printable(key)}", what="cannot be", remedy=str(error)))
    if problems:
        raise Misconfigured(*problems)
    return settings


def _changed(settings: RepositorySettings, key: str, value: str) -> RepositorySettings:
    match key:
        case "pages":
            return replace(settings, pages=_page_style(value))
        case "simple":
            return replace(settings, simple=_simple(value))
        case "base-url":
            return replace(settings, base_url=_base_url(value))
        case "cache-control":
            return replace(settings, cache_control=_cache_control(value))
        case "put-args":
            return replace(settings, put_args=_put_args(value))
        case _:
            raise ValueError(f"choose one of {', '.join(SETTABLE)}")


def _page_style(value: str) -> PageStyle:
    for style in PAGE_STYLES:
        if value == style:
            return style
    raise ValueError(f"choose one of {', '.join(PAGE_STYLES)}")


def _simple(value: str) -> str:
    simple = f"{value.strip('/')}/" if value.strip("/") else ""
    if problem := _simple_problem(simple):
        raise ValueError(f"the path {problem}")
    return simple


def _cache_control(value: str) -> str:
    if not value or not value.isprintable() or not value.isascii():
        raise ValueError("give the value of a Cache-Control header")
    return value


def _put_args(value: str) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in value.split())
    if problems := validate_put_args(pairs):
        raise ValueError("; ".join(str(problem) for problem in problems))
    return pairs


def _simple_problem(simple: str) -> str | None:
    segments = simple.split("/")
    if simple and (segments[-1] != "" or any(part in {"", ".", ".."} for part in segments[:-1])):
        return "must be a plain path such as simple/"
    if not simple.isascii() or not simple.isprintable() or set(simple) & set("\\?#% ") or simple.startswith("_"):
        return "must be plain ASCII and not begin with _"
    return None


def _base_url(value: str) -> str | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("give the public address, such as https://pypi.example.com/, with no user and no query")
    return value.rstrip("/") + "/"
