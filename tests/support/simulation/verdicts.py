"""What an exit promises: invariants I5, I8 and I10, judged when a command ends, and at each of its commits."""

from __future__ import annotations

from collections.abc import Iterator

from bucketwheel.errors import Refused
from bucketwheel.format.layout import run_of
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName
from support.memory import MemoryStorage
from support.simulation.actors import Actor
from support.simulation.commands import Publish
from support.simulation.history import History, Revision, key_of
from support.simulation.laws import Laws, Violation
from support.simulation.upkeep_commands import Adopt

__all__ = ["validate_commit", "validate_exit"]


def validate_commit(actor: Actor, before: Manifest, manifest: Manifest, store: MemoryStorage) -> None:
    """I8: nothing of a refused call is committed, however late. I10: all files of one call come at once."""
    if isinstance(actor.command, Adopt):
        _validate_adopted(before, manifest, store)
    if not _is_work_of(actor, manifest):
        return
    if actor.exit == 1:
        raise Violation("I8", f"{actor.run_id} ended with 1, and is committed at revision {manifest.revision}")
    if isinstance(actor.command, Publish) and not actor.command.shown_by(manifest):
        raise Violation("I10", f"revision {manifest.revision} of {manifest.project} has half of {actor.run_id}")


def _validate_adopted(before: Manifest, after: Manifest, store: MemoryStorage) -> None:
    """I10: what a publisher put there comes in by its own commit, unless it was released before."""
    for file in after.files:
        found = store.objects.get(key_of(after, file))
        if file.filename not in before.names and found is not None and run_of(found.marks) is not None:
            raise Violation("I10", f"{file.filename} was taken in, though its publisher has not finished")


def validate_exit(actor: Actor, history: History, laws: Laws) -> None:
    """I5: 0 means committed and visible. I8: 1 means that nothing is, and has a reason; 3 is no excuse."""
    if actor.exit == 0:
        laws.acknowledged.add(actor.run_id)
        for project in actor.command.projects or history.projects:
            _is_done(actor, project, history, laws)
    elif actor.exit == 1:
        for project, revision in _since(actor, history):
            if revision.author == actor.run_id and _is_work_of(actor, revision.manifest):
                raise Violation("I8", f"{actor.run_id} ended with 1, but had committed {project} at {revision.number}")
    if actor.exit and not actor.troubled and not _is_stopped(actor, history):
        raise Violation("I9", f"{actor.run_id} met with no trouble, and ended with {actor.exit}: {actor.error}")
    if isinstance(actor.error, Refused) and not _is_stopped(actor, history):
        raise Violation("I8", f"{actor.run_id} was refused without a reason: {actor.error}")


def _is_work_of(actor: Actor, manifest: Manifest) -> bool:
    # A publisher that was overtaken raises the revision, and releases nothing.
    return manifest.names_run(actor.run_id) if isinstance(actor.command, Publish) else True


def _is_done(actor: Actor, project: ProjectName, history: History, laws: Laws) -> None:
    window = history.since(project, actor.moments.get(project, 0))
    own = [revision for revision in window if revision.author == actor.run_id]
    showing = [revision for revision in window if actor.command.shown_by(revision.manifest)]
    if not showing:
        raise Violation("I5", f"{actor.run_id} ended with 0, and {project} was never as it wants it")
    laws.promise(project, own[-1].number if own else showing[0].number)


def _is_stopped(actor: Actor, history: History) -> bool:
    return any(actor.command.stopped_by(revision.manifest) for _, revision in _since(actor, history))


def _since(actor: Actor, history: History) -> Iterator[tuple[ProjectName, Revision]]:
    for project in actor.command.projects or history.projects:
        for revision in history.since(project, actor.moments.get(project, 0)):
            yield project, revision
