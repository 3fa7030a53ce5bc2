"""One layer judged: every key of it, and the repositories it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from bucketwheel.config.keys import CONNECTION_KEYS, KEYS, SettingKey
from bucketwheel.config.layer import Layer, showable
from bucketwheel.config.secrets import names_secret
from bucketwheel.config.values import Said, is_name, read_value
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.places import Place

__all__ = ["JudgedLayer", "NamedRepository", "judge_layer"]

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


def judge_layer(layer: Layer) -> JudgedLayer:
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
