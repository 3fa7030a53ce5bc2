"""Layers of settings → Settings, or every problem at once.

The first layer that says something wins, key by key; but a repository keeps its own connection. Whose endpoint and
profile a bucket is looked for with decides whose bucket it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any, Literal

from bucketwheel.config.keys import CONNECTION_KEYS, KEYS, SettingKey
from bucketwheel.config.values import Layer, Said, is_name, names_secret, read_value, showable
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.places import Connection, DirectoryPlace, Place

__all__ = ["JudgedLayer", "NamedRepository", "Settings", "resolve", "validate_layer"]

_URL = SettingKey(name="url", shape="text", meaning="Where the repository is.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRepository:
    """A table `repositories.<name>`: a place, and the connection keys that go with it."""

    place: Place
    connection: Mapping[str, Any]
    spelled: str
    """Where its url is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLayer:
    """What a layer says, converted, and all that is wrong with it."""

    layer: Layer
    values: Mapping[str, Any]
    """By key; what is among the problems is left out. `repository` is a Place, or a name."""
    repositories: Mapping[str, NamedRepository | None]
    """By name; None for one that is among the problems."""
    problems: tuple[Problem, ...]

    @property
    def connection(self) -> Mapping[str, Any]:
        """The connection keys among the values."""
        return {key.name: self.values[key.name] for key in CONNECTION_KEYS if key.name in self.values}


def validate_layer(layer: Layer) -> JudgedLayer:
    """Read a layer to its end, whatever is wrong with it."""
    table = dict(layer.table)
    named = {} if layer.explicit else table.pop("repositories", {})
    values, problems = _read_keys(table, KEYS, layer, "")
    repositories, more = _read_repositories(Said(value=named, path="repositories", layer=layer))
    return JudgedLayer(layer=layer, values=values, repositories=repositories, problems=(*problems, *more))


def _read_repositories(said: Said) -> tuple[dict[str, NamedRepository | None], list[Problem]]:
    repositories: dict[str, NamedRepository | None] = {}
    problems: list[Problem] = []
    if not isinstance(said.value, Mapping):
        return {}, [said.problem("is not a table", 'write tables repositories.NAME, each with a url = "s3://bucket"')]
    for name, table in said.value.items():
        entry = replace(said, value=table, path=f"repositories.{showable(name)}")
        if is_name(name):
            repositories[name], more = _read_repository(entry)
            problems += more
        else:
            problems.append(entry.problem("is not a name", "use letters, digits, - and _, a letter or digit first"))
    return repositories, problems


def _read_repository(said: Said) -> tuple[NamedRepository | None, list[Problem]]:
    if not isinstance(said.value, Mapping):
        return None, [said.problem("is not a table", 'write it as { url = "s3://bucket/prefix" }')]
    values, problems = _read_keys(said.value, (_URL, *CONNECTION_KEYS), said.layer, f"{said.path}.")
    url = Said(value=None, path=f"{said.path}.url", layer=said.layer)
    if "url" not in said.value:
        problems.append(url.problem("is missing", "say where the repository is: s3://bucket/prefix or ./directory"))
    if problems:
        return None, problems
    return NamedRepository(place=values.pop("url"), connection=values, spelled=url.layer.spelled(url.path)), []


def _read_keys(
    table: Mapping[str, object], keys: Iterable[SettingKey], layer: Layer, path: str
) -> tuple[dict[str, Any], list[Problem]]:
    known = {key.name: key for key in keys}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in table.items():
        said = Said(value=value, path=f"{path}{showable(name)}", layer=layer)
        try:
            if name in known:
                values[name] = read_value(known[name], said)
            else:
                problems.append(_unknown(name, said, known))
        except Misconfigured as error:
            problems.extend(error.problems)
    return values, problems


def _unknown(name: str, said: Said, known: Iterable[str]) -> Problem:
    if names_secret(name):
        return said.problem(
            "would be a secret, and bucketwheel takes none from its settings",
            "remove it, change the secret if others could read it, and leave credentials to AWS's own ways: "
            "a role, a profile, the AWS_… variables",
        )
    if name == "repositories":
        return said.problem("can only be a table of a file", "write it in pyproject.toml, under [tool.bucketwheel]")
    close = get_close_matches(name, known, n=1)
    if close:
        meant = said.path.removesuffix(showable(name)) + close[0]
        return said.problem("is not a setting", f"write {said.layer.spelled(meant)}")
    return said.problem("is not a setting", f"remove it, or choose from {', '.join(known)}")


_MERGED = tuple(key for key in KEYS if not key.connection and key.name != "repository")

