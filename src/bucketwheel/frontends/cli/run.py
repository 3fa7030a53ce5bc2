"""From a command's work to its answer and its exit: the one place where errors find their words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace

import click

import bucketwheel
from bucketwheel.errors import BucketwheelError, Misconfigured, Problem, Refused, Unfinished
from bucketwheel.events import Report, Warned
from bucketwheel.frontends.cli.options import Invocation
from bucketwheel.frontends.cli.output import answer, notice

__all__ = ["Answer", "Work", "perform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command has to say in the end: the same as lines and as a JSON document."""

    lines: tuple[str, ...]
    document: Mapping[str, object]
    exit_code: int = 0
    """Other than 0 where the work is done, and what it found is no good news."""


Work = Callable[["bucketwheel.Settings", Report], Answer]


def perform(
    invocation: Invocation,
    work: Work,
    *,
    required: Collection[str] = ("repository",),
    question: str | None = None,
) -> None:
    """Do the work with the settings that count, write its answer, and exit as DESIGN has it.

    With a question it is done only after somebody said yes, to what a dry run of it answered.
    """
    try:
        outcome = _work(invocation, work, required, question)
    except BucketwheelError as error:
        _fail(error, as_json=invocation.as_json)
    except KeyboardInterrupt:
        # What had begun was waited for, but which of it was committed nobody can say here.
        unfinished = Unfinished("interrupted; run the same command again, which finishes what was begun")
        _fail(unfinished, as_json=invocation.as_json)
    else:
        answer(_dumped(outcome.document) if invocation.as_json else "\n".join(outcome.lines))
        if outcome.exit_code:
            sys.exit(outcome.exit_code)


def _work(invocation: Invocation, work: Work, required: Collection[str], question: str | None) -> Answer:
    from bucketwheel.frontends.cli.progress import reporting  # noqa: PLC0415 - --help pays for none of it

    with reporting(invocation.verbosity) as report:
        settings = bucketwheel.load_settings(options=invocation.settings, required=required)
        for warning in settings.warnings:
            report(Warned(message=warning))
        if question is None or settings.dry_run:
            return work(settings, report)
        rehearsed = work(replace(settings, dry_run=True), report)
    _ask(question, rehearsed, as_json=invocation.as_json)
    with reporting(invocation.verbosity) as report:
        return work(settings, report)


def _ask(question: str, rehearsed: Answer, *, as_json: bool) -> None:
    """Show what would be done, and go on only if somebody at the terminal agrees."""
    for line in rehearsed.lines:
        notice(line)
    if as_json or sys.stdin is None or not sys.stdin.isatty():
        raise Misconfigured(
            Problem(
                subject="--yes", what="is missing, and nobody can be asked here", remedy="add it if you want all that"
            )
        )
    if not click.confirm(question, err=True):
        raise Refused(
            Problem(subject="that", what="was not agreed to, so nothing is changed", remedy="answer y to do it")
        )


def _fail(error: BucketwheelError, *, as_json: bool) -> None:
    from bucketwheel.frontends.text import error_texts  # noqa: PLC0415 - see _work

    texts = error_texts(error)
    for text in texts:
        notice(text, label="error: ", colour="red")
    if as_json:
        problems = error.problems if isinstance(error, Refused | Misconfigured) else ()
        listed = {"problems": [asdict(problem) for problem in problems]} if problems else {}
        answer(_dumped({"error": "\n".join(texts), **listed, "exit": error.exit_code}))
    sys.exit(error.exit_code)


def _dumped(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2)
