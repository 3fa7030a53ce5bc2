"""The named repositories in the user's own config.toml: read and changed, with every comment kept."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bucketwheel.config.layers import file_layer, user_config
from bucketwheel.config.resolution import resolve
from bucketwheel.config.values import is_name, showable
from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.names import printable
from bucketwheel.places import DirectoryPlace, InvalidPlace, parse_place

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

__all__ = ["NamedRepository", "UserFile", "open_user_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRepository:
    """A repository that the user's config.toml gives a name."""

    name: str
    table: Mapping[str, str | bool]
    """Its url and connection keys, as they are written."""
    default: bool = False
    """True if the file chooses it where nothing else names a repository."""


def open_user_file(environ: Mapping[str, str] | None = None) -> UserFile:
    """Return the user's config.toml, which may not exist; raises Misconfigured where the system names no home."""
    path = user_config(os.environ if environ is None else environ)
    if path is None:
        what, remedy = "has no place: HOME and XDG_CONFIG_HOME are not set", "set one of them"
        raise Misconfigured(Problem(subject="config.toml", what=what, remedy=remedy))
    return UserFile(path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFile:
    """The user's config.toml."""

    path: Path

    def repositories(self) -> tuple[NamedRepository, ...]:
        """Return the named repositories, sorted by name."""
        document = self._read()
        default = document.get("repository")
        tables = _tables(document)
        return tuple(
            NamedRepository(name=name, table=dict(tables[name]), default=name == default) for name in sorted(tables)
        )

    def repository(self, name: str) -> NamedRepository:
        """Return one of them; raises Refused if there is none of this name."""
        for each in self.repositories():
            if each.name == name:
                return each
        raise Refused(self._absent(name))

    def add(self, name: str, table: Mapping[str, str | bool], *, default: bool = False) -> NamedRepository:
        """Add a repository; raises Refused for a name that exists."""
        with self._changing() as document:
            if name in _tables(document):
                remedy = f"choose another name, or change it with `bucketwheel repository set {showable(name)}`"
                raise Refused(Problem(subject=showable(name), what=f"exists in {self}", remedy=remedy))
            self._set(document, name, table, default=default)
        return self.repository(name)

    def change(self, name: str, table: Mapping[str, str | bool], *, default: bool = False) -> NamedRepository:
        """Change what is given of a repository and leave the rest; raises Refused if there is none of this name."""
        with self._changing() as document:
            if name not in _tables(document):
                raise Refused(self._absent(name))
            self._set(document, name, table, default=default)
        return self.repository(name)

    def remove(self, name: str, *, confirmed: bool) -> NamedRepository:
        """Remove a repository; raises Misconfigured for the default one, unless that is confirmed."""
        found = self.repository(name)
        if found.default and not confirmed:
            what = "is the default repository: without it, commands need -r or another setting"
            raise Misconfigured(Problem(subject=showable(name), what=what, remedy="add --yes to remove it"))
        with self._changing() as document:
            del document["repositories"][name]
            if found.default:
                del document["repository"]
        return found

    def __str__(self) -> str:
        return printable(str(self.path))

    def _absent(self, name: str) -> Problem:
        remedy = "`bucketwheel repository list` shows all names"
        return Problem(subject=showable(name), what=f"is no repository in {self}", remedy=remedy)

    def _set(self, document: TOMLDocument, name: str, table: Mapping[str, str | bool], *, default: bool) -> None:
        import tomlkit  # noqa: PLC0415 - only where the file is changed

        if not is_name(name):
            remedy = "use letters, digits, - and _, a letter or digit first"
            raise Misconfigured(Problem(subject=showable(name), what="is not a name", remedy=remedy))
        changes = _absolute(table)
        whole = {**_tables(document).get(name, {}), **changes}
        # Judged as it will be when it is read.
        resolve((file_layer({"repositories": {name: whole}}, prefix="", base=self.path.parent),))
        if "repositories" not in document:
            document["repositories"] = tomlkit.table(is_super_table=True)
        tables = document["repositories"]
        if name not in tables:
            tables[name] = tomlkit.table()
        for key, value in changes.items():
            tables[name][key] = value
        if default:
            document["repository"] = name

    def _read(self) -> TOMLDocument:
        import tomlkit  # noqa: PLC0415 - only where the file is shown or changed
        from tomlkit.exceptions import ParseError  # noqa: PLC0415 - the same

        try:
            return tomlkit.parse(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return tomlkit.document()
        except OSError as error:
            what, remedy = f"cannot be read ({error.strerror})", "make it readable"
        except UnicodeDecodeError:
            what, remedy = "is not UTF-8, as TOML must be", "save it as UTF-8"
        except (ParseError, RecursionError) as error:
            what, remedy = f"is not TOML: {printable(str(error))}", "fix that line"
        raise Misconfigured(Problem(subject=str(self), what=what, remedy=remedy))

    @contextmanager
    def _changing(self) -> Iterator[TOMLDocument]:
        """Give the document, and replace the file by it as a whole."""
        document = self._read()
        yield document
        path = self.path.resolve()  # people keep it elsewhere, behind a link
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("x", encoding="utf-8", newline="") as file:
                file.write(document.as_string())
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                temporary.chmod(path.stat().st_mode & 0o777)
            temporary.replace(path)
        except OSError as error:
            remedy = "make the directory writable"
            what = f"cannot be written ({error.strerror})"
            raise Misconfigured(Problem(subject=str(self), what=what, remedy=remedy)) from error
        finally:
            temporary.unlink(missing_ok=True)


def _tables(document: Mapping[str, object]) -> Mapping[str, Mapping[str, str | bool]]:
    tables = document.get("repositories", {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        what, remedy = "is not a table of tables", 'write [repositories.NAME] with a url = "s3://bucket"'
        raise Misconfigured(Problem(subject="repositories in config.toml", what=what, remedy=remedy))
    return tables


def _absolute(table: Mapping[str, str | bool]) -> Mapping[str, str | bool]:
    """Make a directory absolute: the user named it from here, and the file is elsewhere."""
    url = table.get("url")
    if not isinstance(url, str) or ("/" not in url and not url.startswith((".", "~"))):
        return table
    try:
        place = parse_place(url, Path.cwd())
    except InvalidPlace:
        return table  # told by the settings, in their words
    return {**table, "url": str(place)} if isinstance(place, DirectoryPlace) else table
