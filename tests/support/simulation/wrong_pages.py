"""Publish, yank and reindex without one of the rules for pages and the root each."""

from __future__ import annotations

from bucketwheel.format.pages import mark
from bucketwheel.protocol import refresh, release
from support.simulation.wrong import Edit, Wrong, blind

__all__ = ["WRONG_PAGES"]

# Two rules stand in for each other: to look before one reads, and to leave a page alone that shows a later revision.
# The first is missed only where the second is missing too.
_LATER_PAGES_ARE_REPLACED = Edit(of=refresh._as_good, right="seen.mark.revision > ours.revision", wrong="False")

WRONG_PAGES = (
    Wrong(
        name="blind page write",
        meets="other_versions",
        breaks="I4",
        edits=(blind('key in {"simple/demo/", "simple/demo/index.json"}'),),
    ),
    Wrong(
        name="blind root write",
        meets="new_projects",
        breaks="I7",
        edits=(blind('key in {"simple/", "simple/index.json"}'),),
    ),
    Wrong(
        name="no revision in the page",
        meets="withdrawals",
        breaks="I5",
        edits=(
            Edit(
                of=mark.html_opening,
                right="return f'{_OPENING}revision={revision} renderer={RENDERER}\">\\n'",
                wrong="return f'{_OPENING}revision=0 renderer={RENDERER}\">\\n'",
            ),
            Edit(
                of=mark.json_mark,
                right='return {"revision": revision, "renderer": RENDERER}',
                wrong='return {"revision": 0, "renderer": RENDERER}',
            ),
        ),
    ),
    Wrong(
        name="pages looked at after the manifest was read",
        meets="withdrawals",
        breaks="I4",
        edits=(
            _LATER_PAGES_ARE_REPLACED,
            Edit(of=refresh.refresh, right="looks = stat_pages(repository, projects, workers)", wrong=""),
            Edit(
                of=refresh.refresh,
                right="written = write_pages(repository, truths, looks, workers)",
                wrong="""
                looks = stat_pages(repository, projects, workers)
                written = write_pages(repository, truths, looks, workers)
                """,
            ),
        ),
    ),
    Wrong(
        name="a lost page looked at after the manifest was read again",
        meets="other_versions",
        breaks="I4",
        edits=(
            _LATER_PAGES_ARE_REPLACED,
            Edit(
                of=refresh._bring,
                right="seen = _look(repository, page.key)\ntruth = read_manifest(repository.site, truth.project)",
                wrong="truth = read_manifest(repository.site, truth.project)\nseen = _look(repository, page.key)",
            ),
        ),
    ),
    Wrong(
        name="a lost page left to whoever won",
        meets="other_versions",
        breaks="I5",
        edits=(Edit(of=refresh._bring, right="seen = _look(repository, page.key)", wrong="return False"),),
    ),
    Wrong(
        name="nothing to commit, so nothing to do",
        meets="same_bytes",
        breaks="I5 I6",
        edits=(Edit(of=release._bring_pages, right="if behind:", wrong="if False:"),),
    ),
    Wrong(
        name="pages written again that are as they should be",
        meets="other_versions",
        breaks="I6",
        edits=(Edit(of=refresh._swap_page, right="if _as_good(seen, body, mark):\nreturn False", wrong=""),),
    ),
    Wrong(
        name="root before the HTML page",
        meets="new_projects",
        breaks="I1",
        edits=(
            Edit(
                of=refresh.write_pages,
                right="written = _bring_all(repository, first, looks, workers)",
                wrong="""
                list_in_root(repository, [truth.project for truth in new], workers)
                written = _bring_all(repository, first, looks, workers)
                """,
            ),
        ),
    ),
    Wrong(
        name="JSON page before the root",
        meets="new_projects",
        breaks="I7",
        edits=(
            Edit(
                of=refresh.write_pages,
                right="first += [(truth, json_pages[truth.project]) for truth in known]",
                wrong="first += [(truth, json_pages[truth.project]) for truth in truths]",
            ),
        ),
    ),
    Wrong(
        name="a root made anew that names projects without a page",
        meets="empty_place",
        breaks="I1",
        edits=(
            Edit(
                of=refresh._with_pages,
                right="return {project for project, seen in zip(projects, looks, strict=True) "
                "if seen.version is not None}",
                wrong="return set(projects)",
            ),
        ),
    ),
    Wrong(
        name="HTML root skipped because the JSON root lists the project",
        meets="new_projects",
        breaks="I7",
        edits=(
            Edit(
                of=refresh.list_in_root,
                right="names = _grow_json_root(repository, projects, workers)",
                wrong="""
                listed = repository.storage.read(layout.root_json_key)
                if listed is not None and set(projects) <= set(read_root_json(listed.body)):
                    return
                names = _grow_json_root(repository, projects, workers)
                """,
            ),
        ),
    ),
    Wrong(
        name="HTML root looked at after the JSON root was read",
        meets="new_projects",
        breaks="I4",
        edits=(
            _LATER_PAGES_ARE_REPLACED,
            Edit(
                of=refresh.list_in_root,
                right="names = _grow_json_root(repository, projects, workers)",
                wrong="""
                names = _grow_json_root(repository, projects, workers)
                seen = {key: _look(repository, key) for key in layout.root_html_keys}
                """,
            ),
        ),
    ),
)
