"""What `delete`, `prune` and `status` answer, as lines and as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence

import bucketwheel
from bucketwheel.frontends.cli.run import Answer
from bucketwheel.frontends.text import deletion_lines, orphan_lines, pruning_lines, status_lines

__all__ = ["deleted", "orphans_pruned", "pruned", "status"]


def deleted(deletion: bucketwheel.Deletion) -> Answer:
    """Answer `delete`."""
    document = {
        "project": deletion.project,
        **({} if deletion.version is None else {"version": deletion.version}),
        "deleted": list(deletion.deleted),
        "removed": list(deletion.removed),
        "waiting": list(deletion.waiting),
        "dry-run": deletion.dry_run,
    }
    return Answer(lines=deletion_lines(deletion), document=document)


def pruned(pruning: bucketwheel.Pruning, *, asked: bool) -> Answer:
    """Answer `prune`; where nobody asked for it to be done, say how to."""
    document = {
        "projects": list(pruning.projects),
        "files": [
            {"filename": file.filename, "version": file.version, "size": file.size, "upload-time": file.upload_time}
            for file in pruning.files
        ],
        "hidden": pruning.hidden,
        "removed": list(pruning.removed),
        "waiting": list(pruning.waiting),
        "dry-run": pruning.dry_run,
    }
    return Answer(
        lines=(*pruning_lines(pruning), *_hint(pruning.files or pruning.removed, asked=asked)), document=document
    )


def orphans_pruned(pruned: bucketwheel.OrphansPruned, *, asked: bool) -> Answer:
    """Answer `prune --orphans`, likewise."""
    document = {
        "projects": list(pruned.projects),
        "orphans": [{"project": orphan.project, "key": orphan.key, "size": orphan.size} for orphan in pruned.orphans],
        "removed": list(pruned.removed),
        "dry-run": pruned.dry_run,
    }
    return Answer(
        lines=(*orphan_lines(pruned), *_hint(pruned.orphans or pruned.removed, asked=asked)), document=document
    )


def status(project: bucketwheel.ProjectStatus) -> Answer:
    """Answer `status`."""
    reason = {} if project.status.reason is None else {"reason": project.status.reason}
    document = {
        "project": project.project,
        "status": {"status": project.status.status, **reason},
        "changed": project.changed,
        "dry-run": project.dry_run,
    }
    return Answer(lines=status_lines(project), document=document)


def _hint(found: Sequence[object], *, asked: bool) -> tuple[str, ...]:
    return () if asked or not found else ("nothing is changed yet: add --yes to do it",)
