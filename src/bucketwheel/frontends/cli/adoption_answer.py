"""What `reindex --adopt` answers: every difference that a person may care about, and how many there were."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator

from bucketwheel.commands.adopt import Adopted
from bucketwheel.commands.adopt.reconciliation import FileAdopted
from bucketwheel.frontends.cli.run import Answer
from bucketwheel.frontends.text import counted
from bucketwheel.names import printable

__all__ = ["adopted"]

# Of these there may be a hundred thousand, and they are good news.
_COUNTED = {"taken in", "back", "updated"}
_MOST_OF_NOBODY = 10
_AMONG_OTHERS: dict[str, str] = {"other bytes": "with other bytes"}


def adopted(outcome: Adopted) -> Answer:
    """Answer `reindex --adopt`."""
    return Answer(
        lines=(*_file_lines(outcome), *_advice(outcome), _summary(outcome)),
        document={
            "repository": str(outcome.repository),
            "projects": outcome.projects,
            "files": [_file_table(file) for file in outcome.files],
            "leftovers": list(outcome.leftovers),
            "pages-behind": outcome.pages_behind,
            "dry-run": outcome.dry_run,
        },
        exit_code=1 if outcome.needs_a_person else 0,
    )


def _file_table(file: FileAdopted) -> dict[str, object]:
    table = {
        "project": file.project,
        "key": file.key,
        "fate": file.fate,
        "note": file.note or None,
        "legacy": file.legacy,
    }
    return {key: value for key, value in table.items() if value is not None}


def _file_lines(outcome: Adopted) -> Iterator[str]:
    """One line for each file that has something of its own, and one for the rest of its project."""
    plain: Counter[tuple[str, str]] = Counter()
    nobodys = [file for file in outcome.files if file.project is None]
    yield from map(_file_line, nobodys[:_MOST_OF_NOBODY])
    if (more := len(nobodys) - _MOST_OF_NOBODY) > 0:
        yield f"left out: {counted(more, 'more distribution')} where an index has no files; --json lists them"
    for file in outcome.files:
        if file.project is None:
            continue
        if file.fate in _COUNTED and not file.note and not file.legacy:
            plain[file.project, file.fate] += 1
        else:
            yield _file_line(file)
    for (project, fate), number in plain.items():
        yield f"{fate}: {counted(number, 'file')} of {project}"


def _file_line(file: FileAdopted) -> str:
    legacy = f"(legacy: {printable(file.legacy)})" if file.legacy else ""
    return " ".join(filter(None, [f"{file.fate}:", printable(file.key), printable(file.note), legacy]))


def _advice(outcome: Adopted) -> Iterator[str]:
    fates = Counter(file.fate for file in outcome.files)
    if fates["waiting"]:
        yield (
            f"{counted(fates['waiting'], 'file')} may be a publisher's that is at work: nothing tells, in a directory. "
            "If nobody is publishing, run the same again with --yes"
        )
    if fates["other bytes"]:
        yield "what has other bytes is off the pages until its own come back; see who wrote over it"
    if fates["contested"]:
        yield "nothing was done about what is contested; remove what is wrong, and run the same again"
    if not outcome.projects and outcome.files:
        place = shlex.quote(printable(str(outcome.repository)))
        yield f"nothing lies where this index begins; say where it does: `bucketwheel init {place} --set simple=PATH`"
    if outcome.leftovers:
        leftovers = counted(len(outcome.leftovers), "object")
        yield f"beside them: {leftovers} of no index, another tool's pages and records for instance; --json lists them"


def _summary(outcome: Adopted) -> str:
    looked = f"looked at {counted(outcome.projects, 'project')}"
    fates = Counter(file.fate for file in outcome.files)
    found = ", ".join(f"{number} {_AMONG_OTHERS.get(fate, fate)}" for fate, number in fates.items())
    found = found or "nothing has changed"
    if outcome.dry_run:
        return f"{looked}: {found}; the pages of {outcome.pages_behind} would be written, and nothing was"
    return f"{looked}: {found}; wrote {counted(outcome.pages_behind, 'page')}"
