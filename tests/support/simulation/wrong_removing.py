"""Delete, prune and adopt without one of their rules each."""

from __future__ import annotations

from support.simulation.later_commands import Adopt, Delete, RemoveOrphans
from support.simulation.wrong import Edit, Wrong

__all__ = ["WRONG_REMOVALS"]

WRONG_REMOVALS = (
    Wrong(
        name="delete: removal before the pages are refreshed",
        meets="deletions",
        breaks="I1",
        edits=(
            Edit(
                of=Delete.run,
                right="refresh(repository, [self.project], workers)\n_remove(repository, _dead_names(truth.manifest))",
                wrong="_remove(repository, _dead_names(truth.manifest))\nrefresh(repository, [self.project], workers)",
            ),
        ),
    ),
    Wrong(
        name="delete: names from a manifest read after the refresh",
        meets="deletions",
        breaks="I1",
        edits=(
            Edit(
                of=Delete.run,
                right="_remove(repository, _dead_names(truth.manifest))",
                wrong="_remove(repository, _dead_names(read_truth(site, self.project).manifest))",
            ),
        ),
    ),
    Wrong(
        name="delete: names that may be used again",
        meets="deletions",
        breaks="I3",
        edits=(
            Edit(
                of=Delete._make_names_dead,
                right="deleted=(*manifest.deleted, *(_deleted(file) for file in chosen)),",
                wrong="",
            ),
        ),
    ),
    Wrong(
        name="orphans removed without dead keys",
        meets="orphans",
        breaks="I1",
        edits=(
            Edit(of=RemoveOrphans.run, right="if not found:", wrong="if True:"),
            Edit(
                of=RemoveOrphans.run,
                right="_remove(repository, (*truth.manifest.dead_keys, *_dead_names(truth.manifest)))",
                wrong="_remove(repository, _orphans(repository, truth.manifest))",
            ),
        ),
    ),
    Wrong(
        name="orphans: listing before the manifest is read",
        meets="orphans",
        breaks="I1",
        edits=(
            Edit(
                of=RemoveOrphans.run,
                right="repository = open_to_write(site, open_to_read(site))",
                wrong="""
                repository = open_to_write(site, open_to_read(site))
                found = _orphans(repository, read_truth(site, self.project).manifest)
                """,
            ),
            Edit(of=RemoveOrphans.run, right="found = _orphans(repository, manifest)", wrong=""),
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
