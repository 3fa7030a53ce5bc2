"""Values of settings: from what the user wrote to what it means, or every problem with it.

No value is ever part of a problem: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bucketwheel.config.keys import SettingKey, Shape
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.format.settings import validate_put_args
from bucketwheel.places import InvalidPlace, Place, parse_place

__all__ = ["Layer", "RawValue", "holds_secret", "is_name", "names_secret", "read_value", "showable", "without_secret"]

_KEY = re.compile(r"[A-Za-z0-9._-]{1,80}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_FLAGS = {"": True, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# `s3:bucket` and `s3:/bucket` are mistyped URLs, not directories; with one letter it is a drive.
_MISTYPED_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!//)")
_WRITE_A_PLACE = "write s3://bucket/prefix, or a directory as ./directory"
_LONGEST_UPLOADER = 500
_PUBLISHER = re.compile(r"(github|gitlab|google|circleci):[^\s:]+\Z")
_FINGERPRINT = re.compile(r"(?:0X)?([0-9A-F]{40}|[0-9A-F]{64})\Z")
_SOURCE_SCHEMES = ("https", "http", "s3", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The settings of one source. Relative directories in it start at `base`."""

    table: Mapping[str, object]
    """Raw values by their keys, as dotted TOML tables or as texts."""
    base: Path
    spelled: Callable[[str], str]
    """Returns dotted keys as the user typed them: `tool.bucketwheel.jobs`, `BUCKETWHEEL_JOBS`, `--jobs`."""
    explicit: bool = False
    """Given for this run, as an option or a variable: values are texts, connection keys count for any repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawValue:
    """A value as the user wrote it, with its place in a layer."""

    value: object
    path: str
    """The dotted keys that lead to it within the layer."""
    layer: Layer

    def problem(self, what: str, remedy: str) -> Problem:
        """Say what is wrong with it, under the path that the user typed."""
        return Problem(subject=self.layer.spelled(self.path), what=what, remedy=remedy)

    def error(self, what: str, remedy: str) -> Misconfigured:
        """Return the error for what is wrong with it."""
        return Misconfigured(self.problem(what, remedy))


def read_value(key: SettingKey, raw: RawValue) -> Any:  # noqa: ANN401 - the key decides the type
    """Convert and validate a value; raises Misconfigured with every problem in it.

    A `repository` becomes a Place, or stays a name.
    """
    if raw.layer.explicit and isinstance(raw.value, str):
        raw = replace(raw, value=_from_text(raw.value, key.shape))
    match key.shape:
        case "flag":
            return _flag(raw)
        case "number":
            return _number(raw, *key.limits)
        case "choice":
            return _choice(raw, key.choices)
        case "list":
            return _list(raw, *_LISTS[key.name])
        case "table":
            return _put_args(raw)
        case "text":
            return _TEXTS.get(key.name, _text)(raw)


def is_name(text: str) -> bool:
    """Return whether a text has the form of a repository's name."""
    return _NAME.fullmatch(text) is not None


def showable(key: str) -> str:
    """Return a key for a message, or `…` for what does not look like one: it may be a piece of a secret."""
    return key if _KEY.fullmatch(key) else "…"


def _from_text(text: str, shape: Shape) -> object:
    """Give a text the type of its key; what cannot have it stays as it is, to be refused."""
    match shape:
        case "flag":
            return _FLAGS.get(text.strip().lower(), text)
        case "number":
            # Bare of what a pattern takes for space and int() does not, such as U+001F.
            number = text.strip()
            return int(number) if re.fullmatch(r"[0-9]{1,9}", number) else text
        case "list" | "table":
            return text.split()
        case "text" | "choice":
            return text.strip()


def _flag(raw: RawValue) -> bool:
    if not isinstance(raw.value, bool):
        raise raw.error("is neither true nor false", "write one of the two")
    return raw.value


def _number(raw: RawValue, least: int, most: int) -> int:
    # A bool is an int for Python, but not for the person who wrote it.
    if not isinstance(raw.value, int) or isinstance(raw.value, bool) or not least <= raw.value <= most:
        raise raw.error(f"is not a whole number from {least} to {most}", "write one")
    return raw.value


def _choice(raw: RawValue, choices: tuple[str, ...]) -> str:
    if not isinstance(raw.value, str) or raw.value not in choices:
        raise raw.error(f"is none of {', '.join(choices)}", "choose one of them")
    return raw.value


def _text(raw: RawValue) -> str:
    if not isinstance(raw.value, str):
        raise raw.error("is not a string", "put it in quotes")
    if not raw.value.strip() or not raw.value.isprintable():
        raise raw.error("is empty or has characters that cannot be printed", "correct or remove it")
    return raw.value


def _uploader(raw: RawValue) -> str:
    """Accept what S3 takes as metadata of an object (User Guide, "User-defined object metadata": ASCII, up to 2 KB)."""
    text = _text(raw)
    if not text.isascii():
        what = "has characters outside of ASCII, which S3 refuses in an object's metadata"
        raise raw.error(what, "write it without accents and signs")
    if len(text) > _LONGEST_UPLOADER:
        raise raw.error(f"has more than {_LONGEST_UPLOADER} characters", "shorten it")
    return text


def _endpoint(raw: RawValue) -> str:
    text = _text(raw)
    remedy = "write only the address of the service, such as https://s3.example.com"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise raw.error("is not a URL", remedy) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise raw.error("has a user, a password, a query or a fragment, any of which may be a secret", remedy)
    if not valid:
        raise raw.error("is not an http or https URL", remedy)
    return text


