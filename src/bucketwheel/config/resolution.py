"""Settings resolved from layers, or every problem at once.

The first layer that gives a value wins, key by key; but a repository keeps its own connection, because endpoint and
profile decide whose bucket a name leads to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from bucketwheel.config.keys import CONNECTION_KEYS, KEYS, SettingKey
from bucketwheel.config.values import Layer, RawValue, is_name, names_secret, read_value, showable
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.names import printable
from bucketwheel.places import Connection, DirectoryPlace, Place

__all__ = ["Settings", "resolve"]

_OTHER_KEYS = tuple(key for key in KEYS if not key.connection and key.name != "repository")
_URL = SettingKey(name="url", shape="text", meaning="Where the repository is.")
_PASTE = """say where to publish by -r, BUCKETWHEEL_REPOSITORY or these lines in pyproject.toml:

[tool.bucketwheel]
repository = "s3://your-bucket/pypi"  # or a directory: "./repository"
region = "eu-central-1"
profile = "your-profile"              # leave it out where a role or AWS_PROFILE decides"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one run."""

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
    no_create: bool = False
    jobs: int = 32
    artifact_indexes: tuple[str, ...] = field(default=(), repr=False)
    """As written, `${VAR}` included, but directories are absolute. May contain a password; never shown."""
    put_args: Mapping[str, str] = field(default_factory=dict)
    sign: bool = False
    identity: str | None = None
    sign_with: str = "gpg"
    signatures: Literal["verify", "carry"] = "verify"
    signers: tuple[str, ...] = ()
    """Fingerprints as GPG writes them; empty: every key in the keyring counts."""
    attestation_publishers: tuple[str, ...] = ()
    """Patterns such as `github:my-org/*`; empty: every publisher counts."""
    uploaded_by: str | None = None
    warnings: tuple[str, ...] = ()
    """What the user should know, and what stops nothing."""

    def require_repository(self) -> Place:
        """Return the repository; raises Misconfigured, with lines of TOML to paste, where no layer gives one."""
        if self.repository is None:
            raise Misconfigured(_missing_repository(self.repository_names))
        return self.repository


def resolve(layers: Iterable[Layer], *, required: Collection[str] = (), pyproject: Path | None = None) -> Settings:
    """Merge layers, the strongest first; raises Misconfigured with every problem of all of them.

    `required` are the keys that the command cannot do without: a missing one is among the problems. `pyproject` is the
    project's file that was read.
    """
    read = tuple(_read_layer(layer) for layer in layers)
    repositories: dict[str, _NamedRepository | None] = {}
    values: dict[str, Any] = {}
    explicit: dict[str, Any] = {}
    for layer in reversed(read):
        repositories |= layer.repositories
        values |= layer.values
        explicit |= layer.connection if layer.source.explicit else {}
    chosen = _choose_repository(read, repositories)
    problems = [problem for layer in read for problem in layer.problems]
    problems += chosen.problems
    problems += _missing(required, read, repositories, pyproject)
    if problems:
        raise Misconfigured(*problems)
    return Settings(
        repository=chosen.place,
        repository_name=chosen.name,
        repository_names=tuple(sorted(repositories)),
        connection=Connection(**_attributes(CONNECTION_KEYS, {**chosen.connection, **explicit})),
        warnings=tuple(_warnings(chosen.place)),
        **_attributes(_OTHER_KEYS, values),
    )


