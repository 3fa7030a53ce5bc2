"""Core metadata as the views show it: the bytes of a `.metadata` sidecar, which may say anything."""

from __future__ import annotations

import re

from packaging.metadata import parse_email

from bucketwheel.format.views.projects import CoreFacts

__all__ = ["core_facts"]

# To an e-mail parser these headers mean messages within messages; in metadata they mean nothing.
_MIME_HEADER = re.compile(r"(?:\A|(?<=[\r\n]))content-", re.IGNORECASE)
_BLANK_LINE = re.compile(r"((?:\r\n|\r|\n){2}|\Z)")


def core_facts(sidecar: bytes) -> CoreFacts:
    """Read a `.metadata` sidecar; a field that is wrong, or given twice where it may be given once, is unknown."""
    try:
        text = sidecar.decode("utf-8")
    except UnicodeDecodeError:
        text = sidecar.decode("latin-1")  # UTF-8 was not always the rule
    head, blank, body = _BLANK_LINE.split(text, maxsplit=1)
    fields, _ = parse_email(f"{_MIME_HEADER.sub('X-Content-', head)}{blank}{body}")
    return CoreFacts(
        author=_text(fields.get("author")),
        author_email=_text(fields.get("author_email")),
        classifiers=tuple(fields.get("classifiers", ())),
        description=None if (fields.get("description") or "").strip() == "UNKNOWN" else fields.get("description"),
        description_content_type=_text(fields.get("description_content_type")),
        download_url=_text(fields.get("download_url")),
        dynamic=_texts(fields.get("dynamic")),
        home_page=_text(fields.get("home_page")) or "",
        keywords=_text(",".join(fields.get("keywords", ()))),
        license=_text(fields.get("license")),
        license_expression=_text(fields.get("license_expression")),
        license_files=_texts(fields.get("license_files")),
        maintainer=_text(fields.get("maintainer")),
        maintainer_email=_text(fields.get("maintainer_email")),
        platform=_text(",".join(fields.get("platforms", ()))),
        project_urls={label: url for label, url in fields.get("project_urls", {}).items() if label and url},
        provides_extra=_texts(fields.get("provides_extra")),
        requires_dist=_texts(fields.get("requires_dist")),
        summary=_text(" ".join((fields.get("summary") or "").split())),
    )


def _text(value: str | None) -> str | None:
    # What setuptools wrote for years where nothing was known.
    return None if value in {None, "", "UNKNOWN"} else value


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return tuple(values) if values else None