def _repository(raw: RawValue) -> Place | str:
    text = _text(raw)
    if not _is_bare(text):
        return _place(raw)
    if not is_name(text):
        raise raw.error("is neither a place nor a name", f"{_WRITE_A_PLACE}, or the name of one of `repositories`")
    return text


def _url(raw: RawValue) -> Place:
    if _is_bare(_text(raw)):
        raise raw.error("is not a place", _WRITE_A_PLACE)
    return _place(raw)


def _is_bare(text: str) -> bool:
    """Return whether nothing marks a text as a place: no scheme, no path separator, no leading `.` or `~`."""
    return not ("/" in text or text.startswith((".", "~")) or len(PurePath(text).parts) > 1)


def _place(raw: RawValue) -> Place:
    text = _text(raw)
    if _MISTYPED_URL.match(text):
        raise raw.error("begins like a URL and is not one", _WRITE_A_PLACE)
    try:
        place = parse_place(text, raw.layer.base)
    except InvalidPlace as error:
        raise raw.error(str(error), _WRITE_A_PLACE) from None
    if not str(place).isprintable():
        raise raw.error("has characters that cannot be printed", _WRITE_A_PLACE)
    return place


def _list(raw: RawValue, read: Callable[[RawValue], str], example: str) -> tuple[str, ...]:
    if not isinstance(raw.value, list | tuple):
        raise raw.error("is not a list of strings", f'write {raw.path} = ["{example}"]')
    entries: list[str] = []
    problems: list[Problem] = []
    for index, entry in enumerate(raw.value):
        try:
            entries.append(read(replace(raw, value=entry, path=f"{raw.path}[{index}]")))
        except Misconfigured as error:
            problems.extend(error.problems)
    if problems:
        raise Misconfigured(*problems)
    return tuple(entries)


def _source(raw: RawValue) -> str:
    text = _text(raw)
    if not raw.layer.explicit and holds_secret(text):
        raise raw.error("contains a secret", "write ${VAR} instead, set VAR where it runs, and change the secret")
    if text.startswith("${"):
        return text  # the variable decides whether it is a URL or a directory
    if "://" not in text:
        return str(_place(raw))
    if text.partition("://")[0].lower() not in _SOURCE_SCHEMES:
        raise raw.error("has a scheme that `fetch` does not know", "write https://, s3://, file:// or a directory")
    return text


def _put_args(raw: RawValue) -> Mapping[str, str]:
    table = raw.value
    if raw.layer.explicit and isinstance(table, list | tuple):
        if any(not isinstance(word, str) or "=" not in word for word in table):
            raise raw.error("is not made of NAME=VALUE pairs", "write such pairs, with white space between them")
        table = dict(str(word).partition("=")[::2] for word in table)
    if not isinstance(table, Mapping):
        raise raw.error("is not a table", f'write {raw.path} = {{ StorageClass = "STANDARD_IA" }}')
    put_args = {name: str(value).lower() if isinstance(value, bool) else value for name, value in table.items()}
    if any(not isinstance(value, str) for value in put_args.values()):
        raise raw.error("has a value that is not a string", "put every value in quotes")
    if problems := validate_put_args(put_args, raw.layer.spelled(raw.path)):
        raise Misconfigured(*problems)
    return put_args


def _signer(raw: RawValue) -> str:
    """Accept a whole fingerprint, with or without spaces or 0x: a shorter id of a key can be forged."""
    fingerprint = _FINGERPRINT.match("".join(_text(raw).split()).upper())
    if fingerprint is None:
        raise raw.error("is not the fingerprint of a key", "write all its 40 digits: `gpg --list-keys --fingerprint`")
    return fingerprint[1]


def _publisher(raw: RawValue) -> str:
    text = _text(raw)
    if _PUBLISHER.match(text) is None:
        remedy = "write github:OWNER/REPOSITORY, gitlab:GROUP/PROJECT, google:EMAIL or circleci:PROJECT-ID, also with *"
        raise raw.error("is not a publisher of attestations", remedy)
    return text


_LISTS: Mapping[str, tuple[Callable[[RawValue], str], str]] = {
    "artifact-indexes": (_source, "https://ci.example.com/wheels/"),
    "attestation-publishers": (_publisher, "github:my-org/*"),
    "signers": (_signer, "0123456789ABCDEF0123456789ABCDEF01234567"),
}
"""How each entry of a list is read, and an example of one."""

_TEXTS: Mapping[str, Callable[[RawValue], object]] = {
    "repository": _repository,
    "url": _url,
    "endpoint-url": _endpoint,
    "uploaded-by": _uploader,
}


_SECRET = re.compile("secret|passw|token|credential|signature|accesskey|apikey")
_USERINFO = re.compile(r"(?<=://)(?P<user>[^:/?#]*):?(?P<password>[^/?#]*)@")
_VARIABLES = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})*")


def names_secret(key: str) -> bool:
    """Return whether a key asks for a secret, in any spelling: `aws_secret_access_key`, `SessionToken` …."""
    return _SECRET.search(re.sub("[^a-z]", "", key.lower())) is not None


def holds_secret(url: str) -> bool:
    """Return whether a URL contains a password, a token or a signature; `${VAR}` in its place is none."""
    userinfo = _USERINFO.search(url)
    if userinfo and not _VARIABLES.fullmatch(userinfo["password"] or userinfo["user"]):
        return True
    query = url.partition("?")[2].partition("#")[0]
    return any(names_secret(name) and not _VARIABLES.fullmatch(value) for name, value in parse_qsl(query))


def without_secret(url: str) -> str:
    """Replace user and password by `${VAR}` and drop the query, so that the URL may be shown and pasted."""
    return _USERINFO.sub("${INDEX_USER}:${INDEX_PASSWORD}@", url).partition("?")[0]
