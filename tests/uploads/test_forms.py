"""The forms of uploads: in any pieces, cut at every byte, and all that a form can lie about."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from bucketwheel.gateway.forms import BadForm, Form, boundary_of
from support.archives import make_wheel
from support.uploading import BOUNDARY, fields_of, form, form_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of an upload."""
    folder = tmp_path / "upload"
    folder.mkdir()
    return folder


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Give a wheel."""
    return make_wheel(tmp_path)


def read(folder: Path, pieces: Iterator[bytes], largest_file: int = 1 << 20) -> Form:
    """Read a form to its end; whatever happens, its file is closed and removed."""
    reading = Form(BOUNDARY.encode(), folder, largest_file=largest_file)
    try:
        for piece in pieces:
            reading.feed(piece)
        path, _ = reading.finish()
        assert path.parent == folder
        return reading
    finally:
        reading.close()
        for path in folder.iterdir():
            path.unlink()


def why(folder: Path, content: bytes, largest_file: int = 1 << 20) -> BadForm:
    """Return why a form is not accepted."""
    with pytest.raises(BadForm) as raised:
        read(folder, iter([content]), largest_file)
    return raised.value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
def test_in_any_pieces(folder: Path, wheel: Path, size: int) -> None:
    """A form says the same, wherever the network cuts it."""
    content = form_of(wheel, gpg_signature=b"signed", attestations=b"[]", classifiers=b"one")
    reading = read(folder, (content[at : at + size] for at in range(0, len(content), size)))
    assert reading.sidecars == {"signature": b"signed", "attestations": b"[]"}
    assert reading.sha256.encode() == fields_of(wheel)["sha256_digest"]


def test_cut_at_every_byte(folder: Path, wheel: Path) -> None:
    """No beginning of a form is a form, up to the last line's end."""
    content = form_of(wheel)
    for length in range(len(content) - 2):
        assert why(folder, content[:length]).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("missing", [":action", "protocol_version", "name", "version", "content"])
def test_a_part_that_is_missing(folder: Path, wheel: Path, missing: str) -> None:
    """Each of them is needed, and named."""
    parts = [(name, value) for name, value in fields_of(wheel).items() if name != missing]
    assert missing in why(folder, form(*parts, filename=wheel.name)).words


@pytest.mark.parametrize(
    "doubled",
    [":action", "protocol_version", "name", "version", "content", "sha256_digest", "gpg_signature", "attestations"],
)
def test_a_part_that_is_doubled(folder: Path, wheel: Path, doubled: str) -> None:
    """Two readers could take another of the two."""
    fields = fields_of(wheel, gpg_signature=b"x", attestations=b"[]")
    parts = [*fields.items(), (doubled, fields[doubled])]
    assert why(folder, form(*parts, filename=wheel.name)).words == f"the form has the field {doubled} twice"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (":action", b"submit"),
        ("protocol_version", b"2"),
        ("name", b"other"),
        ("name", b"\xff"),
        ("name", b""),
        ("version", b"1.1"),
        ("version", b"one"),
        ("sha256_digest", b"0" * 64),
        ("blake2_256_digest", b"0" * 64),
    ],
)
def test_a_field_that_contradicts_the_file(folder: Path, wheel: Path, field: str, value: bytes) -> None:
    """The file counts, and what denies it is refused."""
    assert why(folder, form_of(wheel, **{field: value})).status == HTTPStatus.BAD_REQUEST


def test_names_and_versions_may_be_spelled_otherwise(folder: Path, wheel: Path) -> None:
    """They are compared as names and versions."""
    read(folder, iter([form_of(wheel, name=b"Demo_Pkg", version=b"1.0.0")]))


@pytest.mark.parametrize(
    "filename",
    [
        "../demo_pkg-1.0-py3-none-any.whl",
        "/etc/demo_pkg-1.0-py3-none-any.whl",
        "C:\\\\demo_pkg-1.0-py3-none-any.whl",
        "..\\\\demo_pkg-1.0-py3-none-any.whl",
        "",
        ".",
        "demo.txt",
        "-demo_pkg-1.0-py3-none-any.whl",
        "demo_pkg-1.0-py3-none-any.whl.asc",
        "demo\x00pkg-1.0-py3-none-any.whl",
    ],
)
def test_a_file_name_that_is_none(folder: Path, wheel: Path, filename: str) -> None:
    """A path, and all that is no distribution; nothing is written anywhere."""
    words = why(folder, form(*fields_of(wheel).items(), filename=filename)).words
    assert words.isprintable()
    assert [path.name for path in folder.parent.iterdir() if path.name != "upload"] == [wheel.name]


def test_limits(folder: Path, wheel: Path) -> None:
    """A file, a field, the number of parts, and the head of a part."""
    too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert why(folder, form_of(wheel), largest_file=wheel.stat().st_size - 1).status == too_large
    read(folder, iter([form_of(wheel)]), largest_file=wheel.stat().st_size)
    for name in ("description", "attestations"):
        assert why(folder, form_of(wheel, **{name: b"x" * ((1 << 20) + 1)})).status == too_large
    read(folder, iter([form_of(wheel, description=b"x" * (1 << 20))]))
    many = [("classifiers", b"x")] * (200 - len(fields_of(wheel)))
    read(folder, iter([form(*many, *fields_of(wheel).items(), filename=wheel.name)]))
    assert why(folder, form(*many, ("one", b""), *fields_of(wheel).items(), filename=wheel.name)).status == too_large
    assert why(folder, form(("x" * 10_000, b""))).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/mixed; boundary={BOUNDARY}",
    ],
)
def test_what_is_no_form(content_type: str) -> None:
    """Without a boundary nothing can be read."""
    with pytest.raises(BadForm):
        boundary_of(content_type)
