"""Who meets whom: what is there before, and the commands that run at the same time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from bucketwheel.names import ProjectName
from support.simulation.commands import SETTINGS, Command, Publish, Reindex, Yank
from support.simulation.connection import DIRECTORY, OLD_S3, S3, Flavour
from support.simulation.stock import Stock
from support.simulation.upkeep_commands import Adopt, Delete, Deprecate, Prune, PutThere, RemoveOrphans

__all__ = ["DEMO", "SCENARIOS", "USUAL_KEY", "Scenario", "strict"]

DEMO = ProjectName("demo")
USUAL_KEY = "simple/demo/demo-1.0-py3-none-any.whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A meeting."""

    commands: tuple[Command, ...]
    before: tuple[Command, ...] = ()
    """Done, undisturbed, before the others begin."""
    taken_away: str | None = None
    """What a person removes at some moment, if it is there by then."""
    flavour: Flavour = S3
    agreed: bool = True
    """Whether the end does not depend on who was first."""


def same_bytes(stock: Stock, chance: random.Random) -> Scenario:
    """Three publishers of one release, as CI jobs are that were started twice; some of them are strict."""
    releases = (stock.release("demo"), stock.release("demo"), stock.signed("demo"))
    commands = tuple(_either(chance, release, strict(release)) for release in releases)
    return Scenario(before=_before(stock, chance), commands=commands, agreed=False, flavour=_any(chance))


def other_bytes(stock: Stock, chance: random.Random) -> Scenario:
    """Publishers of one name with different bytes: setuptools' sdists are never the same twice."""
    commands = [stock.release("demo", build=build) for build in (0, 1)]
    commands.append(replace(stock.release("demo", build=2), existing="skip"))
    return Scenario(before=_before(stock, chance), commands=tuple(commands), agreed=False, flavour=_any(chance))


def other_versions(stock: Stock, chance: random.Random) -> Scenario:
    """Ten CI jobs that build one wheel each, here three."""
    commands = tuple(stock.release("demo", f"1.{minor}") for minor in range(3))
    return Scenario(before=_before(stock, chance), commands=commands, flavour=_any(chance))


def new_projects(stock: Stock, chance: random.Random) -> Scenario:
    """Projects that are new to the root, two of them in one call."""
    both = Publish(uploads=(stock.wheel("third"), stock.wheel("fourth")))
    commands = (stock.release("demo"), stock.release("second"), both, Reindex())
    return Scenario(before=(stock.release("there"),), commands=commands, flavour=_any(chance))


def empty_place(stock: Stock, chance: random.Random) -> Scenario:
    """First publishers of an empty place, each with settings of its own."""
    first = [replace(SETTINGS, id=style * 8, pages=style) for style in ("slash", "index.html", "both")]
    commands = tuple(
        replace(stock.release(project), first=settings)
        for project, settings in zip(("demo", "second", "demo"), chance.sample(first, 3), strict=True)
    )
    return Scenario(commands=commands)


def withdrawals(stock: Stock, chance: random.Random) -> Scenario:
    """A yank that is taken back at once, beside a publish: pages could come back to bytes that they had before."""
    yank, unyank = Yank(project=DEMO, version="0.9"), Yank(project=DEMO, version="0.9", reason=None)
    commands = (yank, unyank, _either(chance, yank, stock.release("demo")), Reindex())
    return Scenario(before=(stock.release("demo", "0.9"),), commands=commands, agreed=False, flavour=_any(chance))


def deletions(stock: Stock, chance: random.Random) -> Scenario:
    """Deletes beside a publish of the very same files, and of others."""
    release = stock.release("demo")
    wheel, sdist = release.filenames
    again = stock.release("demo", build=chance.choice([0, 1]))
    commands = (
        Delete(project=DEMO, filenames=(wheel,)),
        Delete(project=DEMO, filenames=(sdist,)),
        again,
        _either(chance, stock.release("demo", "1.1"), Reindex(), Adopt(project=DEMO)),
    )
    return Scenario(before=(release,), commands=commands, agreed=False)


def orphans(stock: Stock, chance: random.Random) -> Scenario:
    """Orphans are removed while somebody publishes their very bytes, or others under their name."""
    build = chance.choice([0, 1])
    commands = (
        stock.release("demo"),
        stock.release("demo", build=build),
        RemoveOrphans(project=DEMO),
        _either(chance, RemoveOrphans(project=DEMO), Adopt(project=DEMO)),
    )
    before = (stock.release("there"), *_before(stock, chance))
    return Scenario(before=before, commands=commands, agreed=False)


def missing(stock: Stock, chance: random.Random) -> Scenario:
    """A person removes a file, somebody puts that on record, and somebody brings it back."""
    release = stock.release("demo")
    commands = (release, release, Adopt(project=DEMO), _either(chance, Adopt(project=DEMO), Reindex(), release))
    before = (stock.release("demo", "0.9"), *((release,) if chance.random() < 0.5 else ()))
    return Scenario(before=before, commands=commands, taken_away=USUAL_KEY, agreed=False)


def strangers(stock: Stock, chance: random.Random) -> Scenario:
    """Another tool puts files there: under a name that is just being published, and under one that nobody has."""
    keys = (USUAL_KEY, "demo-1.0-py3-none-any.whl", "simple/De.mo/demo-1.0-py3-none-any.whl")
    same = PutThere(project=DEMO, key=chance.choice(keys), body=stock.bytes("demo", build=chance.choice([0, 1])))
    other = PutThere(project=DEMO, key="simple/demo/demo-0.8-py3-none-any.whl", body=stock.bytes("demo", "0.8"))
    adopt = Adopt(project=DEMO, reread=chance.random() < 0.3)
    commands = (same, other, stock.release("demo"), adopt, _either(chance, Adopt(project=DEMO), Reindex()))
    before = (stock.release("there"), *_before(stock, chance))
    return Scenario(before=before, commands=commands, agreed=False, flavour=chance.choice([S3, OLD_S3]))


def retention(stock: Stock, chance: random.Random) -> Scenario:
    """Old releases are pruned and the project is deprecated, while new ones arrive."""
    commands = (
        stock.release("demo"),
        Prune(project=DEMO),
        Deprecate(project=DEMO),
        _either(chance, stock.release("demo", "1.1"), Prune(project=DEMO), Reindex()),
    )
    before = (stock.release("demo", "0.8"), stock.release("demo", "0.9"))
    return Scenario(before=before, commands=commands, agreed=False, flavour=_any(chance))


def strict(release: Publish) -> Publish:
    """The same with `--strict`."""
    return replace(release, existing="refuse")


SCENARIOS: dict[str, Callable[[Stock, random.Random], Scenario]] = {
    scenario.__name__: scenario
    for scenario in (
        same_bytes,
        other_bytes,
        other_versions,
        new_projects,
        empty_place,
        withdrawals,
        deletions,
        orphans,
        missing,
        strangers,
        retention,
    )
}


def _either(chance: random.Random, *commands: Command) -> Command:
    return chance.choice(commands)


def _any(chance: random.Random) -> Flavour:
    return chance.choice([S3, S3, OLD_S3, DIRECTORY])


def _before(stock: Stock, chance: random.Random) -> tuple[Command, ...]:
    """An empty place, or one in which the project is known."""
    return chance.choice([(), (stock.release("demo", "0.9"),)])
