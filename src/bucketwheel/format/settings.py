"""A repository's own settings, stored in it, so that two publishers never produce two layouts; and its put-args.

Put-args are further arguments of S3's PutObject. They may say how an object is kept, never what protects it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

from bucketwheel.errors import Damaged, Misconfigured, Problem, Refused
from bucketwheel.format.documents import Document, DocumentInvalid, dump_document, load_document
from bucketwheel.format.layout import PAGE_STYLES, PAGES_CACHE_CONTROL, SETTINGS_KEY, Layout, PageStyle
from bucketwheel.names import printable

__all__ = [
    "CONDITIONAL_WRITES",
    "FORMAT",
    "HARMLESS",
    "LIST_KIND",
    "VIEWS",
    "Capability",
    "MadeFromList",
    "RepositorySettings",
    "Verdict",
    "View",
    "change_settings",
    "decode_settings",
    "encode_settings",
    "public_base_url",
    "refuse_unwritable",
    "unsafe_store",
    "validate_put_args",
]

FORMAT = 1
KIND = "python-index"
LIST_KIND = "list"
"""The kind of an index that `from-list` makes: it has no manifests."""

Capability: TypeAlias = Literal["create", "swap", "swap-absent", "remove", "parts", "slash-keys"]
"""What a store may honour or not; each is tried by itself (docs/bucket-format.md, section 9)."""
Verdict: TypeAlias = Literal["proven", "ignored"]
CONDITIONAL_WRITES: tuple[Capability, ...] = ("create", "swap", "swap-absent")
"""The capabilities without which only `single-writer` may write."""
_MOST_STORES = 16

View: TypeAlias = Literal["json", "json-versions", "people", "feeds"]
VIEWS: tuple[View, ...] = ("json", "json-versions", "people", "feeds")
"""The views that can be switched on, in the order in which settings have them."""
_LONGEST_TITLE = 80


class MadeFromList(Refused):
    """The refusal of an index that `from-list` makes, by what needs manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySettings:
    """The settings that all publishers to a repository must agree on."""

    id: str
    """Made once, noted on every file we write: tells our objects from another repository's."""
    pages: PageStyle = "slash"
    simple: str = "simple/"
    base_url: str | None = None
    """The public address of the repository, ending in a slash, where an absolute one is needed."""
    cache_control: str = PAGES_CACHE_CONTROL
    put_args: Mapping[str, str] = field(default_factory=dict)
    cloudfront_distribution: str | None = None
    """The id of the distribution whose copies of pages are invalidated, where caches keep pages."""
    title: str | None = None
    """The name of the index on pages for people and in feeds."""
    logo: str | None = None
    """The key of the picture on pages for people, which is named by its digest."""
    views: tuple[View, ...] = ()
    """The views that are on, beside the simple index."""
    retired_views: tuple[View, ...] = ()
    """Views that were on before and whose pages may still be there: `reindex` removes them."""
    proofs: Mapping[str, Mapping[Capability, Verdict]] = field(default_factory=dict)
    """By store, the verdict on each capability that was tried there; elsewhere nothing is proven."""
    unknown: tuple[str, ...] = ()
    """Paths of what a newer bucketwheel set; with any of these the repository is for reading only."""

    @property
    def layout(self) -> Layout:
        """The layout that these settings choose."""
        return Layout(
            simple=self.simple, pages=self.pages, pages_cache_control=self.cache_control, put_args=self.put_args
        )

    def verdict(self, store: str, capability: Capability) -> Verdict | None:
        """Return what a store did when this was tried there; None: it was not tried there yet."""
        return self.proofs.get(store, {}).get(capability)

    def conditional_writes(self, store: str) -> Verdict | None:
        """Return whether a store honours the conditions of all writes; None: not all were tried there yet."""
        verdicts = {self.verdict(store, capability) for capability in CONDITIONAL_WRITES}
        return "ignored" if "ignored" in verdicts else None if None in verdicts else "proven"

    def having(self, store: str, verdicts: Mapping[Capability, Verdict]) -> RepositorySettings:
        """Return the settings with these verdicts on a store beside those that were recorded before."""
        # A store that is reached by many addresses must not make the settings grow without end.
        others = [other for other in self.proofs if other != store][: _MOST_STORES - 1]
        proofs = {other: self.proofs[other] for other in others}
        return replace(self, proofs={**proofs, store: {**self.proofs.get(store, {}), **verdicts}})


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
            "cloudfront-distribution": settings.cloudfront_distribution,
            "title": settings.title,
            "logo": settings.logo,
            "views": list(settings.views) or None,
            "retired-views": list(settings.retired_views) or None,
            "proofs": {store: dict(verdicts) for store, verdicts in settings.proofs.items()} or None,
        }
    )


