"""The protocol without one of its rules each: what others have lost releases by, or nearly did we."""

from __future__ import annotations

from support.simulation.rules import RemovedRule, blind

__all__ = ["REMOVED_RULES"]

_REFUSE = """
from bucketwheel.errors import Problem, Refused
raise Refused(Problem(subject="", what="", remedy=""))
"""
# Two rules stand in for each other: to look before one reads, and to leave a page that shows a later revision. The
# first is missed only where the second is missing too.
_PAGES_GO_BACK = {"a page never goes back": "if False:"}
# Likewise: what a listing does not show is looked at before it is called missing.
_NO_LAST_LOOK = {
    "look before calling it missing": "if seen is None or (difference.released and difference.found.etag is None):"
}

_FILES = (
    RemovedRule(
        name="files after the commit",
        scenario="other_versions",
        breaks="I1",
        edits={
            "files before the commit": """
            for read in manifests:
                for new in plans[read.project].new:
                    key = repository.layout.usual_key(read.project, new.filename)
                    uploads._stored[new.filename] = StoredFile(key=key, added=True)
            """
        },
    ),
    RemovedRule(
        name="sidecars only with a file of our own",
        scenario="same_bytes",
        breaks="I1",
        edits={
            "sidecars follow also a file of another run": """
            if upload.metadata is not None and added and not add_metadata(repository, key, upload.metadata, run_id):
            """
        },
    ),
    RemovedRule(
        name="409 taken for `exists`",
        scenario="other_versions",
        breaks="I1",
        edits={
            "a conflict is not proof that the key is taken": """
            info = storage.stat(key)
            if info is None:
                return False
            """
        },
    ),
    RemovedRule(
        name="a taken name taken for ours without comparing",
        scenario="other_bytes",
        breaks="I1",
        edits={"a taken key is compared": "return True\nif False:"},
    ),
    RemovedRule(
        name="refused instead of stepping aside",
        scenario="other_bytes",
        breaks="I8 I9",
        edits={"step aside": "if added is None:" + _REFUSE.replace("\n", "\n    ").rstrip() + "\nif False:"},
    ),
)

_COMMITS = (
    RemovedRule(
        name="blind manifest write",
        scenario="other_versions",
        breaks="I2 I3",
        edits=blind('key.startswith("_bucketwheel/manifests/")'),
    ),
    RemovedRule(
        name="412 taken for somebody else",
        scenario="other_versions",
        breaks="I8 I9",
        edits={"a conflict may be our own": _REFUSE},
    ),
    RemovedRule(
        name="every error taken for absent, and a blind create",
        scenario="other_versions",
        breaks="I2 I3",
        edits={
            "only absent is absent": """
            try:
                stored = target.storage.read(manifest_key(project))
            except Unavailable:
                stored = None
            """,
            **blind('seen is None and key.startswith("_bucketwheel/manifests/")'),
        },
    ),
    RemovedRule(
        name="a lost swap that plans no name again",
        scenario="other_bytes",
        breaks="I2",
        edits={"a lost swap plans every name again": ""},
    ),
    RemovedRule(
        name="a lost swap that ignores dead keys",
        scenario="orphans",
        breaks="I1",
        edits={"a dead key is never used": "if stored is None:"},
    ),
    RemovedRule(
        name="half a release at a time",
        scenario="other_versions",
        breaks="I10",
        edits={
            "all files of a project at once": """
            plan = replace(plan, new=plan.new[:1])
            if plan.to_upload:
            """
        },
    ),
    RemovedRule(
        name="own settings instead of the stored ones",
        scenario="empty_place",
        breaks="I1 I5 I7",
        edits={"stored settings count": "repository = replace(repository, settings=request.first)\nif created:"},
    ),
)

