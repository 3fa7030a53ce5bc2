"""From a command's work to its answer and its exit: the one place where errors find their words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass

import bucketwheel
from bucketwheel.errors import BucketwheelError, Misconfigured, Refused, Unfinished
from bucketwheel.events import Report, Warned
from bucketwheel.frontends.cli.console import answer, notice
from bucketwheel.frontends.cli.options import Invocation

__all__ = ["Answer", "Work", "perform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command has to say in the end: the same as lines and as a JSON document."""

    lines: tuple[str, ...]
    document: Mapping[str, object]


Work = Callable[["bucketwheel.Settings", Report], Answer]


def perform(invocation: Invocation, work: Work, *, required: Collection[str] = ("repository",)) -> None:
    """Do the work with the settings that count, write its answer, and exit as DESIGN has it."""
    try:
        outcome = _work(invocation, work, required)
    except BucketwheelError as error:
        _fail(error, as_json=invocation.as_json)
    except KeyboardInterrupt:
        # What had begun was waited for, but which of it was committed nobody can say here.
        unfinished = Unfinished("interrupted; run the same command again, which finishes what was begun")
        _fail(unfinished, as_json=invocation.as_json)
    else:
        answer(_dumped(outcome.document) if invocation.as_json else "\n".join(outcome.lines))


def _work(invocation: Invocation, work: Work, required: Collection[str]) -> Answer:
    from bucketwheel.frontends.cli.reporting import reporting  # noqa: PLC0415 - --help pays for none of it

    with reporting(invocation.verbosity) as report:
        settings = bucketwheel.load_settings(options=invocation.settings, required=required)
        for warning in settings.warnings:
            report(Warned(message=warning))
        return work(settings, report)


def _fail(error: BucketwheelError, *, as_json: bool) -> None:
    from bucketwheel.frontends.words import error_texts  # noqa: PLC0415 - see _work

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