def decode_settings(body: bytes) -> RepositorySettings:
    """Read the settings document; raises Damaged for anything that is not whole."""
    try:
        return _read_settings(body)
    except DocumentInvalid as error:
        raise Damaged(
            f"the repository's settings {SETTINGS_KEY} cannot be read ({error}), so nothing was written; "
            "restore an earlier version of that object"
        ) from error


def change_settings(settings: RepositorySettings, changes: Mapping[str, str]) -> RepositorySettings:
    """Apply `init --set KEY=VALUE` pairs; raises Misconfigured with every problem at once."""
    problems: list[Problem] = []
    known = {*settings.views, *settings.retired_views}
    for key, value in changes.items():
        try:
            settings = _changed(settings, key, value)
        except ValueError as error:
            problems.append(Problem(subject=f"--set {printable(key)}", what="cannot be set", remedy=str(error)))
    if problems:
        raise Misconfigured(*problems)
    return replace(settings, retired_views=_in_order(known.difference(settings.views)))


def _changed(settings: RepositorySettings, key: str, value: str) -> RepositorySettings:
    if key not in _SETTABLE:
        raise ValueError(f"choose one of {', '.join(_SETTABLE)}")
    field_name, read = key.replace("-", "_"), _SETTABLE[key]
    return replace(settings, **{field_name: read(value)})  # type: ignore[arg-type]  # each returns its field's type


def refuse_unwritable(settings: RepositorySettings, place: str, *, store: str, single_writer: bool) -> None:
    """Refuse to write where a newer bucketwheel set things, or to a store that was found to ignore conditions."""
    if settings.unknown:
        raise Refused(
            Problem(
                subject=place,
                what=f"has settings of a newer bucketwheel ({printable(', '.join(settings.unknown))})",
                remedy="upgrade bucketwheel to write to it",
            )
        )
    if settings.conditional_writes(store) == "ignored" and not single_writer:
        raise Refused(unsafe_store(place))


def unsafe_store(place: str) -> Problem:
    """Return the problem of a store that ignores conditional writes."""
    return Problem(
        subject=place,
        what="is on a store that ignores conditional writes, so two publishers at once would lose releases",
        remedy="use a store that supports If-Match and If-None-Match, or set single-writer = true and make sure that "
        "only one publisher runs at a time",
    )


def _read_settings(body: bytes) -> RepositorySettings:
    unknown: list[str] = []
    document = load_document(body, unknown)
    kind = document.text("kind")
    if kind == LIST_KIND:
        what = "is of an index that is made from a list"
        raise MadeFromList(
            Problem(subject=SETTINGS_KEY, what=what, remedy="change the list, and run `bucketwheel from-list`")
        )
    if document.number("format") != FORMAT or kind != KIND:
        raise Damaged(f"the repository's settings {SETTINGS_KEY} are of a newer bucketwheel; upgrade bucketwheel")
    settings = RepositorySettings(
        id=document.text("id"),
        pages=_valid("pages", _page_style, document.text("pages")),
        simple=_valid("simple", _simple, document.text("simple")),
        base_url=document.optional_text("base-url"),
        cache_control=_valid("cache-control", _cache_control, document.text("cache-control")),
        put_args=document.text_table("put-args"),
        cloudfront_distribution=document.optional_text("cloudfront-distribution"),
        title=document.optional_text("title"),
        logo=document.optional_text("logo"),
        views=_known_views(document, "views", unknown),
        retired_views=_known_views(document, "retired-views", unknown),
        proofs=_proofs(document.optional_document("proofs")),
    )
    # Earlier writers recorded one verdict and not of which store, so it proves nothing here.
    _valid("conditional-writes", _verdict, document.optional_text("conditional-writes") or "proven")
    document.finish()
    _valid("base-url", public_base_url, settings.base_url or "")
    _valid("cloudfront-distribution", _distribution, settings.cloudfront_distribution or "")
    _valid("title", _title, settings.title or "")
    _valid("logo", _logo, settings.logo or "")
    if problems := validate_put_args(settings.put_args):
        raise DocumentInvalid("; ".join(map(str, problems)))
    return replace(settings, unknown=tuple(unknown))


