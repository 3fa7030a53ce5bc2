"""Publish without one of the rules for files and commits each: what others have lost releases by, or nearly did we."""

from __future__ import annotations

from bucketwheel.protocol import commit, release, upload
from support.simulation.wrong import Edit, Wrong, blind

__all__ = ["WRONG_COMMITS", "WRONG_FILES"]

_REFUSE = """
from bucketwheel.errors import Problem, Refused
raise Refused(Problem(subject="", what="", remedy=""))
"""

WRONG_FILES = (
    Wrong(
        name="files after the commit",
        meets="other_versions",
        breaks="I1",
        edits=(
            Edit(
                of=release.release,
                right="placements, looks = _upload(repository, order, plans, looks, workers)",
                wrong="""
                looks = stat_pages(repository, order.projects, workers)
                placements = {
                    new.filename: StoredFile(
                        key=repository.layout.usual_key(new.name.project, new.filename), added=True
                    )
                    for planned in plans for new in planned.plan.new
                }
                """,
            ),
            Edit(
                of=release.release,
                right="_bring_pages(repository, committed, unchanged, looks, workers)",
                wrong="""
                _upload(repository, order, plans, looks, workers)
                _bring_pages(repository, committed, unchanged, looks, workers)
                """,
            ),
        ),
    ),
    Wrong(
        name="sidecars only with a file of one's own",
        meets="same_bytes",
        breaks="I1",
        edits=(
            Edit(
                of=upload.place,
                right="if parcel.metadata is not None:",
                wrong="if parcel.metadata is not None and added:",
            ),
        ),
    ),
    Wrong(
        name="409 taken for `exists`",
        meets="other_versions",
        breaks="I1",
        edits=(
            Edit(
                of=upload._add,
                right="seen = repository.storage.stat(key)",
                wrong="""
                seen = repository.storage.stat(key)
                if seen is None:
                    return False
                """,
            ),
        ),
    ),
    Wrong(
        name="a taken name taken for ours without comparing",
        meets="other_bytes",
        breaks="I1",
        edits=(Edit(of=upload._same_bytes, right="if seen.size != body.size:\nreturn False", wrong="return True"),),
    ),
    Wrong(
        name="refused instead of stepping aside",
        meets="other_bytes",
        breaks="I8 I9",
        edits=(
            Edit(
                of=upload.place,
                right="if added is None:\ncontinue",
                wrong="if added is None:\n" + _REFUSE.replace("\n", "\n    "),
            ),
        ),
    ),
)

WRONG_COMMITS = (
    Wrong(
        name="blind manifest write",
        meets="other_versions",
        breaks="I2 I3",
        edits=(blind('key.startswith("_bucketwheel/manifests/")'),),
    ),
    Wrong(
        name="412 taken for somebody else",
        meets="other_versions",
        breaks="I8 I9",
        edits=(
            Edit(
                of=commit._read_back,
                right="truth = read_manifest(repository.site, before.project)",
                wrong=_REFUSE,
            ),
        ),
    ),
    Wrong(
        name="every error taken for absent, and a blind create",
        meets="other_versions",
        breaks="I2 I3",
        edits=(
            Edit(
                of=commit.read_manifest,
                right="stored = site.storage.read(manifest_key(project))",
                wrong="""
                try:
                    stored = site.storage.read(manifest_key(project))
                except Unavailable:
                    stored = None
                """,
            ),
            blind('seen is None and key.startswith("_bucketwheel/manifests/")'),
        ),
    ),
    Wrong(
        name="a lost swap that judges no name anew",
        meets="other_bytes",
        breaks="I2",
        edits=(Edit(of=release._commit, right="plan = _plan_one(order, manifest)", wrong=""),),
    ),
    Wrong(
        name="a lost swap that does not look at dead keys",
        meets="orphans",
        breaks="I1",
        edits=(
            Edit(
                of=release._commit,
                right="if placement is None or placement.key in manifest.dead_keys:",
                wrong="if placement is None:",
            ),
        ),
    ),
    Wrong(
        name="half a release at a time",
        meets="other_versions",
        breaks="I10",
        edits=(
            Edit(
                of=release._commit,
                right="if plan.to_upload:",
                wrong="""
                plan = replace(plan, new=plan.new[:1])
                if plan.to_upload:
                """,
            ),
        ),
    ),
    Wrong(
        name="own settings instead of the stored ones",
        meets="empty_place",
        breaks="I1 I5 I7",
        edits=(
            Edit(
                of=release._open,
                right="if created:",
                wrong="""
                repository = replace(repository, settings=_first(site, order))
                if created:
                """,
            ),
        ),
    ),
)
