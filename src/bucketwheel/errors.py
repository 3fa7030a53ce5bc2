"""Errors, by whose fault they are; the class decides the exit code.

Each says in one sentence which file or place it is about and what to do now. No error may contain a credential; texts
from outside go through `bucketwheel.names.printable` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "BucketwheelError",
    "Damaged",
    "Denied",
    "Misconfigured",
    "NoBucket",
    "NotStarted",
    "OutcomeUnknown",
    "Problem",
    "Refused",
    "Unavailable",
    "Unfinished",
    "WentBack",
    "merged",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One obstacle: where it is, what is wrong, and what to do about it."""

    subject: str
    """The file, setting or place as the user typed it."""
    what: str
    """What is wrong with it, continuing the subject: "is not a wheel or an sdist"."""
    remedy: str
    """What to do now, as an instruction; never empty."""

    def __str__(self) -> str:
        return f"{self.subject} {self.what}; {self.remedy}"


class BucketwheelError(Exception):
    """The base of everything that bucketwheel raises on purpose."""

    exit_code: ClassVar[int] = 1


class _WithProblems(BucketwheelError):
    """An error that shows every problem at once, one line each."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Refused(_WithProblems):
    """A request that is wrong or not allowed; nothing was committed. Exit 1."""


class WentBack(Refused):
    """A manifest that is older than what this run has seen: a person restored it. Nothing is built on it."""


class Misconfigured(_WithProblems):
    """Wrong settings or usage; nothing was tried. Exit 2."""

    exit_code = 2


class NotStarted(BucketwheelError):
    """A command that was not started, because what it was to read cannot be read. Exit 2, as no command ended."""

    exit_code = 2


class Unavailable(BucketwheelError):
    """A failure of network, service or credentials. Another attempt may help. Exit 1."""


class Denied(Unavailable):
    """A refusal by the store or server: credentials, permissions, a missing bucket. Another attempt will not help."""


class NoBucket(Denied):
    """A bucket that is not there."""


class OutcomeUnknown(Unavailable):
    """A write without an answer: it may have happened, or still happen; do not clean up after it."""


class Damaged(BucketwheelError):
    """A record of the repository that cannot be read whole, so nothing is written over it. Exit 1."""


class Unfinished(BucketwheelError):
    """A commit that happened or may have happened, without the rest; the same command again finishes it. Exit 3."""

    exit_code = 3


def merged(errors: Sequence[Exception]) -> Exception:
    """Return one error for several: of the most serious class, with all that they say. A bug is returned as it is."""
    bugs = [error for error in errors if not isinstance(error, BucketwheelError)]
    if bugs or len(errors) == 1:
        return bugs[0] if bugs else errors[0]
    misconfigured = [error for error in errors if isinstance(error, Misconfigured)]
    if misconfigured:
        return Misconfigured(*_problems(misconfigured))
    for kind in (Unfinished, Unavailable, Damaged):
        if any(isinstance(error, kind) for error in errors):
            return kind("\n".join(map(str, errors)))
    refused = WentBack if all(isinstance(error, WentBack) for error in errors) else Refused
    return refused(*_problems(errors))


def _problems(errors: Sequence[Exception]) -> tuple[Problem, ...]:
    # Every request meets the same problem of the environment; say it once.
    return tuple(
        dict.fromkeys(problem for error in errors if isinstance(error, _WithProblems) for problem in error.problems)
    )