_T = TypeVar("_T")


def _valid(key: str, read: Callable[[str], _T], value: str) -> _T:
    """Hold a value in the document to the rules for `init --set`: it may have been edited by hand."""
    try:
        return read(value)
    except ValueError as error:
        raise DocumentInvalid(f"{key} cannot be used: {error}") from error


def _known_views(document: Document, key: str, unknown: list[str]) -> tuple[View, ...]:
    """Read names of views; one that we do not know is of a newer bucketwheel, which alone can write its pages."""
    names = document.texts(key)
    unknown += [f"{key}: {name}" for name in names if name not in VIEWS]
    return _in_order(names)


def _in_order(names: Collection[str]) -> tuple[View, ...]:
    return tuple(view for view in VIEWS if view in names)


def _proofs(document: Document | None) -> dict[str, dict[Capability, Verdict]]:
    """Read the verdicts by store; those on capabilities of a newer bucketwheel are kept."""
    if document is None:
        return {}
    proofs: dict[str, dict[Capability, Verdict]] = {}
    for store in document.names():
        verdicts = document.text_table(store).items()
        proofs[store] = {cast(Capability, name): _valid("proofs", _verdict, value) for name, value in verdicts}
    return proofs


def _verdict(value: str) -> Verdict:
    if value not in {"proven", "ignored"}:
        raise ValueError(f"{printable(value)!r} is neither proven nor ignored")
    return cast(Verdict, value)


def _page_style(value: str) -> PageStyle:
    for style in PAGE_STYLES:
        if value == style:
            return style
    raise ValueError(f"choose one of {', '.join(PAGE_STYLES)}")


def _simple(value: str) -> str:
    segments = value.split("/")
    if value and (segments[-1] != "" or any(part in {"", ".", ".."} for part in segments[:-1])):
        raise ValueError("the path must be a plain path such as simple/")
    if not value.isascii() or not value.isprintable() or set(value) & set("\\?#% ") or value.startswith("_"):
        raise ValueError("the path must be plain ASCII and not begin with _")
    return value


def _simple_as_typed(value: str) -> str:
    return _simple(f"{value.strip('/')}/" if value.strip("/") else "")


def public_base_url(value: str) -> str | None:
    """Read the public address of an index, None for an empty text; raises ValueError for what cannot be one."""
    if not value:
        return None
    parts = urlsplit(value)
    is_address = parts.scheme in {"http", "https"} and parts.hostname and value.isprintable() and " " not in value
    if not is_address or parts.query or parts.fragment or parts.username:
        raise ValueError("give the public address, such as https://pypi.example.com/, with no user, query or space")
    return value.rstrip("/") + "/"


def _cache_control(value: str) -> str:
    if not value or not value.isprintable() or not value.isascii():
        raise ValueError("give the value of a Cache-Control header")
    return value


def _distribution(value: str) -> str | None:
    if value and not re.fullmatch(r"E[A-Z0-9]{4,31}", value):
        raise ValueError("give the id of a distribution, such as E2QWRUHAPOMQZL; nothing after = to remove it")
    return value or None


def _title(value: str) -> str | None:
    if len(value) > _LONGEST_TITLE or printable(value) != value or value.strip() != value:
        raise ValueError(f"give a name of at most {_LONGEST_TITLE} printable characters; nothing after = to remove it")
    return value or None


def _logo(value: str) -> str | None:
    if value and not re.fullmatch(r"assets/[0-9a-f]{16}\.(png|jpeg|webp)", value):
        raise ValueError("give a file; nothing after = to remove it")
    return value or None


