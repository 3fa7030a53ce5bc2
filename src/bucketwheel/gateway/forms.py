"""The form of an upload (Warehouse's legacy API), read piece by piece: its file goes to disk, its fields are small.

The parser is python-multipart, which the extra `serve` installs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from packaging.version import InvalidVersion, Version

from bucketwheel.names import DistributionName, InvalidName, distribution_name, printable, project_name

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["BadForm", "Form", "boundary_of"]

_LARGEST_FIELD = 1 << 20
_MOST_PARTS = 200
_CONTENT = "content"
# Others may come several times (classifiers) or mean nothing to us; md5 is not among those that are looked at.
_ONCE = frozenset(
    {
        *(":action", "protocol_version", _CONTENT, "name", "version", "sha256_digest", "blake2_256_digest"),
        *("gpg_signature", "attestations"),
    }
)
_MUST_BE = {":action": "file_upload", "protocol_version": "1"}


class BadForm(Exception):
    """A form that is not accepted: the status of the answer, and its words."""

    def __init__(self, words: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(words)
        self.words, self.status = words, status


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a multipart form, from its Content-Type; raises BadForm."""
    from python_multipart.multipart import parse_options_header  # noqa: PLC0415 - of the extra

    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046
        raise BadForm("this is no form with a file (multipart/form-data)")
    return boundary


class Form:
    """A form that is being read; its file is written into a folder, under its own name."""

    def __init__(self, boundary: bytes, folder: Path, *, largest_file: int) -> None:
        from python_multipart.multipart import MultipartParser  # noqa: PLC0415 - of the extra

        self._folder, self._largest_file = folder, largest_file
        self._fields: dict[str, bytes] = {}
        self._parts = 0
        self._header = b""
        self._headers: dict[bytes, bytes] = {}
        self._value = b""
        self._part, self._data = "", bytearray()
        self._file: BinaryIO | None = None
        self._size = 0
        self._digests: dict[str, Any] = {
            "sha256_digest": hashlib.sha256(),
            "blake2_256_digest": hashlib.blake2b(digest_size=32),
        }
        self._whole = False
        self.distribution: DistributionName | None = None
        """The name of the file, once it has begun."""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, data: bytes) -> None:
        """Read on; raises BadForm."""
        from python_multipart.exceptions import MultipartParseError  # noqa: PLC0415 - of the extra

        try:
            self._parser.write(data)
        except MultipartParseError:
            raise BadForm("the form cannot be read: its parts are not separated as they must be") from None

    def close(self) -> None:
        """Close the file, whole or not."""
        if self._file is not None:
            self._file.close()

    def finish(self) -> tuple[Path, DistributionName]:
        """Return the file, after the form has ended and fits it; raises BadForm."""
        self.close()
        if not self._whole:
            raise BadForm("the form ends too early")
        for field, value in _MUST_BE.items():
            if self._text(field) != value:
                raise BadForm(f"the field {field} must be {value}")
        name = self.distribution
        if name is None:
            raise BadForm("the form has no file in the field content")
        self._refuse_others(name)
        for field, digest in self._digests.items():
            if field in self._fields and self._text(field).lower() != digest.hexdigest():
                raise BadForm(f"the file is not the one that {field} is of: it was damaged on its way")
        return self._folder / name.filename, name

    @property
    def sha256(self) -> str:
        """The digest of the file as far as it has come."""
        return str(self._digests["sha256_digest"].hexdigest())

    @property
    def sidecars(self) -> Mapping[str, bytes]:
        """The signature and the attestations that came with the file; not empty."""
        fields = {"signature": "gpg_signature", "attestations": "attestations"}
        return {name: self._fields[field] for name, field in fields.items() if self._fields.get(field)}

    def _refuse_others(self, name: DistributionName) -> None:
        try:
            same = project_name(self._text("name")) == name.project and Version(self._text("version")) == name.version
        except (InvalidName, InvalidVersion):
            same = False
        if not same:
            raise BadForm(f"the fields name and version are not those of {name.filename}")

    def _text(self, field: str) -> str:
        if field not in self._fields:
            raise BadForm(f"the form has no field {field}")
        return self._fields[field].decode("utf-8", "replace")

    # What the parser calls, in this order; data comes in pieces -------------------------------------------------------

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise BadForm(f"the form has more than {_MOST_PARTS} parts", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._headers, self._data = {}, bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header  # noqa: PLC0415 - of the extra

        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        self._part = options.get(b"name", b"").decode("utf-8", "replace")
        if not self._part:
            raise BadForm("the form has a part without a name")
        if self._part in _ONCE and (self._part in self._fields or (self._part == _CONTENT and self._file is not None)):
            raise BadForm(f"the form has the field {self._part} twice")
        if self._part == _CONTENT:
            # The parser would take the end of a path for the name.
            self._open(options.get(b"filename", b"") if b"\\" not in disposition else b"\\")

    def _open(self, filename: bytes) -> None:
        try:
            self.distribution = distribution_name(filename.decode("utf-8"))
        except (InvalidName, UnicodeDecodeError) as error:
            shown = printable(filename.decode("utf-8", "replace"))
            what = str(error) if isinstance(error, InvalidName) else "is not a name"
            raise BadForm(f"the file name {shown} {what}") from None
        self._file = (self._folder / self.distribution.filename).open("xb")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == _CONTENT and self._file is not None:
            piece = memoryview(data)[start:end]
            self._size += len(piece)
            if self._size > self._largest_file:
                words = f"the file has more than {self._largest_file} bytes, which is the limit here"
                raise BadForm(words, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self._file.write(piece)
            for digest in self._digests.values():
                digest.update(piece)
            return
        if len(self._data) + end - start > _LARGEST_FIELD:
            words = f"the field {printable(self._part)} has more than {_LARGEST_FIELD} bytes"
            raise BadForm(words, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self._part in _ONCE:
            self._data += data[start:end]
        else:  # only its size counts
            self._data += bytes(end - start)

    def _part_end(self) -> None:
        if self._part != _CONTENT and self._part in _ONCE:
            self._fields[self._part] = bytes(self._data)

    def _end(self) -> None:
        self._whole = True
