"""Interleavings that chance would not find in time, written step by step.

The first ones run with the real protocol, which must hold, and again without the rule that they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bucketwheel.commands.status import ProjectStatus
from bucketwheel.commands.yank import Withdrawal
from bucketwheel.format.catalogue import CATALOGUE_KEY
from bucketwheel.format.layout import SETTINGS_KEY, Layout, manifest_key
from bucketwheel.format.settings import VIEWS
from bucketwheel.storage import NO_MARKS
from support.simulation.commands import DEMO, Adopt, Delete, Deprecate, Publish, Reindex, Yank
from support.simulation.connection import Fate
from support.simulation.invariants import Violation
from support.simulation.rules import remove_rules
from support.simulation.scenarios import USUAL_KEY, Fixtures, strict
from support.simulation.simulation import Simulation

MANIFEST = manifest_key(DEMO)


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """Give a simulation with an empty S3 bucket."""
    with Simulation() as simulation:
        yield simulation


def a_strict_commit_whose_answer_is_lost(simulation: Simulation, fixtures: Fixtures) -> None:
    """The publisher reads back that its names are taken by itself."""
    publisher = simulation.start(strict(fixtures.release()))
    simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), Fate.ANSWER_LOST)
    simulation.run(fixtures.release("1.1"))
    assert simulation.finish(publisher).exit == 0


def a_late_commit_whose_second_attempt_fails(simulation: Simulation, fixtures: Fixtures) -> None:
    """The commit is unknown: the first attempt can arrive after its sender gave up."""
    publisher = simulation.start(fixtures.release())
    simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), Fate.LATE)
    simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), Fate.FAILS)
    simulation.conclude()
    assert publisher.exit == 3


def a_yank_whose_answer_is_lost_and_whose_version_is_deleted(simulation: Simulation, fixtures: Fixtures) -> None:
    """The commit is unknown: a yank leaves no run id in the manifest."""
    old = fixtures.release("0.9")
    simulation.run(old)
    yank = simulation.start(Yank(version="0.9"))
    simulation.serve(yank, simulation.until(yank, "swap", MANIFEST), Fate.REPEATED)
    simulation.run(Delete(filenames=old.filenames))
    assert simulation.finish(yank).exit == 3


def a_release_whose_answer_is_lost_and_whose_record_shrinks(simulation: Simulation, fixtures: Fixtures) -> None:
    """The files are deleted and their objects are gone: the publisher still finds its run id in the records."""
    release, next_release = fixtures.release(), fixtures.release("1.1")
    publisher = simulation.start(release)
    simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), Fate.ANSWER_LOST)
    simulation.run(Delete(filenames=release.filenames))
    simulation.run(next_release)
    simulation.run(Delete(filenames=next_release.filenames))
    records = {file.filename: file for file in simulation.history.now(DEMO).manifest.deleted}
    assert [records[name].is_shrunk for name in release.filenames] == [True, True]
    assert simulation.finish(publisher).exit == 0
    simulation.conclude()


def a_name_goes_missing_between_upload_and_commit(simulation: Simulation, fixtures: Fixtures) -> None:
    """The second publisher found the file; a person removes it, an adopt calls it missing; then it commits."""
    simulation.run(fixtures.release("0.9"))
    first, second = simulation.start(fixtures.release()), simulation.start(fixtures.release())
    simulation.until(first, "swap", MANIFEST)
    simulation.until(second, "swap", MANIFEST)
    simulation.finish(first)
    simulation.remove_by_hand(USUAL_KEY)
    simulation.run(Adopt())
    assert simulation.finish(second).exit == 0
    simulation.conclude()


def an_overtaken_publisher_meets_an_adopt(simulation: Simulation, fixtures: Fixtures) -> None:
    """The first publisher commits, a person removes the file, an adopt sees that; then the second uploads it."""
    simulation.run(fixtures.release("0.9"))
    first, second = simulation.start(fixtures.release()), simulation.start(fixtures.release())
    simulation.until(first, "swap", MANIFEST)
    simulation.until(second, "add", USUAL_KEY)
    simulation.finish(first)
    simulation.remove_by_hand(USUAL_KEY)
    adopt = simulation.start(Adopt())
    simulation.until(adopt, "swap", MANIFEST)
    simulation.finish(second)
    simulation.finish(adopt)
    simulation.conclude()
    assert USUAL_KEY in {entry.key for entry in simulation.history.now(DEMO).entries}


def a_manifest_restored_after_the_deletion(simulation: Simulation, fixtures: Fixtures) -> None:
    """The pages show the deletion, and the restored manifest names the files again: they stay."""
    release = fixtures.release()
    simulation.run(release)
    before = simulation.history.now(DEMO).manifest
    delete = simulation.start(Delete(filenames=release.filenames))
    simulation.serve(delete, simulation.until(delete, "swap", "simple/demo/"))
    simulation.serve(delete, simulation.until(delete, "swap", "simple/demo/index.json"))
    simulation.restore_by_hand(DEMO, before)
    simulation.finish(delete)
    if USUAL_KEY not in simulation.store.objects:
        raise Violation("I1", "the manifest names a file that the delete removed")
    assert delete.exit == 3
    simulation.conclude()


def a_manifest_restored_after_the_commit(simulation: Simulation, fixtures: Fixtures) -> None:
    """No page shows the commit yet, so page and manifest agree: only the publisher knows better."""
    simulation.run(fixtures.release("0.9"))
    before = simulation.history.now(DEMO).manifest
    publisher = simulation.start(fixtures.release())
    first = simulation.until(publisher, "swap", "simple/demo/")
    simulation.restore_by_hand(DEMO, before)
    simulation.serve(publisher, first, Fate.UNDECIDED)
    simulation.serve(publisher, simulation.until(publisher, "swap", "simple/demo/index.json"), Fate.UNDECIDED)
    assert simulation.finish(publisher).exit == 3


def a_manifest_restored_between_a_lost_swap_and_the_next(simulation: Simulation, fixtures: Fixtures) -> None:
    """The winner writes its pages between the two requests of the loser: its release must not be forgotten."""
    simulation.run(fixtures.release("0.9"))
    before = simulation.history.now(DEMO).manifest
    loser, winner = simulation.start(fixtures.release("1.1")), simulation.start(fixtures.release())
    lost = simulation.until(loser, "swap", MANIFEST)
    simulation.until(winner, "swap", "simple/demo/")
    simulation.serve(loser, lost)
    simulation.restore_by_hand(DEMO, before)
    simulation.serve(loser, loser.waiting[0])
    assert simulation.finish(winner).exit == 0
    simulation.finish(loser)
    simulation.conclude()
    assert loser.exit == 3


def a_newer_page_of_one_kind(simulation: Simulation, fixtures: Fixtures) -> None:
    """Two publishers die between their two pages, and the manifest is restored: the HTML page alone remembers them."""
    simulation.run(fixtures.release("0.9"))
    before = simulation.history.now(DEMO).manifest
    for version in ("1.0", "1.1"):
        publisher = simulation.start(fixtures.release(version))
        simulation.serve(publisher, simulation.until(publisher, "swap", "simple/demo/"))
        simulation.serve(publisher, simulation.until(publisher, "swap", "simple/demo/index.json"), Fate.DIES_BEFORE)
    simulation.restore_by_hand(DEMO, before)
    assert simulation.run(fixtures.release("1.2")).exit == 1
    simulation.conclude()


def a_catalogue_made_before_a_commit(simulation: Simulation, fixtures: Fixtures) -> None:
    """The publisher found no catalogue, and the reindex that makes it finds no commit yet."""
    simulation.run(with_all_views(fixtures.release("0.9")))
    publisher = simulation.start(fixtures.release())
    simulation.serve(publisher, simulation.until(publisher, "read", CATALOGUE_KEY))
    simulation.until(publisher, "swap", MANIFEST)
    assert simulation.run(Reindex()).exit == 0
    assert simulation.finish(publisher).exit == 0
    if publisher.warned:
        raise Violation("I5", "the publisher left its line to a reindex that has ended")


def a_catalogue_made_after_a_commit(simulation: Simulation, fixtures: Fixtures) -> None:
    """The reindex that makes the catalogue has read the manifest before the commit."""
    simulation.run(with_all_views(fixtures.release("0.9")))
    reindex = simulation.start(Reindex())
    simulation.until(reindex, "swap", CATALOGUE_KEY)
    assert simulation.run(fixtures.release()).exit == 0
    assert simulation.finish(reindex).exit == 0


def with_all_views(release: Publish) -> Publish:
    """Return the same publish, that switches all views on where it makes the repository."""
    return replace(release, first=replace(release.first, views=VIEWS))


SCRIPTS = [
    (a_strict_commit_whose_answer_is_lost, "I8", {"a lost answer is read back": 'outcome = "lost"'}),
    (a_late_commit_whose_second_attempt_fails, "I8", {"a swap that may have applied is no refusal": "if True:"}),
    (
        a_yank_whose_answer_is_lost_and_whose_version_is_deleted,
        "I8",
        {"a swap that may have applied is no refusal": "if True:"},
    ),
    (
        a_release_whose_answer_is_lost_and_whose_record_shrinks,
        "I8",
        {"a shrunk record keeps its run": 'return DeletedFile(filename=record.filename, by="")'},
    ),
    (a_name_goes_missing_between_upload_and_commit, "I1", {"gone since the upload": "return False"}),
    (an_overtaken_publisher_meets_an_adopt, "I5", {"adopt must lose": "return None, plan"}),
    (a_manifest_restored_after_the_deletion, "I1", {"read the manifest before a removal": "return"}),
    (a_manifest_restored_after_the_commit, "I5", {"a commit is remembered": "pass"}),
    (
        a_manifest_restored_between_a_lost_swap_and_the_next,
        "I5",
        {
            "after a lost swap look at the pages first": "found = read_again(target, project)",
            "a conflict may be our own": "look(project)",
        },
    ),
    (
        a_newer_page_of_one_kind,
        "I9",
        {"both pages count": "if page.mark is not None and key.endswith('.json'):"},
    ),
    (a_catalogue_made_before_a_commit, "I5", {"a catalogue that was made meanwhile is seen": "if False:"}),
    (
        a_catalogue_made_after_a_commit,
        "I5",
        {"what was committed while there was no catalogue is taken in": "if False:"},
    ),
]


@pytest.mark.parametrize(("script", "invariant", "edits"), SCRIPTS, ids=[script.__name__ for script, _, _ in SCRIPTS])
def test_a_script_holds_with_its_rule_only(
    script: Callable[[Simulation, Fixtures], None],
    invariant: str,
    edits: dict[str, str],
    fixtures: Fixtures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The protocol holds; without its rule the same steps break an invariant."""
    with Simulation() as simulation:
        script(simulation, fixtures)
    remove_rules(edits, monkeypatch)
    with pytest.raises(Violation) as broken, Simulation() as simulation:
        script(simulation, fixtures)
    assert broken.value.invariant == invariant


