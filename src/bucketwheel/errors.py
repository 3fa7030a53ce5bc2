"""What can go wrong, by whose fault; the branch decides the exit code.

Every error keeps its facts and says one sentence that names the file or place concerned and what to do now.
Nothing here may carry a credential: texts from outside go through `bucketwheel.names.printable` first.
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
    "OutcomeUnknown",
    "Problem",
    "Refused",
    "Unavailable",
    "Unfinished",
    "merged",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that stands in the way: where it is, what it is, and what to do about it."""

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
    """What was asked for is wrong or not allowed; nothing was committed. Exit 1."""


class Misconfigured(_WithProblems):
    """Settings or usage are wrong; nothing was tried. Exit 2."""

    exit_code = 2


class Unavailable(BucketwheelError):
    """The world did not answer as it should: network, service, credentials. Trying again may help. Exit 1."""


class Denied(Unavailable):
    """The store or server refused us: credentials, permissions, a missing bucket. Trying again will not help."""


class OutcomeUnknown(Unavailable):
    """A write was sent and its answer never came: it may have happened, now or later (never an excuse to clean up)."""


class Damaged(BucketwheelError):
    """What lies in the repository cannot be read whole, so nothing is written on top of it. Exit 1."""


class Unfinished(BucketwheelError):
    """Something is or may be committed, and not all of it is done; the same command again finishes it. Exit 3."""

    exit_code = 3


def merged(errors: Sequence[Exception]) -> Exception:
    """One error for several, of the gravest kind and with all that they say; a bug comes as it is."""
    for error in errors:
        if not isinstance(error, BucketwheelError):
            return error
    if len(errors) == 1:
        return errors[0]
    if settings := [error for error in errors if isinstance(error, Misconfigured)]:
        return Misconfigured(*_problems(settings))
    if all(isinstance(error, Refused) for error in errors):
        return Refused(*_problems(errors))
    kind = next(kind for kind in (Unfinished, Unavailable, Damaged) if any(isinstance(error, kind) for error in errors))
    return kind("\n".join(map(str, errors)))


def _problems(errors: Sequence[Exception]) -> tuple[Problem, ...]:
    # What stands in the environment is met by every request that needs it, and said once.
    return tuple(
        dict.fromkeys(problem for error in errors if isinstance(error, _WithProblems) for problem in error.problems)
    )
