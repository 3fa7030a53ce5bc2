"""Interleavings that chance would not find in time, written out step by step.

The first ones are each played with the real protocol, which must hold, and again without the rule they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bucketwheel.commands.status import ProjectStatus
from bucketwheel.commands.yank import Withdrawal
from bucketwheel.format.layout import SETTINGS_KEY, Layout, manifest_key
from bucketwheel.storage import NO_MARKS
from support.simulation.commands import Yank
from support.simulation.ending import conclude
from support.simulation.laws import Violation
from support.simulation.requests import Fate
from support.simulation.rules import remove_rules
from support.simulation.scenarios import DEMO, USUAL_KEY, strict
from support.simulation.stock import Stock
from support.simulation.upkeep_commands import Adopt, Delete, Deprecate
from support.simulation.world import World

MANIFEST = manifest_key(DEMO)


@pytest.fixture
def world() -> Iterator[World]:
    """Give an empty S3 bucket."""
    with World() as world:
        yield world


def a_strict_commit_whose_answer_is_lost(world: World, stock: Stock) -> None:
    """The publisher reads back that its names are taken: by itself."""
    publisher = world.start(strict(stock.release("demo")))
    world.serve(publisher, world.until(publisher, "swap", MANIFEST), Fate.ANSWER_LOST)
    world.run(stock.release("demo", "1.1"))
    assert world.finish(publisher).exit == 0


def a_late_commit_whose_second_attempt_fails(world: World, stock: Stock) -> None:
    """Nobody can say that nothing was committed: the first attempt arrives when its sender is gone."""
    publisher = world.start(stock.release("demo"))
    world.serve(publisher, world.until(publisher, "swap", MANIFEST), Fate.LATE)
    world.serve(publisher, world.until(publisher, "swap", MANIFEST), Fate.FAILS)
    conclude(world)
    assert publisher.exit == 3


def a_yank_whose_answer_is_lost_and_whose_version_is_deleted(world: World, stock: Stock) -> None:
    """A yank leaves no trace of who made it: nobody can say that it was not committed."""
    old = stock.release("demo", "0.9")
    world.run(old)
    yank = world.start(Yank(project=DEMO, version="0.9"))
    world.serve(yank, world.until(yank, "swap", MANIFEST), Fate.REPEATED)
    world.run(Delete(project=DEMO, filenames=old.filenames))
    assert world.finish(yank).exit == 3


def a_name_goes_missing_between_upload_and_commit(world: World, stock: Stock) -> None:
    """The second has found the file in its place; a person removes it, an adopt calls it missing; then it commits."""
    world.run(stock.release("demo", "0.9"))
    first, second = world.start(stock.release("demo")), world.start(stock.release("demo"))
    world.until(first, "swap", MANIFEST)
    world.until(second, "swap", MANIFEST)
    world.finish(first)
    world.remove_by_hand(USUAL_KEY)
    world.run(Adopt(project=DEMO))
    assert world.finish(second).exit == 0
    conclude(world)


def an_overtaken_publisher_meets_an_adopt(world: World, stock: Stock) -> None:
    """The first has committed the file, a person removes it, an adopt sees that; then the second puts it there."""
    world.run(stock.release("demo", "0.9"))
    first, second = world.start(stock.release("demo")), world.start(stock.release("demo"))
    world.until(first, "swap", MANIFEST)
    world.until(second, "add", USUAL_KEY)
    world.finish(first)
    world.remove_by_hand(USUAL_KEY)
    adopt = world.start(Adopt(project=DEMO))
    world.until(adopt, "swap", MANIFEST)
    world.finish(second)
    world.finish(adopt)
    conclude(world)
    assert USUAL_KEY in {entry.key for entry in world.history.now(DEMO).entries}


SCRIPTS = [
    (a_strict_commit_whose_answer_is_lost, "I8", {"a lost answer is read back": 'outcome = "lost"'}),
    (a_late_commit_whose_second_attempt_fails, "I8", {"a swap that may have applied is no refusal": "if True:"}),
    (
        a_yank_whose_answer_is_lost_and_whose_version_is_deleted,
        "I8",
        {"a swap that may have applied is no refusal": "if True:"},
    ),
    (a_name_goes_missing_between_upload_and_commit, "I1", {"gone since the upload": "return False"}),
    (an_overtaken_publisher_meets_an_adopt, "I5", {"adopt must lose": "return None, plan"}),
]


@pytest.mark.parametrize(("script", "law", "edits"), SCRIPTS, ids=[script.__name__ for script, _, _ in SCRIPTS])
def test_a_script_holds_with_its_rule_only(
    script: Callable[[World, Stock], None],
    law: str,
    edits: dict[str, str],
    stock: Stock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The protocol comes through; without its rule the very same steps break an invariant."""
    with World() as world:
        script(world, stock)
    remove_rules(edits, monkeypatch)
    with pytest.raises(Violation) as broken, World() as world:
        script(world, stock)
    assert broken.value.law == law