_PASTE = """say where to publish by -r, BUCKETWHEEL_REPOSITORY or these lines in pyproject.toml:

[tool.bucketwheel]
repository = "s3://your-bucket/pypi"  # or a directory: "./repository"
region = "eu-central-1"
profile = "your-profile"              # leave it out where a role or AWS_PROFILE decides"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What counts for one run."""

    repository: Place | None = None
    """None where no layer gives one; `fetch` needs none."""
    repository_name: str | None = None
    """The name by which it was chosen, where it has one."""
    repository_names: tuple[str, ...] = ()
    """All that could be chosen by name."""
    connection: Connection = field(default_factory=Connection)
    single_writer: bool = False
    existing: Literal["same", "skip", "refuse"] = "same"
    dry_run: bool = False
    jobs: int = 16
    artifact_indexes: tuple[str, ...] = field(default=(), repr=False)
    """As written, `${VAR}` included, but for directories, which are absolute. May carry a password; never shown."""
    put_args: Mapping[str, str] = field(default_factory=dict)
    uploaded_by: str | None = None
    warnings: tuple[str, ...] = ()
    """What the user should know, and what stops nothing."""

    def require_repository(self) -> Place:
        """Say where to publish; raises Misconfigured, with lines of TOML to paste, where nobody said it."""
        if self.repository is None:
            raise Misconfigured(_missing_repository(self.repository_names))
        return self.repository


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The repository that was chosen, and the connection keys that go with it."""

    place: Place | None = None
    name: str | None = None
    connection: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def resolve(layers: Iterable[Layer], *, required: Collection[str] = ()) -> Settings:
    """Merge layers, the strongest first; raises Misconfigured with every problem of all of them.

    `required` are the keys that the command cannot do without: a missing one is among the problems.
    """
    judged = tuple(validate_layer(layer) for layer in layers)
    repositories: dict[str, NamedRepository | None] = {}
    values: dict[str, Any] = {}
    explicit: dict[str, Any] = {}
    for layer in reversed(judged):
        repositories |= layer.repositories
        values |= layer.values
        explicit |= layer.connection if layer.layer.explicit else {}
    target = _target(judged, repositories)
    problems = [problem for layer in judged for problem in layer.problems]
    problems += target.problems
    problems += _missing(required, judged, repositories)
    if problems:
        raise Misconfigured(*problems)
    return Settings(
        repository=target.place,
        repository_name=target.name,
        repository_names=tuple(sorted(repositories)),
        connection=Connection(**_attributes(CONNECTION_KEYS, {**target.connection, **explicit})),
        warnings=tuple(_hints(target.place)),
        **_attributes(_MERGED, values),
    )


def _attributes(keys: Iterable[SettingKey], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.attribute: values[key.name] for key in keys if key.name in values}


def _target(judged: Sequence[JudgedLayer], repositories: Mapping[str, NamedRepository | None]) -> _Target:
    giver = next((layer for layer in judged if "repository" in layer.layer.table), None)
    if giver is None:
        # With no repository to protect, the first file that says how to connect is taken at its word.
        lenders = (layer.connection for layer in judged if not layer.layer.explicit and layer.connection)
        return _Target(connection=next(lenders, {}))
    chosen = giver.values.get("repository")
    above = judged[: judged.index(giver)]
    if isinstance(chosen, str):
        if chosen not in repositories:
            return _Target(problems=(_unknown_name(chosen, giver.layer, repositories),))
        named = repositories[chosen]
        if named is None:
            return _Target()
        return _Target(
            place=named.place,
            name=chosen,
            connection=named.connection,
            problems=tuple(_stray((*above, giver), named.spelled)),
        )
    return _Target(
        place=chosen,
        connection=giver.connection,
        problems=tuple(_stray(above, giver.layer.spelled("repository"))),
    )


def _stray(layers: Iterable[JudgedLayer], beside: str) -> Iterator[Problem]:
    """Connection keys that would seem to count, being stronger than the repository's own, and do not.

    To leave them out in silence could publish to another service than the one that was meant.
    """
    for layer in layers:
        if layer.layer.explicit:
            continue
        for key in CONNECTION_KEYS:
            if key.name in layer.connection:
                yield Problem(
                    subject=layer.layer.spelled(key.name),
                    what="does not stand beside the repository that is used, and counts for no other",
                    remedy=f"write it beside {beside}, or set {key.variable}",
                )


def _unknown_name(name: str, layer: Layer, repositories: Iterable[str]) -> Problem:
    known = ", ".join(sorted(repositories)) or "none"
    return Problem(
        subject=layer.spelled("repository"),
        what=f"is {name}, which is the name of no repository (known: {known})",
        remedy=f"write ./{name} for a directory, s3://{name} for a bucket, or add it as "
        f"[tool.bucketwheel.repositories.{name}] with a url",
    )


def _missing(
    required: Collection[str], judged: Iterable[JudgedLayer], repositories: Iterable[str]
) -> Iterator[Problem]:
    for key in KEYS:
        if key.name not in required or any(key.name in layer.layer.table for layer in judged):
            continue
        if key.name == "repository":
            yield _missing_repository(repositories)
        else:
            yield Problem(
                subject=key.name,
                what="is missing",
                remedy=f"set {key.name} in pyproject.toml, [tool.bucketwheel], or {key.variable}",
            )


def _missing_repository(names: Iterable[str]) -> Problem:
    known = ", ".join(sorted(names))
    return Problem(
        subject="repository",
        what="is missing",
        remedy=f"choose one by -r or BUCKETWHEEL_REPOSITORY: {known}" if known else _PASTE,
    )


def _hints(place: Place | None) -> Iterator[str]:
    """A repository's URL ends where `simple/` begins; the index URL, which is the one people know, does not."""
    if place is None:
        return
    last = place.path.name if isinstance(place, DirectoryPlace) else PurePosixPath(place.prefix).name
    if last == "simple":
        yield (
            f"the repository {place} ends in simple, so that its index is {place}/simple/; "
            f"if the index was to be {place}/, the repository is {str(place).removesuffix('simple')}"
        )
