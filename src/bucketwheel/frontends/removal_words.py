"""What the doors say about what goes: deletions, prunes, and a project's status."""

from __future__ import annotations

from collections.abc import Sequence

from bucketwheel.commands.delete import Deletion
from bucketwheel.commands.prune import Pruning
from bucketwheel.commands.prune_orphans import OrphansPruned
from bucketwheel.commands.status import ProjectStatus
from bucketwheel.frontends.text import counted, size_words
from bucketwheel.names import shown

__all__ = ["deletion_lines", "orphan_lines", "pruning_lines", "status_lines"]


def deletion_lines(deletion: Deletion) -> tuple[str, ...]:
    """Say which names are dead now, and how much was removed; or would be."""
    words = "would delete" if deletion.dry_run else "deleted"
    lines = (
        *(f"{words} {shown(filename)}" for filename in deletion.deleted),
        *_objects(deletion.removed, dry_run=deletion.dry_run),
        *_waiting(deletion.waiting, dry_run=deletion.dry_run, remedy=", or --now"),
    )
    release = deletion.project if deletion.version is None else f"{deletion.project}=={deletion.version}"
    return lines or (f"nothing is left to delete of {shown(release)}",)


def pruning_lines(pruning: Pruning) -> tuple[str, ...]:
    """Say which files went, and how much they were; or would."""
    deed, done = ("hide", "hid") if pruning.hidden else ("delete", "deleted")
    words = f"would {deed}" if pruning.dry_run else done
    size = size_words(sum(file.size for file in pruning.files))
    total = f"{words} {counted(len(pruning.files), 'file')} ({size})" if pruning.files else f"nothing to {deed}"
    return (
        *(f"{words} {shown(file.filename)}" for file in pruning.files),
        f"{total} of {counted(len(pruning.projects), 'project')}",
        *_objects(pruning.removed, dry_run=pruning.dry_run),
        *_waiting(pruning.waiting, dry_run=pruning.dry_run),
    )


def orphan_lines(pruned: OrphansPruned) -> tuple[str, ...]:
    """Say which orphans went, and how many objects with them; or would."""
    words = "would remove" if pruned.dry_run else "removed"
    looked = f"of {counted(len(pruned.projects), 'project')}"
    return (
        *(f"{words} orphan {shown(orphan.key)} ({size_words(orphan.size)})" for orphan in pruned.orphans),
        *(() if pruned.orphans else (f"no orphans {looked}",)),
        *_objects(pruned.removed, dry_run=pruned.dry_run),
    )


def status_lines(status: ProjectStatus) -> tuple[str, ...]:
    """Say what a project's status is, or would be."""
    reason = f": {shown(status.status.reason)}" if status.status.reason else ""
    words = "would be" if status.changed and status.dry_run else "is"
    return (f"{status.project} {words} {status.status.status}{reason}",)


def _objects(removed: Sequence[str], *, dry_run: bool) -> tuple[str, ...]:
    words = "would remove" if dry_run else "removed"
    return (f"{words} {counted(len(removed), 'object')}",) if removed else ()


def _waiting(waiting: Sequence[str], *, dry_run: bool, remedy: str = "") -> tuple[str, ...]:
    if not waiting:
        return ()
    stay = "would stay" if dry_run else ("stays" if len(waiting) == 1 else "stay")
    until = f"until the next delete or prune{remedy}"
    return (f"{counted(len(waiting), 'file')} {stay} in the store {until}: caches may still show the old pages",)
