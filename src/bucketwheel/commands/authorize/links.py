"""The two files that authorise: requirements.txt, and links.html beside it, whose links are secrets."""

from __future__ import annotations

import html
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bucketwheel.commands.authorize.requirements import Listed
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.names import ProjectName, printable

__all__ = ["Line", "write_links"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of requirements.txt: a version of a project, and all its files."""

    project: ProjectName
    extras: tuple[str, ...]
    marker: str
    files: tuple[Listed, ...]


def write_links(directory: Path, lines: Sequence[Line], links: Mapping[str, str]) -> None:
    """Write both, so that only this user can read them."""
    try:
        _make_private(directory)
        hashes = {file.filename: file.sha256 for line in lines for file in line.files}
        anchors = (
            f'<a href="{html.escape(f"{link}#sha256={hashes[filename]}")}">{html.escape(filename)}</a><br>\n'
            for filename, link in links.items()
        )
        head = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Links</title></head><body>\n'
        _write_private(directory / "links.html", f"{head}{''.join(anchors)}</body></html>\n")
        required = "".join(map(_required, lines))
        _write_private(directory / "requirements.txt", f"--no-index\n--find-links links.html\n{required}")
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        subject = printable(str(error.filename or directory))
        raise Misconfigured(Problem(subject=subject, what=what, remedy="choose another by -o")) from error


def _required(line: Line) -> str:
    extras = f"[{','.join(line.extras)}]" if line.extras else ""
    marker = f" ; {line.marker}" if line.marker else ""
    hashes = "".join(f" \\\n    --hash=sha256:{file.sha256}" for file in line.files)
    return f"{line.project}{extras}=={line.files[0].version}{marker}{hashes}\n"


def _make_private(directory: Path) -> None:
    if directory.is_dir():
        strangers = {path.name for path in directory.iterdir()} - {"links.html", "requirements.txt"}
        if strangers:
            what, remedy = "has other files in it", "choose a new directory by -o"
            raise Misconfigured(Problem(subject=printable(str(directory)), what=what, remedy=remedy))
        directory.chmod(0o700)
    else:
        directory.mkdir(mode=0o700, parents=True)


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
