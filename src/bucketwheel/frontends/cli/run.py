"""One call of a command: its settings, its report, its answer, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import click

import bucketwheel
from bucketwheel.errors import BucketwheelError, Misconfigured, Problem, Refused
from bucketwheel.events import Report, Warned
from bucketwheel.frontends.cli.output import notice, write_answer
from bucketwheel.frontends.collector import end_rest, rest_until_answered
from bucketwheel.frontends.interrupt import interrupt_in_words, interrupted

__all__ = ["Invocation", "errors_told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A call of a command, as it was typed: the settings, and how much to show.

    Its methods import what only a running command needs, so that `--help` is fast.
    """

    settings: Mapping[str, object]
    """Options as they were typed, by the names of settings; None where nothing was."""
    verbosity: int
    """-1: only warnings, errors and the answer; from 1: each request."""
    as_json: bool

    def having(self, **settings: object) -> Invocation:
        """Return the same call with other settings."""
        return replace(self, settings={**self.settings, **settings})

    @contextmanager
    def begin(self, *, required: Collection[str] = ("repository",)) -> Iterator[tuple[bucketwheel.Settings, Report]]:
        """Load the settings, and show events while the context lasts."""
        with self.reporting() as report:
            yield self.load(report, required=required), report

    @contextmanager
    def reporting(self) -> Iterator[Report]:
        """Show events while the context lasts."""
        with interrupt_in_words() as watched:
            from bucketwheel.frontends.cli.progress import reporting  # noqa: PLC0415 - see the class

            with reporting(self.verbosity) as report:
                yield rest_until_answered(watched(report))

    def load(self, report: Report, *, required: Collection[str] = ("repository",)) -> bucketwheel.Settings:
        """Load the settings, and tell their warnings."""
        from bucketwheel.places import S3Place  # noqa: PLC0415 - see the class

        settings = bucketwheel.load_settings(options=self.settings, required=required)
        if not isinstance(settings.repository, S3Place):
            end_rest()  # nothing large is imported
        for warning in settings.warnings:
            report(Warned(message=warning))
        return settings

    def confirm(self, planned: object, question: str) -> None:
        """Show what a dry run found, and ask; raises Misconfigured without a terminal, Refused for a no."""
        from bucketwheel.frontends.text import text  # noqa: PLC0415 - see the class

        for line in text(planned):
            notice(line)
        if self.as_json or sys.stdin is None or not sys.stdin.isatty():
            what = "is missing, and there is no terminal to ask at"
            raise Misconfigured(Problem(subject="--yes", what=what, remedy="add --yes to confirm"))
        try:
            confirmed = click.confirm(question, err=True)
        except click.Abort:
            notice("")
            raise interrupted(writing=False) from None
        if not confirmed:
            what = "was not confirmed; nothing was changed"
            raise Refused(Problem(subject="this", what=what, remedy="answer y to confirm"))

    def answer(self, result: object, *, exit_code: int = 0, **asked: object) -> None:
        """Write a result as text or JSON, and exit; `asked` is what its text needs to know beside it."""
        from bucketwheel.frontends.cli.json import document  # noqa: PLC0415 - see the class
        from bucketwheel.frontends.text import text  # noqa: PLC0415 - see the class

        write_answer(json.dumps(document(result), indent=2) if self.as_json else "\n".join(text(result, **asked)))
        if exit_code:
            sys.exit(exit_code)


@contextmanager
def errors_told(*, as_json: bool) -> Iterator[None]:
    """Tell an error as text, and as JSON if that was asked for; exits with its status."""
    error: BucketwheelError
    try:
        yield
    except BucketwheelError as raised:
        error = raised
    except KeyboardInterrupt:
        error = interrupted(writing=True)  # not known here
    else:
        return
    from bucketwheel.frontends.text import error_texts  # noqa: PLC0415 - see Invocation

    for text in error_texts(error):
        notice(text, label="error: ", colour="red")
    if as_json:
        problems = error.problems if isinstance(error, Refused | Misconfigured) else ()
        listed = {"problems": [asdict(problem) for problem in problems]} if problems else {}
        write_answer(json.dumps({"error": str(error), **listed, "exit": error.exit_code}, indent=2))
    sys.exit(error.exit_code)