_PAGES = (
    RemovedRule(
        name="blind page write",
        scenario="other_versions",
        breaks="I4",
        edits=blind('key in {"simple/demo/", "simple/demo/index.json"}'),
    ),
    RemovedRule(
        name="blind root write",
        scenario="new_projects",
        breaks="I7",
        edits=blind('key in {"simple/", "simple/index.json"}'),
    ),
    RemovedRule(
        name="no revision in the page",
        scenario="withdrawals",
        breaks="I4 I5",
        edits={
            "an HTML page carries its revision": "return f'{_OPENING}revision=0 renderer={RENDERER}\">\\n'",
            "a JSON page carries its revision": 'return {"revision": 0, "renderer": RENDERER}',
        },
    ),
    RemovedRule(
        name="pages looked at after the manifest was read",
        scenario="withdrawals",
        breaks="I4",
        edits={
            **_PAGES_GO_BACK,
            "look at a page before its manifest is read": "pages = PageVersions({})",
            "what was looked at is written": """
            pages = PageVersions.start(repository, projects, workers)
            written = write_pages(repository, manifests, pages, workers)
            """,
        },
    ),
    RemovedRule(
        name="a lost page looked at after the manifest was read again",
        scenario="other_versions",
        breaks="I4",
        edits={
            **_PAGES_GO_BACK,
            "a lost page is looked at first": "read = _read_known(repository, read.project)",
            "then its manifest is read": "found = _stat_page(repository, page.key)",
        },
    ),
    RemovedRule(
        name="a lost page left to the winner",
        scenario="other_versions",
        breaks="I5",
        edits={"a lost page is looked at first": "return False"},
    ),
    RemovedRule(
        name="nothing to commit, so nothing to do",
        scenario="same_bytes",
        breaks="I5 I6",
        edits={"pages that a dead run left behind are written": "if False:"},
    ),
    RemovedRule(
        name="right pages written again",
        scenario="other_versions",
        breaks="I6",
        edits={"a right page is not written again": "if False:"},
    ),
    RemovedRule(
        name="root before the HTML page",
        scenario="new_projects",
        breaks="I1",
        edits={
            "the HTML page comes before the root": """
            list_in_root(repository, [read.project for read in new], workers)
            written = _write_all(repository, first, pages, workers)
            """
        },
    ),
    RemovedRule(
        name="JSON page before the root",
        scenario="new_projects",
        breaks="I7",
        edits={
            "the JSON page comes after the root": "first += [(read, json_pages[read.project]) for read in manifests]"
        },
    ),
    RemovedRule(
        name="a new root that names projects without a page",
        scenario="empty_place",
        breaks="I1",
        edits={"a new root names pages that exist": "return set(projects)"},
    ),
    RemovedRule(
        name="HTML root skipped because the JSON root lists the project",
        scenario="new_projects",
        breaks="I7",
        edits={
            "the HTML root follows the JSON root": """
            listed = repository.storage.read(layout.root_json_key)
            if listed is not None and set(projects) <= set(read_root_json(listed.body)):
                return
            names = _grow_json_root(repository, projects, workers)
            """
        },
    ),
    RemovedRule(
        name="HTML root looked at after the JSON root was read",
        scenario="new_projects",
        breaks="I4",
        edits={
            **_PAGES_GO_BACK,
            "the HTML root follows the JSON root": """
            names = _grow_json_root(repository, projects, workers)
            found = {key: _stat_page(repository, key) for key in layout.root_html_keys}
            """,
        },
    ),
)

_REMOVALS = (
    RemovedRule(
        name="delete: objects removed before the pages are written",
        scenario="deletions",
        breaks="I1",
        edits={
            "pages before the removal": """
            from bucketwheel.protocol.change import Change
            from bucketwheel.protocol.commit import commit
            from bucketwheel.protocol.refresh import refresh
            pages.wait()
            committed = context.workers.map(partial(commit, repository, read, decide) for read, decide in decisions)
            changed = Change(committed=tuple(committed), failed=(), pages_written=0)
            """,
            "objects go last": """
            removed = context.workers.map(partial(_remove, repository, each, context.report) for each in garbage)
            refresh(repository, list(deletable), context.workers)
            """,
        },
    ),
    RemovedRule(
        name="delete: names of a manifest that is read after the pages were written",
        scenario="deletions",
        breaks="I1",
        edits={
            "only keys that were deletable before": """
            from bucketwheel.protocol.commit import read_manifest
            late = [read_manifest(repository.site, project).manifest for project in deletable]
            deletable = {manifest.project: deletable_keys(repository.layout, manifest) for manifest in late}
            garbage = _find_all(context, repository, deletable)
            """
        },
    ),
    RemovedRule(
        name="delete: names that may be used again",
        scenario="deletions",
        breaks="I3",
        edits={"a deleted name is recorded": "deleted = manifest.deleted"},
    ),
    RemovedRule(
        name="orphans removed without dead keys",
        scenario="orphans",
        breaks="I1",
        edits={
            "commit before the removal": "return None, selected",
            "keys are dead first": "deletable[step.after.project] = frozenset(each.key for each in step.selected)",
        },
    ),
    RemovedRule(
        name="orphans: a lost swap that lists nothing again",
        scenario="orphans",
        breaks="I1",
        edits={
            # Two rules stand in for each other: nothing is ever removed at a key that an entry names.
            "no key that an entry names": "return frozenset(chain(dead, manifest.dead_keys))",
            "a lost swap selects again": """
            kept = globals().setdefault("_kept", {})
            _, selected = kept.get((id(rule), manifest.project)) or (rule, rule.select(manifest))
            kept[id(rule), manifest.project] = rule, selected
            """,
        },
    ),
)

_ADOPTIONS = (
    RemovedRule(
        name="adopt: listing before the manifest is read",
        scenario="orphans",
        breaks="I5",
        edits={
            "read the manifests": "early = list(storage.list(''))\nread = workers.map_settled(reads)",
            "then list": "listings = [early]",
            **_NO_LAST_LOOK,
        },
    ),
    RemovedRule(
        name="adopt: a drop without a record",
        scenario="missing",
        breaks="I3",
        edits={"what is gone is recorded as missing": "self.entries.pop(filename)"},
    ),
    RemovedRule(
        name="adopt: a lost swap that decides nothing again",
        scenario="strangers",
        breaks="I3 I2",
        edits={"a lost swap adopts again": "if False:"},
    ),
    RemovedRule(
        name="adopt: takes in what carries our mark",
        scenario="orphans",
        breaks="I10",
        edits={"our unfinished uploads are not adopted": "if False:"},
    ),
)

REMOVED_RULES = (*_FILES, *_COMMITS, *_PAGES, *_REMOVALS, *_ADOPTIONS)
