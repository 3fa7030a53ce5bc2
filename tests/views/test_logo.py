"""A logo is judged by its content: three kinds of pictures of a bounded size, whatever the file is called."""

from __future__ import annotations

import pytest

from bucketwheel.format.views.logo import LARGEST_LOGO, InvalidLogo, read_logo

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(PNG, "png"), (b"\xff\xd8\xff\xe0..JFIF", "jpeg"), (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "webp")],
)
def test_pictures(body: bytes, kind: str) -> None:
    """Each kind has its type, and a path by which no other bytes can be meant."""
    logo, other = read_logo(body), read_logo(body + b"\x00")

    assert (logo.content_type, logo.body) == (f"image/{kind}", body)
    assert logo.path.startswith("assets/")
    assert logo.path.endswith(f".{kind}")
    assert logo.path != other.path


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "is an SVG"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<SVG>', "is an SVG"),
        (b"<html><script>alert(1)</script>", "is not a picture"),
        (b"GIF89a", "is not a picture"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "is not a picture"),
        (b"", "is not a picture"),
    ],
)
def test_anything_else(body: bytes, what: str) -> None:
    """What could run on a page, or is no picture of these kinds, is refused."""
    with pytest.raises(InvalidLogo, match=what):
        read_logo(body)


def test_size() -> None:
    """The largest that is allowed is taken, and one byte more is not."""
    largest = PNG + bytes(LARGEST_LOGO - len(PNG))

    assert read_logo(largest).body == largest
    with pytest.raises(InvalidLogo, match=r"204,801 bytes, but a logo may have 204,800"):
        read_logo(largest + b"\x00")
