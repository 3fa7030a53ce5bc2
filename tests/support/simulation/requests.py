"""One request to the store, and what can become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

__all__ = ["CRASHES", "READ_FATES", "WRITE_FATES", "Fate", "Request", "Verb"]

Verb: TypeAlias = Literal["read", "look", "open", "list", "add", "swap", "remove"]


class Fate(Enum):
    """What becomes of a request; each is something that S3, its SDK, a network or a CI runner does."""

    PROCEEDS = "proceeds"
    FAILS = "fails: nothing happens, and the sender is told so"
    UNDECIDED = "ends in 409: nothing happens, and the store says no more than that it is not done"
    LOST = "is lost on its way: nothing happens, and the sender cannot know"
    ANSWER_LOST = "happens, and its answer is lost: the sender cannot know"
    LATE = "happens at some later time, and the sender gives up waiting before"
    REPEATED = "happens, its answer is lost, and the SDK sends it again without a word to the sender"
    TWICE = "happens, and a copy of it arrives once more at some later time"
    DIES_BEFORE = "is never sent: its sender dies, with all that it had under way"
    DIES_SENDING = "is sent and its sender dies: all that it had under way happens at some later time"
    DIES_AFTER = "happens, and its sender dies before it learns so"


CRASHES = frozenset({Fate.DIES_BEFORE, Fate.DIES_SENDING, Fate.DIES_AFTER})
READ_FATES = (Fate.PROCEEDS, Fate.FAILS, Fate.DIES_BEFORE, Fate.DIES_SENDING)
WRITE_FATES = tuple(Fate)


@dataclass(slots=True)
class Request:
    """A call of the storage that waits for its fate."""

    verb: Verb
    key: str
    carry_out: Callable[[], object]
    """Does it, with its condition judged at that very moment; raises what the storage raises."""
    sent: bool = False
    """Whether an earlier attempt may have taken effect: then the SDK can never say that nothing happened."""

    @property
    def writes(self) -> bool:
        """Whether it can change the store."""
        return self.verb in {"add", "swap", "remove"}

    @property
    def fates(self) -> tuple[Fate, ...]:
        """What may become of it."""
        return WRITE_FATES if self.writes else READ_FATES

    def __str__(self) -> str:
        return f"{self.verb} {self.key or '/'}"
