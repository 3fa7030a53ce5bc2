"""Protocols that each lack one rule; other tools have lost releases that way."""

from __future__ import annotations

from support.simulation.rules import RemovedRule, blind

__all__ = ["REMOVED_RULES"]

_REFUSE = """
from bucketwheel.errors import Problem, Refused
raise Refused(Problem(subject="", what="", remedy=""))
"""
# Two rules stand in for each other: stat a page before reading its manifest, and leave a page that shows a later
# revision. The lack of the first shows only where the second is missing too.
_PAGES_GO_BACK = {"a page never goes back": "if False:", "a newer page is not done by itself": "if False:"}
# Likewise: a file that a listing lacks is looked up before it is called missing.
_NO_LAST_LOOK = {
    "look before calling it missing": "if seen is None or (difference.released and difference.found.etag is None):"
}

REMOVED_RULES: dict[RemovedRule, dict[str, str]] = {
    # Files
    RemovedRule("files after the commit", "other_versions", "I1"): {
        "files before the commit": """
            for read in manifests:
                for new in plans[read.project].new:
                    key = repository.layout.usual_key(read.project, new.filename)
                    uploads._stored[new.filename] = StoredFile(key=key, added=True)
            """
    },
    RemovedRule("sidecars only with a file of our own", "same_bytes", "I1"): {
        "sidecars follow also a file of another run": """
            stored = _add_sidecars(repository, key, upload, workers, run_id) if added else {".provenance": True}
            """
    },
    RemovedRule("409 taken for `exists`", "other_versions", "I1"): {
        "a conflict is not proof that the key is taken": """
            info = storage.stat(key)
            if info is None:
                return False
            """
    },
    RemovedRule("a taken name taken for ours without comparing", "other_bytes", "I1"): {
        "a taken key is compared": "return True\nif False:"
    },
    RemovedRule("refused instead of stepping aside", "other_bytes", "I8 I9"): {
        "step aside": "if added is None:" + _REFUSE.replace("\n", "\n    ").rstrip() + "\nif False:"
    },
    RemovedRule("what comes back named with the sidecars that it had", "missing", "I1"): {
        "what is gone is not named": """
            gpg_sig, provenance_sha256 = missing is not None and missing.gpg_sig, None
            """
    },
    RemovedRule("a mark of any repository believed", "copied_marks", "I1"): {
        "only a mark of our own is believed": "if sha256_of_file(info.marks) is not None:"
    },
    RemovedRule("a name that is free in another spelling", "spellings", "I2"): {
        "a name is taken in every spelling": "if False:"
    },
    RemovedRule("a signature that is named and not stored", "same_bytes", "I1"): {
        "a signature before its entry": "self._stored[upload.filename] = StoredFile(key=key, added=False, gpg_sig=True)"
    },
    # Commits
    RemovedRule("a store that refuses the right version asked for ever", "suspended", "I9"): {
        "a store that refuses the right version is given up": "if False:"
    },
    RemovedRule("blind manifest write", "other_versions", "I2 I3"): blind('key.startswith("_bucketwheel/manifests/")'),
    RemovedRule("412 taken for another run's write", "other_versions", "I8 I9"): {"a conflict may be our own": _REFUSE},
    RemovedRule("every error taken for absent, and a blind create", "other_versions", "I2 I3"): {
        "only absent is absent": """
            try:
                stored = target.storage.read(manifest_key(project))
            except Unavailable:
                stored = None
            """,
        **blind('seen is None and key.startswith("_bucketwheel/manifests/")'),
    },
    RemovedRule("a lost swap that does not plan again", "other_bytes", "I2"): {
        "a lost swap plans every name again": ""
    },
    RemovedRule("a lost swap that ignores dead keys", "orphans", "I1"): {
        "a dead key is never used": "if stored is None:"
    },
    RemovedRule("half a release at a time", "other_versions", "I10"): {
        "all files of a project at once": """
            plan = replace(plan, new=plan.new[:1])
            if plan.to_store:
            """
    },
    RemovedRule("own settings instead of the stored ones", "empty_place", "I1 I5 I7"): {
        "stored settings count": "repository = replace(repository, settings=request.first)\nif created:"
    },
    # The proof of the store
    RemovedRule("a store that creates twice, and no proof that it does not", "other_versions", "I2 I3 I4 I7"): {
        "creating twice is refused": 'verdicts["create"] = "proven"',
        **blind("seen is None"),
    },
    RemovedRule("a store that replaces any version, and no proof that it does not", "other_versions", "I2 I3 I4 I7"): {
        "a wrong version is refused": 'verdicts["swap"] = "proven"',
        **blind("None not in (found, seen)"),
    },
    # Pages
    RemovedRule("blind page write", "other_versions", "I4"): blind('key in {"simple/demo/", "simple/demo/index.json"}'),
    RemovedRule("blind root write", "new_projects", "I4 I7"): blind('key in {"simple/", "simple/index.json"}'),
    RemovedRule("no revision in the page", "yanks", "I4 I5"): {
        "an HTML page carries its revision": "return f'{_OPENING}revision=0 renderer={RENDERER}\">\\n'",
        "a JSON page carries its revision": 'return {"revision": 0, "renderer": RENDERER}',
    },
    RemovedRule("stat of the pages after the manifest was read", "yanks", "I4"): {
        **_PAGES_GO_BACK,
        "look at a page before its manifest is read": "pages = PageVersions({})",
        "what was looked at is written": """
            pages = PageVersions.start(repository, projects, workers)
            refreshed = write_pages(repository, manifests, pages, workers)
            """,
    },
    RemovedRule("stat of a lost page after the manifest was read again", "other_versions", "I4"): {
        **_PAGES_GO_BACK,
        "a lost page is looked at first": "shown = _read_again(shown)",
        "then its manifest is read": "found = stat_page(repository.storage, page.key)",
    },
    RemovedRule("a lost page left to the winner", "other_versions", "I5"): {
        "a lost page is looked at first": "return False"
    },
    RemovedRule("nothing to commit, so nothing to do", "same_bytes", "I5 I6"): {
        "pages that a dead run left behind are written": "if False:"
    },
    RemovedRule("a refusal that leaves pages behind", "same_bytes", "I6"): {
        "a refusal leaves no page behind": "written = 0"
    },
    RemovedRule("reindex: a listed page taken for a right one", "same_bytes", "I5 I6"): {
        "only equal bytes are current": "if False:"
    },
    RemovedRule("right pages written again", "other_versions", "I6"): {
        "a right page is not written again": "if False:"
    },
    RemovedRule("root before the HTML page", "new_projects", "I1"): {
        "the HTML page comes before the root": """
            list_in_root(repository, [shown.project for shown in new], workers)
            written, failed = _write_all(workers, first)
            """
    },
    RemovedRule("JSON page before the root", "new_projects", "I7"): {
        "the JSON page comes after the root": """
            first += [_job(shown, json_pages[shown.project], pages) for shown in all_shown]
            """
    },
    RemovedRule("a new root that names projects without a page", "empty_place", "I1"): {
        "a new root names pages that exist": "return frozenset(projects)"
    },
    RemovedRule("HTML root skipped because the JSON root lists the project", "new_projects", "I7"): {
        "the HTML root follows the JSON root": """
            listed = repository.storage.read(layout.root_json_key)
            if listed is not None and set(projects) <= set(read_root_json(listed.body)):
                return
            names = _grow_json_root(repository, projects, root)
            """
    },
    RemovedRule("stat of the HTML root after the JSON root was read", "new_projects", "I4"): {
        **_PAGES_GO_BACK,
        "the HTML root follows the JSON root": """
            names = _grow_json_root(repository, projects, root)
            html = {key: stat_page(repository.storage, key) for key in layout.root_html_keys}
            root = _Root(html=html, json=root.json, listed=root.listed, by_newer=root.by_newer)
            """,
    },
    # Views
    RemovedRule("blind write of a view", "other_versions_with_views", "I4"): blind('key.startswith(("pypi/", "rss/"))'),
    RemovedRule("stat of the views after the manifest was read", "yanks_with_views", "I4"): {
        **_PAGES_GO_BACK,
        "a view never goes back": "if False:",
        "look at a page before its manifest is read": "pages = PageVersions({})",
        "what was looked at is written": """
            pages = PageVersions.start(repository, projects, workers)
            pages.wait()
            refreshed = write_pages(repository, manifests, pages, workers, documents)
            """,
    },
    RemovedRule("no revision in a view", "yanks_with_views", "I4 I5 I6"): {
        "a feed carries its revision": "return 'bucketwheel revision=0 renderer=1'",
    },
    RemovedRule("views judged by their bytes", "other_versions_with_views", "I6"): {
        "a view is judged by its mark": "return False"
    },
    RemovedRule("an equal document left where its version was changed", "yanks_with_views", "I5 I6"): {
        "a changed version is written by its commit": "documents = version_views(repository, project, changed)"
    },
    # Two rules stand in for each other: a removal names the versions of all that it may remove.
    RemovedRule("no document for a version without files", "deletions_with_views", "I1 I5 I6"): {
        "no document of a version names what is removed": "dead = lambda manifest: ()",
        "a version without files keeps a document": """
            from bucketwheel.format.views.published import visible_versions
            changed = changed_versions(committed.replaced, now) & visible_versions(now)
            """,
    },
    RemovedRule("delete again: documents that a dead run left behind", "retention_with_views", "I1 I6"): {
        "no document of a version names what is removed": "dead = lambda manifest: ()"
    },
    RemovedRule("publish again: documents that a dead run left behind", "same_bytes_with_views", "I5 I6"): {
        "the documents of the versions that are named are written again": "named = lambda manifest: ()"
    },
    # The pages of all projects
    RemovedRule("blind write of shared pages", "deletions_with_views", "I4"): blind(
        'key in {"index.html", "rss/updates.xml", "rss/packages.xml", "search/projects.js", "changelog/index.html"}'
    ),
    RemovedRule("a line of an earlier revision written", "yanks_with_views", "I4 I5"): {
        "a line of a higher revision stays": "return True"
    },
    RemovedRule("a later shared page replaced", "deletions_with_views", "I4"): {
        "a shared page never goes back": "if False:"
    },
    RemovedRule("pages for people before their style", "new_projects_with_views", "I1"): {
        "style and script before the page": "pass"
    },
    RemovedRule("a project named before it has a page", "new_projects_with_views", "I1"): {
        "the front page names a project after its page": "if False:"
    },
    # Removals
    RemovedRule("delete: objects removed before the pages are written", "deletions", "I1"): {
        "pages before the removal": """
            from bucketwheel.protocol.change import Change
            from bucketwheel.protocol.commit import commit
            from bucketwheel.protocol.refresh import refresh
            pages.wait()
            look = partial(pages.look_again, repository, context.workers)
            committed = context.workers.map(
                partial(commit, repository, read, decide, look=look) for read, decide in decisions
            )
            changed = Change(committed=tuple(committed), failed=(), pages_written=0)
            """,
        "objects go last": """
            removed = context.workers.map(partial(_remove, context, repository, each) for each in garbage)
            refresh(repository, list(deletable), context.workers)
            """,
    },
    RemovedRule("delete: names of a manifest that is read after the pages were written", "deletions", "I1"): {
        "only keys that were deletable before": """
            from bucketwheel.protocol.commit import read_manifest
            late = [read_manifest(repository.target, project).manifest for project in deletable]
            deletable = {manifest.project: deletable_keys(repository.layout, manifest) for manifest in late}
            garbage = _find_all(context, repository, deletable)
            """
    },
    RemovedRule("delete: names that may be used again", "deletions", "I3"): {
        "a deleted name is recorded": "deleted = manifest.deleted"
    },
    RemovedRule("orphans removed without dead keys", "orphans", "I1"): {
        "commit before the removal": "return None, selected",
        "keys are dead first": "deletable[step.after.project] = frozenset(each.key for each in step.selected)",
    },
    RemovedRule("orphans: a lost swap that does not list again", "orphans", "I1"): {
        # Two rules stand in for each other: nothing is ever removed at a key that an entry names.
        "no key that an entry names": "return frozenset(chain(dead, manifest.dead_keys))",
        "a lost swap selects again": """
            kept = globals().setdefault("_kept", {})
            _, selected = kept.get((id(rule), manifest.project)) or (rule, rule.select(manifest))
            kept[id(rule), manifest.project] = rule, selected
            """,
    },
    # Adoptions
    RemovedRule("adopt: listing before the manifest is read", "orphans", "I5"): {
        "read the manifests": "early = list(storage.list(''))\nread = workers.map_settled(reads)",
        "then list": "listings = [early]",
        **_NO_LAST_LOOK,
    },
    RemovedRule("adopt: what is gone taken in under another spelling", "spellings", "I2"): {
        "what is gone is gone in every spelling": "for spelled in ():"
    },
    RemovedRule("adopt: a drop without a record", "missing", "I3"): {
        "what is gone is recorded as missing": "self.entries.pop(filename)"
    },
    RemovedRule("adopt: a lost swap that does not decide again", "other_tools", "I3 I2"): {
        "a lost swap adopts again": "if False:"
    },
    RemovedRule("adopt: our own unfinished uploads adopted", "orphans", "I10"): {
        "our unfinished uploads are not adopted": "if False:"
    },
    # Restores
    RemovedRule("a manifest that went back taken as it is", "restores", "I1 I3 I4 I5 I6 I9"): {
        "a manifest that went back is noticed": "if False:",
        "read the manifest before a removal": "return",
    },
    RemovedRule("no second read where a page is newer", "restores", "I1 I3 I4 I5"): {
        "a newer page, a second read": "if False:"
    },
}
