"""One value of a setting, from what somebody wrote to what it means, or every problem with it.

No value is ever part of a problem: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bucketwheel.config.keys import VARIABLE_PREFIX, SettingKey, Shape
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.format.settings import validate_put_args
from bucketwheel.places import InvalidPlace, Place, parse_place

__all__ = [
    "Layer",
    "Said",
    "environment_layer",
    "file_layer",
    "holds_secret",
    "is_name",
    "names_secret",
    "option_layer",
    "read_value",
    "showable",
    "without_secret",
]

_KEY = re.compile(r"[A-Za-z0-9._-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one source says. Relative directories in it start at `base`."""

    table: Mapping[str, object]
    """Raw values by their keys, as dotted TOML tables or as texts."""
    base: Path
    spelled: Callable[[str], str]
    """Names a value by its dotted keys as the user typed it: `tool.bucketwheel.jobs`, `BUCKETWHEEL_JOBS`, `--jobs`."""
    explicit: bool = False
    """Said for this run, as an option or a variable: in texts, and its connection keys count for any repository."""


def showable(key: str) -> str:
    """Show a key, but not what has the shape of none: it may be a piece of somebody's secret."""
    return key if _KEY.fullmatch(key) else "…"


def file_layer(table: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    """Make a layer of a TOML table, in whose keys `prefix` (`tool.bucketwheel.`) comes first."""
    return Layer(table=table, base=base, spelled=lambda key: f"{prefix}{key}")


def environment_layer(environ: Mapping[str, str], *, base: Path) -> Layer:
    """Make a layer of the BUCKETWHEEL_ variables.

    An empty one is as good as none: that is how a CI service passes on what was left out. BUCKETWHEEL_TEST_ is for our
    own tests.
    """
    table = {
        variable.removeprefix(VARIABLE_PREFIX).lower().replace("_", "-"): value
        for variable, value in environ.items()
        if variable.startswith(VARIABLE_PREFIX) and not variable.startswith(f"{VARIABLE_PREFIX}TEST_") and value
    }
    return Layer(
        table=table,
        base=base,
        spelled=lambda key: VARIABLE_PREFIX + key.upper().replace("-", "_"),
        explicit=True,
    )


def option_layer(options: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    """Make a layer of options, which `prefix` (`--`, `-o `) stands before.

    `_` is as good as `-`; None and the empty tuple, by which option parsers say "not given", are passed over.
    """
    given = {key.replace("_", "-"): value for key, value in options.items() if value is not None and value != ()}
    return Layer(table=given, base=base, spelled=lambda key: f"{prefix}{key}", explicit=True)


_SECRET = re.compile("secret|passw|token|credential|signature|accesskey|apikey")
_USERINFO = re.compile(r"(?<=://)(?P<user>[^:/?#]*):?(?P<password>[^/?#]*)@")
_VARIABLES = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})*")


def names_secret(key: str) -> bool:
    """Whether a key asks for a secret, however it is spelled: `aws_secret_access_key`, `SessionToken` …."""
    return _SECRET.search(re.sub("[^a-z]", "", key.lower())) is not None


def holds_secret(url: str) -> bool:
    """Whether a URL carries a password, a token or a signature; `${VAR}` in the place of one is none."""
    userinfo = _USERINFO.search(url)
    if userinfo and not _VARIABLES.fullmatch(userinfo["password"] or userinfo["user"]):
        return True
    query = url.partition("?")[2].partition("#")[0]
    return any(names_secret(name) and not _VARIABLES.fullmatch(value) for name, value in parse_qsl(query))


def without_secret(url: str) -> str:
    """Put `${VAR}` in the place of a user and password, and drop a query, so that the URL may be shown and pasted."""
    return _USERINFO.sub("${INDEX_USER}:${INDEX_PASSWORD}@", url).partition("?")[0]


