"""Who is at work: a command, the strands that carry it out, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from bucketwheel.errors import BucketwheelError
from bucketwheel.names import ProjectName
from support.simulation.commands import Command
from support.simulation.strands import Strand

__all__ = ["Actor"]


@dataclass(slots=True, eq=False)
class Actor:
    """A command that somebody runs."""

    run_id: str
    command: Command
    moments: dict[ProjectName, int]
    """How far each project's history had come when it began."""
    strands: list[Strand] = field(default_factory=list)
    troubled: bool = False
    """Whether any of its requests did not simply proceed."""
    exit: int | None = None
    """The exit code; None while it runs, and for ever once it died."""
    error: BucketwheelError | None = None
    result: object = None
    """What the command returned."""
    dead: bool = False

    @property
    def gone(self) -> bool:
        """Whether it runs no more."""
        return self.dead or self.exit is not None

    @property
    def waiting(self) -> list[Strand]:
        """Its strands that ask something of the store."""
        return [strand for strand in self.strands if strand.request is not None]