def test_a_repository_whose_first_write_is_lost_is_made_by_the_second(world: World, stock: Stock) -> None:
    """The settings get lost on their way, nobody else makes a repository: the publisher tries again, and is done."""
    publisher = world.start(stock.release("demo"))
    world.serve(publisher, world.until(publisher, "swap", SETTINGS_KEY), Fate.LOST)
    assert world.finish(publisher).exit == 0


def test_a_late_commit_that_lost_its_race_is_a_refusal(world: World, stock: Stock) -> None:
    """A commit is on its way, but others release other bytes before it arrives: it never will, so the exit is 1."""
    world.run(stock.release("demo", "0.9"))
    publisher = world.start(stock.release("demo"))
    world.serve(publisher, world.until(publisher, "swap", MANIFEST), Fate.LATE)
    world.run(stock.release("demo", build=1))
    assert world.finish(publisher).exit == 1
    conclude(world)


def test_a_yank_of_what_was_deleted_meanwhile_is_refused(world: World, stock: Stock) -> None:
    """A yank loses its swap to a delete and finds no such version: it was never committed, so the exit is 1."""
    old = stock.release("demo", "0.9")
    world.run(old)
    yank = world.start(Yank(project=DEMO, version="0.9"))
    world.until(yank, "swap", MANIFEST)
    world.run(Delete(project=DEMO, filenames=old.filenames))
    assert world.finish(yank).exit == 1


def test_a_yank_that_another_one_forestalled_changed_nothing(world: World, stock: Stock) -> None:
    """Another yank and a release win the race for the manifest: ours found everything done, and says so."""
    world.run(stock.release("demo", "0.9"))
    yank = world.start(Yank(project=DEMO, version="0.9"))
    world.until(yank, "swap", MANIFEST)
    world.run(Yank(project=DEMO, version="0.9"))
    world.run(stock.release("demo", "1.1"))
    result = world.finish(yank).result
    assert isinstance(result, Withdrawal)
    assert result.changed == ()


def test_a_status_that_another_one_forestalled_changed_nothing(world: World, stock: Stock) -> None:
    """The same for a status: who lost the race to an equal change did not make it."""
    world.run(stock.release("demo", "0.9"))
    status = world.start(Deprecate(project=DEMO))
    world.until(status, "swap", MANIFEST)
    world.run(Deprecate(project=DEMO))
    world.run(stock.release("demo", "1.1"))
    result = world.finish(status).result
    assert isinstance(result, ProjectStatus)
    assert not result.changed


def test_a_yank_whose_pages_cannot_be_written_is_not_refused(world: World, stock: Stock) -> None:
    """A newer bucketwheel commits what we do not know, and the page is lost: our yank is committed, so exit is 3."""
    world.run(stock.release("demo", "0.9"))
    yank = world.start(Yank(project=DEMO, version="0.9"))
    page = world.until(yank, "swap", "simple/demo/")
    stored = world.store.read(MANIFEST)
    assert stored is not None
    newer = stored.body.replace(b'"format"', b'"flavour": "of tomorrow", "format"')
    world.store.swap(MANIFEST, newer, expected=stored.version, headers=Layout().record(), marks=NO_MARKS)
    world.serve(yank, page, Fate.UNDECIDED)
    assert world.finish(yank).exit == 3