def _attributes(keys: Iterable[SettingKey], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.attribute: values[key.name] for key in keys if key.name in values}


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamedRepository:
    """A table `repositories.<name>`: a place, and the connection keys that go with it."""

    place: Place
    connection: Mapping[str, Any]
    spelled: str
    """The keys of its url, as the user typed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadLayer:
    """A layer with its values converted, and all that is wrong with it."""

    source: Layer
    values: Mapping[str, Any]
    """The valid ones, by key. `repository` is a Place, or a name."""
    repositories: Mapping[str, _NamedRepository | None]
    """By name; None for one that has a problem."""
    problems: tuple[Problem, ...]

    @property
    def connection(self) -> Mapping[str, Any]:
        """The connection keys among the values."""
        return {key.name: self.values[key.name] for key in CONNECTION_KEYS if key.name in self.values}


def _read_layer(layer: Layer) -> _ReadLayer:
    table = dict(layer.table)
    named = {} if layer.explicit else table.pop("repositories", {})
    values, problems = _read_keys(table, KEYS, layer, "")
    repositories, more = _read_repositories(RawValue(value=named, path="repositories", layer=layer))
    return _ReadLayer(source=layer, values=values, repositories=repositories, problems=(*problems, *more))


def _read_repositories(raw: RawValue) -> tuple[dict[str, _NamedRepository | None], list[Problem]]:
    repositories: dict[str, _NamedRepository | None] = {}
    problems: list[Problem] = []
    if not isinstance(raw.value, Mapping):
        return {}, [raw.problem("is not a table", 'write tables repositories.NAME, each with a url = "s3://bucket"')]
    for name, table in raw.value.items():
        entry = replace(raw, value=table, path=f"repositories.{showable(name)}")
        if is_name(name):
            repositories[name], more = _read_repository(entry)
            problems += more
        else:
            problems.append(entry.problem("is not a name", "use letters, digits, - and _, a letter or digit first"))
    return repositories, problems


def _read_repository(raw: RawValue) -> tuple[_NamedRepository | None, list[Problem]]:
    if not isinstance(raw.value, Mapping):
        return None, [raw.problem("is not a table", 'write it as { url = "s3://bucket/prefix" }')]
    values, problems = _read_keys(raw.value, (_URL, *CONNECTION_KEYS), raw.layer, f"{raw.path}.")
    url = raw.layer.spelled(f"{raw.path}.url")
    if "url" not in raw.value:
        remedy = "say where the repository is: s3://bucket/prefix or ./directory"
        problems.append(Problem(subject=url, what="is missing", remedy=remedy))
    if problems:
        return None, problems
    return _NamedRepository(place=values.pop("url"), connection=values, spelled=url), []


def _read_keys(
    table: Mapping[str, object], keys: Iterable[SettingKey], layer: Layer, path: str
) -> tuple[dict[str, Any], list[Problem]]:
    known = {key.name: key for key in keys}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in table.items():
        raw = RawValue(value=value, path=f"{path}{showable(name)}", layer=layer)
        try:
            if name in known:
                values[name] = read_value(known[name], raw)
            else:
                problems.append(_unknown_key(name, raw, known))
        except Misconfigured as error:
            problems.extend(error.problems)
    return values, problems


def _unknown_key(name: str, raw: RawValue, known: Iterable[str]) -> Problem:
    if names_secret(name):
        return raw.problem(
            "would be a secret, and bucketwheel takes none from its settings",
            "remove it, change the secret if others could read it, and give credentials to AWS itself: "
            "a role, a profile, the AWS_… variables",
        )
    if name == "repositories":
        return raw.problem("can only be a table of a file", "write it in pyproject.toml, under [tool.bucketwheel]")
    beginning = [key for key in known if key.startswith(name) and len(name) > 2]  # noqa: PLR2004 - BUCKETWHEEL_REPO
    if close := beginning or get_close_matches(name, known, n=1):
        meant = raw.path.removesuffix(showable(name)) + close[0]
        return raw.problem("is not a setting", f"write {raw.layer.spelled(meant)}")
    return raw.problem("is not a setting", f"remove it, or choose from {', '.join(known)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChosenRepository:
    """The repository that the layers choose, and the connection keys that go with it."""

    place: Place | None = None
    name: str | None = None
    connection: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def _choose_repository(
    layers: Sequence[_ReadLayer], repositories: Mapping[str, _NamedRepository | None]
) -> _ChosenRepository:
    giver = next((layer for layer in layers if "repository" in layer.source.table), None)
    if giver is None:
        # There is no repository to protect: the first file with connection keys gives them.
        connections = (layer.connection for layer in layers if not layer.source.explicit and layer.connection)
        return _ChosenRepository(connection=next(connections, {}))
    chosen = giver.values.get("repository")
    above = layers[: layers.index(giver)]
    if not isinstance(chosen, str):
        problems = tuple(_unused_connection_keys(above, giver.source.spelled("repository")))
        return _ChosenRepository(place=chosen, connection=giver.connection, problems=problems)
    if chosen not in repositories:
        return _ChosenRepository(problems=(_unknown_name(chosen, giver.source, repositories),))
    named = repositories[chosen]
    if named is None:  # its problems are in its layer
        return _ChosenRepository()
    problems = tuple(_unused_connection_keys((*above, giver), named.spelled))
    return _ChosenRepository(place=named.place, name=chosen, connection=named.connection, problems=problems)


def _unused_connection_keys(layers: Iterable[_ReadLayer], beside: str) -> Iterator[Problem]:
    """Find connection keys that look stronger than the repository's own and have no effect.

    To ignore them silently could publish to another service than the user meant.
    """
    for layer in layers:
        for key in CONNECTION_KEYS:
            if not layer.source.explicit and key.name in layer.connection:
                yield Problem(
                    subject=layer.source.spelled(key.name),
                    what="is not beside the repository that is used, so it would have no effect",
                    remedy=f"write it beside {beside}, or set {key.variable}",
                )


def _unknown_name(name: str, layer: Layer, repositories: Iterable[str]) -> Problem:
    known = ", ".join(sorted(repositories)) or "none"
    return Problem(
        subject=layer.spelled("repository"),
        what=f"is {name}, which is not the name of a repository (known: {known})",
        remedy=f"write ./{name} for a directory, s3://{name} for a bucket, or add it as "
        f"[tool.bucketwheel.repositories.{name}] with a url",
    )


def _missing(
    required: Collection[str], layers: Iterable[_ReadLayer], repositories: Iterable[str], pyproject: Path | None
) -> Iterator[Problem]:
    for key in KEYS:
        if key.name not in required or any(key.name in layer.source.table for layer in layers):
            continue
        if key.name == "repository":
            yield _missing_repository(repositories, pyproject)
        else:
            remedy = f"set {key.name} in pyproject.toml, [tool.bucketwheel], or {key.variable}"
            yield Problem(subject=key.name, what="is missing", remedy=remedy)


def _missing_repository(names: Iterable[str], pyproject: Path | None = None) -> Problem:
    known = ", ".join(sorted(names))
    remedy = f"choose one by -r or BUCKETWHEEL_REPOSITORY: {known}" if known else _PASTE
    # In a workspace the nearest pyproject.toml is a member's, and settings of the root do not count.
    what = "is missing" if pyproject is None else f"is missing in {printable(str(pyproject))}"
    return Problem(subject="repository", what=what, remedy=remedy)


def _warnings(place: Place | None) -> Iterator[str]:
    """Warn of a repository that was given by its index URL: it ends where `simple/` begins."""
    if place is None:
        return
    last = place.path.name if isinstance(place, DirectoryPlace) else PurePosixPath(place.prefix).name
    if last == "simple":
        yield (
            f"the repository {place} ends in simple, so its index is {place}/simple/; "
            f"if you want the index at {place}/, name the repository {str(place).removesuffix('simple')}"
        )