def test_a_manifest_that_was_read_is_never_followed_by_an_older_one(
    simulation: Simulation, fixtures: Fixtures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page shows the release that a restore takes back; a publisher that read it does not commit without it."""

    def publish_over_a_restore(simulation: Simulation) -> int | None:
        simulation.run(fixtures.release("0.9"))
        before = simulation.history.now(DEMO).manifest
        dying = simulation.start(fixtures.release())
        simulation.serve(dying, simulation.until(dying, "swap", "simple/demo/"), Fate.DIES_BEFORE)
        publisher = simulation.start(fixtures.release("1.1"))
        simulation.until(publisher, "swap", MANIFEST)
        simulation.restore_by_hand(DEMO, before)
        return simulation.finish(publisher).exit

    assert publish_over_a_restore(simulation) == 3
    remove_rules({"a manifest that was read is remembered": "if False:"}, monkeypatch)
    with Simulation() as another:
        assert publish_over_a_restore(another) == 0


def test_a_repository_whose_first_write_is_lost_is_made_by_the_second(
    simulation: Simulation, fixtures: Fixtures
) -> None:
    """The write of the settings is lost and there is no other: the publisher tries again and succeeds."""
    publisher = simulation.start(fixtures.release())
    simulation.serve(publisher, simulation.until(publisher, "swap", SETTINGS_KEY), Fate.LOST)
    assert simulation.finish(publisher).exit == 0


def test_a_late_commit_that_lost_its_race_is_a_refusal(simulation: Simulation, fixtures: Fixtures) -> None:
    """Other bytes are released before a late commit arrives: it cannot apply any more, so the exit is 1."""
    simulation.run(fixtures.release("0.9"))
    publisher = simulation.start(fixtures.release())
    simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), Fate.LATE)
    simulation.run(fixtures.release(build=1))
    assert simulation.finish(publisher).exit == 1
    simulation.conclude()


def test_a_yank_of_what_was_deleted_meanwhile_is_refused(simulation: Simulation, fixtures: Fixtures) -> None:
    """A yank loses its swap to a delete and finds no such version: nothing was committed, so the exit is 1."""
    old = fixtures.release("0.9")
    simulation.run(old)
    yank = simulation.start(Yank(version="0.9"))
    simulation.until(yank, "swap", MANIFEST)
    simulation.run(Delete(filenames=old.filenames))
    assert simulation.finish(yank).exit == 1


def test_a_yank_that_lost_to_an_equal_one_changed_nothing(simulation: Simulation, fixtures: Fixtures) -> None:
    """Another yank and a release come first: ours reports that it changed nothing."""
    simulation.run(fixtures.release("0.9"))
    yank = simulation.start(Yank(version="0.9"))
    simulation.until(yank, "swap", MANIFEST)
    simulation.run(Yank(version="0.9"))
    simulation.run(fixtures.release("1.1"))
    result = simulation.finish(yank).result
    assert isinstance(result, Withdrawal)
    assert result.changed == ()


def test_a_status_that_lost_to_an_equal_one_changed_nothing(simulation: Simulation, fixtures: Fixtures) -> None:
    """A status that loses its swap to an equal change reports that it changed nothing."""
    simulation.run(fixtures.release("0.9"))
    status = simulation.start(Deprecate())
    simulation.until(status, "swap", MANIFEST)
    simulation.run(Deprecate())
    simulation.run(fixtures.release("1.1"))
    result = simulation.finish(status).result
    assert isinstance(result, ProjectStatus)
    assert not result.changed


def test_a_yank_whose_pages_cannot_be_written_is_not_refused(simulation: Simulation, fixtures: Fixtures) -> None:
    """A newer bucketwheel changes the manifest and the page swap is lost: our yank is committed, so the exit is 3."""
    simulation.run(fixtures.release("0.9"))
    yank = simulation.start(Yank(version="0.9"))
    page = simulation.until(yank, "swap", "simple/demo/")
    stored = simulation.store.read(MANIFEST)
    assert stored is not None
    newer = stored.body.replace(b'"format"', b'"flavour": "of tomorrow", "format"')
    simulation.store.swap(MANIFEST, newer, expected=stored.version, headers=Layout().record(), marks=NO_MARKS)
    simulation.serve(yank, page, Fate.UNDECIDED)
    assert simulation.finish(yank).exit == 3
