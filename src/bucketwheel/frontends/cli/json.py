"""Results as JSON documents: keys in kebab-case, and absent rather than null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from typing import Any

from bucketwheel.frontends.text import install_line
from bucketwheel.places import DirectoryPlace, S3Place

__all__ = ["document"]

# The manifest has these as objects of one key.
_WRAPPED = {"yanked": "reason", "seen": "etag"}


def document(result: Any) -> dict[str, object]:  # noqa: ANN401 - the result of any command
    """Return the document that tells a result."""
    match type(result).__name__:  # by name, so that a command loads no other command's results
        case "tuple":
            return {"files": _encode(result)}
        case "Publication" | "Promotion" if not result.dry_run:
            install = install_line(result)
            return {**_table(result), "install": install} if install else _table(result)
        case "Pruning":
            keys = ("filename", "version", "size", "upload-time")
            files = [{key: file[key] for key in keys} for file in map(_table, result.files)]
            return {**_table(result), "files": files}
    return _table(result)


def _encode(value: Any) -> object:  # noqa: ANN401 - a field of any dataclass
    match value:
        case None | bool() | int() | str():
            return value
        case tuple():
            return [_encode(item) for item in value]
        case Mapping():
            return {str(key): _encode(item) for key, item in value.items()}
        case DirectoryPlace() | S3Place():
            return str(value)
        case datetime():
            return value.isoformat(timespec="seconds")
    match type(value).__name__:
        case "Fetched":
            name = {"project": value.name.project, "version": str(value.name.version)}
            return {
                "path": str(value.path),
                **name,
                "sha256": value.sha256,
                "fresh": value.fresh,
                "verified": value.verified,
            }
        case "Finding":
            return {key: getattr(value, key) for key in ("code", "gravity", "subject", "what", "remedy")}
        case "ProjectShown":
            table = _table(value)
            comparison = table.pop("comparison", {})
            return {**table, **comparison}
    return _table(value) if is_dataclass(value) else str(value)


def _table(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Write a dataclass, without the optional fields that say nothing."""
    table: dict[str, Any] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if content is None or (not content and content == default):
            continue
        encoded = _encode(content)
        table[field.name.replace("_", "-")] = {_WRAPPED[field.name]: encoded} if field.name in _WRAPPED else encoded
    return table