def _views(value: str) -> tuple[View, ...]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not set(names) <= set(VIEWS):
        raise ValueError(f"choose among {', '.join(VIEWS)}, with commas between; nothing after = switches all off")
    return _in_order(names)


def _put_args(value: str) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in value.split())
    if problems := validate_put_args(pairs):
        raise ValueError("; ".join(map(str, problems)))
    return pairs


_SETTABLE: Mapping[str, Callable[[str], object]] = {
    "pages": _page_style,
    "simple": _simple_as_typed,
    "base-url": public_base_url,
    "cache-control": _cache_control,
    "put-args": _put_args,
    "cloudfront-distribution": _distribution,
    "title": _title,
    "logo": _logo,
    "views": _views,
}


_KMS = ("aws:kms", "aws:kms:dsse")

HARMLESS: Mapping[str, tuple[str, ...]] = {
    # public-read-write is left out: strangers must not write here.
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
"""The harmless arguments by their API names, with their values if S3 accepts only these."""

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")

# Names (a final * stands for any ending), what is wrong with them, and the remedy.
_BREAKING: tuple[tuple[str, str, str], ...] = (
    ("Bucket Key Body WriteOffsetBytes", "is set by bucketwheel itself for every object", "remove it"),
    ("If*", "would replace the conditions that keep publishers from overwriting each other", "remove it"),
    ("Checksum* ContentMD5", "would replace the sha256 that the store verifies", "remove it"),
    ("Metadata", "would replace the marks by which bucketwheel knows its objects", "use Tagging instead"),
    (
        "CacheControl Expires",
        "would contradict how long caches may keep each kind of object",
        "remove it; `bucketwheel init URL --set cache-control=VALUE` changes that for pages",
    ),
    ("Content*", "would serve pages and files in another form than clients expect", "remove it"),
    ("WebsiteRedirectLocation", "would send clients away from every page and file", "remove it"),
    (
        "SSECustomer*",
        "would require its key for every read, so that no client could install",
        "remove it, and encrypt by ServerSideEncryption and SSEKMSKeyId",
    ),
    (
        "ObjectLock*",
        "would keep every page and manifest that is replaced",
        "remove it, and set a default retention on the bucket if one is needed",
    ),
    (
        "RequestPayer",
        "would count for writing only, so that every read would be refused",
        "remove it, and publish as the owner of the bucket",
    ),
)


def validate_put_args(put_args: Mapping[str, str], path: str = "put-args") -> tuple[Problem, ...]:
    """Return all that would break the protocol or that S3 would refuse. No problem shows a value.

    `path` is the table as the user typed it.
    """
    problems = [_argument_problem(name, value, path) for name, value in put_args.items()]
    return (*filter(None, problems), *_conflicts(put_args, path))


def _argument_problem(name: str, value: str, path: str) -> Problem | None:
    # What does not look like an argument's name may be a piece of a secret.
    subject = f"{path}.{name}" if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) else path
    if name not in HARMLESS:
        return _forbidden_argument(name, subject)
    if name == "StorageClass" and value in _ARCHIVES:
        return Problem(
            subject=subject,
            what="is an archive, from which objects cannot be read at once",
            remedy="choose a class such as STANDARD, STANDARD_IA or GLACIER_IR",
        )
    if HARMLESS[name] and value not in HARMLESS[name]:
        return Problem(
            subject=subject, what="has an unknown value", remedy=f"choose one of {', '.join(HARMLESS[name])}"
        )
    if not value or not value.isascii() or not value.isprintable():
        return Problem(subject=subject, what="cannot be sent as a header", remedy="write printable ASCII text")
    return None


def _forbidden_argument(name: str, subject: str) -> Problem:
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
    """Find pairs that S3 answers with 400 at the first write."""
    if "ACL" in put_args and any(name.startswith("Grant") for name in put_args):
        yield Problem(subject=f"{path}.ACL", what="cannot be set together with Grant…", remedy="keep one of the two")
    for name in ("SSEKMSKeyId", "SSEKMSEncryptionContext"):
        if name in put_args and put_args.get("ServerSideEncryption") not in _KMS:
            yield Problem(
                subject=f"{path}.{name}",
                what="needs encryption by KMS",
                remedy='set ServerSideEncryption = "aws:kms" beside it',
            )
