"""A logo for the pages for people: what a file must be to become one, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from bucketwheel.names import sha256_of

__all__ = ["LARGEST_LOGO", "InvalidLogo", "Logo", "read_logo"]

LARGEST_LOGO = 200 * 1024

_PNG, _JPEG, _RIFF, _WEBP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"WEBP"
_LOOKED_AT = 1024


class InvalidLogo(ValueError):
    """An error in a picture; the message continues its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture that may be shown on every page."""

    path: str
    """Named by its digest, so it is only ever added."""
    content_type: str
    body: bytes = field(repr=False)


def read_logo(body: bytes) -> Logo:
    """Return the logo that these bytes are; raises InvalidLogo for what no page may show.

    Only the content counts, never a name. An SVG can hold scripts and ask other hosts, so it is refused.
    """
    if len(body) > LARGEST_LOGO:
        raise InvalidLogo(f"has {len(body):,} bytes, but a logo may have {LARGEST_LOGO:,}")
    kind = _kind(body)
    if kind is None:
        what = "is an SVG, which can hold scripts" if b"<svg" in body[:_LOOKED_AT].lower() else "is not a picture"
        raise InvalidLogo(f"{what}; a logo is a PNG, a JPEG or a WebP")
    return Logo(path=f"assets/{sha256_of(body)[:16]}.{kind}", content_type=f"image/{kind}", body=body)


def _kind(body: bytes) -> str | None:
    if body.startswith(_PNG):
        return "png"
    if body.startswith(_JPEG):
        return "jpeg"
    return "webp" if body.startswith(_RIFF) and body[8:12] == _WEBP else None
