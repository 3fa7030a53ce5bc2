"""Delete, prune and adopt without one of their rules each."""

from __future__ import annotations

from bucketwheel import remains, removal
from support.simulation.later_commands import Adopt
from support.simulation.wrong import Edit, Wrong

__all__ = ["WRONG_REMOVALS"]

WRONG_REMOVALS = (
    Wrong(
        name="delete: removal before the pages are refreshed",
        meets="deletions",
        breaks="I1",
        edits=(
            Edit(of=removal.clear, right="refresh(repository, list(doomed), workers)", wrong=""),
            Edit(
                of=removal.clear,
                right="removed = workers.run(partial(remove, repository, each, report) for each in remains)",
                wrong="""
                removed = workers.run(partial(remove, repository, each, report) for each in remains)
                refresh(repository, list(doomed), workers)
                """,
            ),
        ),
    ),
    Wrong(
        name="delete: names from a manifest read after the refresh",
        meets="deletions",
        breaks="I1",
        edits=(
            Edit(
                of=removal.clear,
                right="remains = _find(repository, doomed, workers)",
                wrong="""
                from bucketwheel.commit import read_truth
                late = [read_truth(repository.site, project).manifest for project in doomed]
                doomed = {manifest.project: doomed_keys(repository.layout, manifest) for manifest in late}
                remains = _find(repository, doomed, workers)
                """,
            ),
        ),
    ),
    Wrong(
        name="delete: names that may be used again",
        meets="deletions",
        breaks="I3",
        edits=(Edit(of=removal.give_up, right="deleted=(*manifest.deleted, *map(_record, files)),", wrong=""),),
    ),
    Wrong(
        name="orphans removed without dead keys",
        meets="orphans",
        breaks="I1",
        edits=(
            Edit(of=removal._commit, right="return step.after", wrong="return None"),
            Edit(
                of=removal._doomed,
                right="step.after.project: doomed_keys(layout, step.after, "
                "spared=_waiting(layout, step, at_once=at_once))",
                wrong="step.after.project: frozenset(orphan.key for orphan in step.chosen)",
            ),
        ),
    ),
    Wrong(
        name="orphans: a lost swap that lists nothing anew",
        meets="orphans",
        breaks="I1",
        edits=(
            # Two rules stand in for each other: what is doomed is never removed where an entry lies.
            Edit(
                of=remains.doomed_keys,
                right="return frozenset(chain(dead, manifest.dead_keys)) - alive",
                wrong="return frozenset(chain(dead, manifest.dead_keys))",
            ),
            Edit(
                of=removal._commit,
                right="step = _rehearsed(manifest, rule)",
                wrong="""
                listed = chosen or rule.chosen(manifest)
                after = rule.carried_out(manifest, listed) if listed else manifest
                step = _Step(before=manifest, after=after, chosen=listed)
                """,
            ),
        ),
    ),
    Wrong(
        name="adopt: listing before the manifest is read",
        meets="missing",
        breaks="I5",
        edits=(
            Edit(
                of=Adopt.run,
                right="repository = open_to_write(site, open_to_read(site))",
                wrong="""
                repository = open_to_write(site, open_to_read(site))
                listed = {entry.key for entry in site.storage.list(f"simple/{self.project}/")}
                """,
            ),
            Edit(
                of=Adopt.run,
                right="gone = _gone(repository, manifest)",
                wrong="gone = [file for file in manifest.files if key_of(manifest, file) not in listed]",
            ),
        ),
    ),
    Wrong(
        name="adopt: a drop without a record",
        meets="missing",
        breaks="I3",
        edits=(Edit(of=Adopt.run, right="missing=(*manifest.missing, *gone),", wrong=""),),
    ),
)