_TRUTH = {"": True, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
# `s3:bucket` and `s3:/bucket` are mistyped URLs and no directories; with one letter it is a drive.
_MISTYPED_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!//)")
_WRITE_A_PLACE = "write s3://bucket/prefix, or a directory as ./directory"
_CONTAINER_SCHEMES = ("https", "http", "s3", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One raw value, and where it stands."""

    value: object
    path: str
    """The dotted keys that lead to it within the layer."""
    layer: Layer

    def problem(self, what: str, remedy: str) -> Problem:
        """Say what is wrong with it, under the path that the user typed."""
        return Problem(subject=self.layer.spelled(self.path), what=what, remedy=remedy)

    def wrong(self, what: str, remedy: str) -> Misconfigured:
        """Make an error of what is wrong with it."""
        return Misconfigured(self.problem(what, remedy))


def read_value(key: SettingKey, said: Said) -> Any:  # noqa: ANN401 - the key decides the type
    """Convert and judge a value; raises Misconfigured with every problem in it.

    A `repository` becomes a Place, or stays a name.
    """
    value = _from_text(said.value, key.shape) if said.layer.explicit else said.value
    match key.shape:
        case "flag":
            return _flag(value, said)
        case "number":
            return _number(value, said, key.limits)
        case "choice":
            return _choice(value, said, key.choices)
        case "list":
            return _containers(value, said)
        case "table":
            return _put_args(value, said)
        case "text":
            return _TEXTS.get(key.name, _text)(value, said)


def is_name(text: str) -> bool:
    """Whether this is shaped like the name of a repository and not like a place."""
    return _NAME.fullmatch(text) is not None


def _from_text(value: object, shape: Shape) -> object:
    """Give a text the type that its key asks for; what cannot have it stays as it is, to be refused."""
    if not isinstance(value, str):
        return value
    match shape:
        case "flag":
            return _TRUTH.get(value.strip().lower(), value)
        case "number":
            return int(value) if re.fullmatch(r"\s*[0-9]{1,9}\s*", value) else value
        case "list" | "table":
            return value.split()
        case "text" | "choice":
            return value.strip()


def _flag(value: object, said: Said) -> bool:
    if not isinstance(value, bool):
        raise said.wrong("is neither true nor false", "write one of the two")
    return value


def _number(value: object, said: Said, limits: tuple[int, int]) -> int:
    least, most = limits
    # A bool is an int for Python, but not for the person who wrote it.
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise said.wrong(f"is not a whole number from {least} to {most}", "write one")
    return value


def _choice(value: object, said: Said, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise said.wrong(f"is none of {', '.join(choices)}", "choose one of them")
    return value


def _text(value: object, said: Said) -> str:
    if not isinstance(value, str):
        raise said.wrong("is not a string", "put it in quotes")
    if not value.strip() or not value.isprintable():
        raise said.wrong("is empty or holds characters that cannot be printed", "write it anew, or remove it")
    return value


def _endpoint(value: object, said: Said) -> str:
    text = _text(value, said)
    remedy = "write only where the service is, such as https://s3.example.com"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise said.wrong("is not a URL", remedy) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise said.wrong("has a user, a password, a query or a fragment, any of which may be a secret", remedy)
    if not valid:
        raise said.wrong("is not an http or https URL", remedy)
    return text


def _repository(value: object, said: Said) -> Place | str:
    text = _text(value, said)
    if not _is_bare(text):
        return _place(text, said)
    if not is_name(text):
        raise said.wrong("is neither a place nor a name", f"{_WRITE_A_PLACE}, or the name of one of `repositories`")
    return text


def _url(value: object, said: Said) -> Place:
    text = _text(value, said)
    if _is_bare(text):
        raise said.wrong("is not a place", _WRITE_A_PLACE)
    return _place(text, said)


def _is_bare(text: str) -> bool:
    """Whether nothing marks it as a place: no scheme, no path separator, no leading `.` or `~`."""
    return not ("/" in text or text.startswith((".", "~")) or len(PurePath(text).parts) > 1)


def _place(text: str, said: Said) -> Place:
    if _MISTYPED_URL.match(text):
        raise said.wrong("begins like a URL and is none", _WRITE_A_PLACE)
    try:
        place = parse_place(text, said.layer.base)
    except InvalidPlace as error:
        raise said.wrong(str(error), _WRITE_A_PLACE) from None
    except (ValueError, RuntimeError):
        # A URL that cannot be taken apart; a `~user` that is not known here.
        raise said.wrong("names no place", _WRITE_A_PLACE) from None
    if not str(place).isprintable():
        raise said.wrong("holds characters that cannot be printed", _WRITE_A_PLACE)
    return place


def _containers(value: object, said: Said) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise said.wrong("is not a list of strings", f'write {said.path} = ["https://ci.example.com/wheels/"]')
    containers: list[str] = []
    problems: list[Problem] = []
    for index, entry in enumerate(value):
        try:
            containers.append(_container(entry, replace(said, path=f"{said.path}[{index}]")))
        except Misconfigured as error:
            problems.extend(error.problems)
    if problems:
        raise Misconfigured(*problems)
    return tuple(containers)


def _container(value: object, said: Said) -> str:
    text = _text(value, said)
    if not said.layer.explicit and holds_secret(text):
        raise said.wrong("holds a secret", "write ${VAR} in its place, set VAR where it runs, and change the secret")
    if text.startswith("${"):
        return text  # Whether it is a URL or a directory, the variable decides.
    if "://" not in text:
        return str(_place(text, said))
    if text.partition("://")[0].lower() not in _CONTAINER_SCHEMES:
        raise said.wrong("is of no kind that can be fetched from", "write https://, s3://, file:// or a directory")
    return text


def _put_args(value: object, said: Said) -> Mapping[str, str]:
    if said.layer.explicit and isinstance(value, list | tuple):
        value = _pairs(value, said)
    if not isinstance(value, Mapping):
        raise said.wrong("is not a table", f'write {said.path} = {{ StorageClass = "STANDARD_IA" }}')
    put_args = {name: str(given).lower() if isinstance(given, bool) else given for name, given in value.items()}
    if any(not isinstance(given, str) for given in put_args.values()):
        raise said.wrong("holds a value that is not a string", "put every value in quotes")
    if problems := validate_put_args(put_args, said.layer.spelled(said.path)):
        raise Misconfigured(*problems)
    return put_args


def _pairs(words: Sequence[object], said: Said) -> Mapping[str, object]:
    if any(not isinstance(word, str) or "=" not in word for word in words):
        raise said.wrong("is not made of NAME=VALUE pairs", "write such pairs, with white space between them")
    return dict(str(word).partition("=")[::2] for word in words)


_TEXTS: Mapping[str, Callable[[object, Said], object]] = {
    "repository": _repository,
    "url": _url,
    "endpoint-url": _endpoint,
}
