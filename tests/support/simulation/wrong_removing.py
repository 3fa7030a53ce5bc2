"""Delete, prune and adopt without one of their rules each."""

from __future__ import annotations

from bucketwheel.commands import adopt
from bucketwheel.commands.adopt.inspection import Inspector
from bucketwheel.commands.adopt.reconciliation import _NextRevision
from bucketwheel.protocol import removal
from support.simulation.wrong import Edit, Wrong

__all__ = ["WRONG_REMOVALS"]

# Two rules stand in for each other: what a listing does not show is looked at before it is called missing.
NO_LAST_LOOK = Edit(
    of=Inspector.inspect,
    right="""
    seen = storage.stat(difference.key)
    if seen is None:
    """,
    wrong="""
    seen = storage.stat(difference.key)
    if seen is None or (difference.released and difference.found.etag is None):
    """,
)

WRONG_REMOVALS = (
    Wrong(
        name="delete: removal before the pages are refreshed",
        meets="deletions",
        breaks="I1",
        edits=(
            Edit(of=removal.clear, right="refresh(repository, list(doomed), workers)", wrong=""),
            Edit(
                of=removal.clear,
                right="removed = workers.map(partial(remove, repository, each, report) for each in remains)",
                wrong="""
                removed = workers.map(partial(remove, repository, each, report) for each in remains)
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
                from bucketwheel.protocol.commit import read_manifest
                late = [read_manifest(repository.site, project).manifest for project in doomed]
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
                of=removal.doomed_keys,
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
        meets="orphans",
        breaks="I5",
        edits=(
            Edit(
                of=adopt._list,
                right="read = workers.map_settled(reads)",
                wrong="""
                early = sort_listing(storage.list(""), layout)
                read = workers.map_settled(reads)
                """,
            ),
            Edit(
                of=adopt._list,
                right="listed = sort_listing(chain.from_iterable(listings), layout)",
                wrong="listed = early",
            ),
            NO_LAST_LOOK,
        ),
    ),
    Wrong(
        name="adopt: a drop without a record",
        meets="missing",
        breaks="I3",
        edits=(
            Edit(
                of=_NextRevision.update_entry,
                right="self.missing[filename] = self.entries.pop(filename)",
                wrong="self.entries.pop(filename)",
            ),
        ),
    ),
    Wrong(
        name="adopt: a lost swap that decides nothing anew",
        meets="strangers",
        breaks="I3 I2",
        edits=(Edit(of=adopt._committing, right="if manifest is not change.manifest.manifest:", wrong="if False:"),),
    ),
    Wrong(
        name="adopt: takes in what carries our mark",
        meets="orphans",
        breaks="I10",
        edits=(
            Edit(of=Inspector._read, right="if ours and entry is None and not self.rules.ours:", wrong="if False:"),
        ),
    ),
)
