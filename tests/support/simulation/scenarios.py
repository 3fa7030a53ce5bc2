"""Scenarios: what exists before, and the commands that run at the same time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from bucketwheel.format.layout import file_marks
from bucketwheel.format.settings import VIEWS, View
from bucketwheel.names import sha256_of
from bucketwheel.protocol.plan import Upload
from support.archives import make_sdist, make_wheel
from support.releasing import upload_of
from support.simulation.commands import (
    DEMO,
    SETTINGS,
    Adopt,
    Command,
    CopyFile,
    Delete,
    Deprecate,
    MoveToAnotherStore,
    Prune,
    Publish,
    Reindex,
    RemoveOrphans,
    Yank,
)
from support.simulation.connection import DIRECTORY, OLD_S3, S3, StoreKind

__all__ = ["SCENARIOS", "USUAL_KEY", "Draw", "Fixtures", "Scenario", "strict", "with_views"]

USUAL_KEY = "simple/demo/demo-1.0-py3-none-any.whl"


@dataclass(slots=True)
class Fixtures:
    """Distributions to publish: real archives, built and validated once; equal arguments give equal bytes."""

    folder: Path
    _made: dict[tuple[Callable[..., Path], str, str, int], Upload] = field(default_factory=dict)

    def wheel(self, version: str = "1.0", *, build: int = 0, project: str = DEMO) -> Upload:
        """Return a wheel; another build of it has the same name and other bytes."""
        return self._make(make_wheel, project, version, build)

    def wheel_bytes(self, version: str = "1.0", *, build: int = 0) -> bytes:
        """Return the content of a wheel."""
        content = self.wheel(version, build=build).content
        assert isinstance(content, Path)
        return content.read_bytes()

    def release(self, version: str = "1.0", *, build: int = 0, project: str = DEMO) -> Publish:
        """Return a publish of a wheel and an sdist."""
        return Publish(uploads=tuple(self._make(make, project, version, build) for make in (make_wheel, make_sdist)))

    def signed(self) -> Publish:
        """Return the same publish with detached signatures."""
        release = self.release()
        return replace(release, uploads=tuple(replace(upload, signature=b"signature") for upload in release.uploads))

    def _make(self, make: Callable[..., Path], project: str, version: str, build: int) -> Upload:
        key = (make, project, version, build)
        if key not in self._made:
            summary = f"Summary: build {build}\n" if build else ""
            path = make(self.folder / str(build), project, version, metadata_extra=summary)
            self._made[key] = upload_of(path)
        return self._made[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Commands that run at the same time."""

    commands: tuple[Command, ...]
    before: tuple[Command, ...] = ()
    """Commands that run, undisturbed, before the others begin."""
    taken_away: str | None = None
    """An object that a person removes at some moment, if it exists by then."""
    restores: int = 0
    """How often a person puts an earlier manifest back, or loses it, at some moment."""
    suspends: bool = False
    """Whether a person makes the store refuse right versions at some moment; in the end it is mended."""
    kind: StoreKind = S3
    agreed: bool = True
    """True where the end does not depend on who was first."""


def same_bytes(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish one release three times, as a CI job that was started again does; some publishers are strict."""
    releases = (fixtures.release(), fixtures.release(), fixtures.signed())
    commands = tuple(chance.choice([release, strict(release)]) for release in releases)
    return Scenario(before=_before(fixtures, chance), commands=commands, agreed=False, kind=_any_kind(chance))


def other_bytes(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish one name with different bytes: setuptools never builds the same sdist twice."""
    commands = [fixtures.release(build=build) for build in (0, 1)]
    commands.append(replace(fixtures.release(build=2), existing="skip"))
    return Scenario(before=_before(fixtures, chance), commands=tuple(commands), agreed=False, kind=_any_kind(chance))


def other_versions(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish different versions, as a matrix of CI jobs does."""
    commands = tuple(fixtures.release(f"1.{minor}") for minor in range(3))
    return Scenario(before=_before(fixtures, chance), commands=commands, kind=_any_kind(chance))


def new_projects(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish projects that are new to the root, two of them in one run."""
    both = Publish(uploads=(fixtures.wheel(project="third"), fixtures.wheel(project="fourth")))
    commands = (fixtures.release(), fixtures.release(project="second"), both, Reindex())
    return Scenario(before=(fixtures.release(project="there"),), commands=commands, kind=_any_kind(chance))


def empty_place(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish into an empty place, each with settings of its own."""
    first = [replace(SETTINGS, id=style * 8, pages=style) for style in ("slash", "index.html", "both")]
    commands = tuple(
        replace(fixtures.release(project=project), first=settings)
        for project, settings in zip(("demo", "second", "demo"), chance.sample(first, 3), strict=True)
    )
    return Scenario(commands=commands)


def another_store(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Use a repository that was copied from another store: every writer proves the store first."""
    commands = (fixtures.release(), fixtures.release("1.1"), fixtures.release(project="second"), Reindex())
    return Scenario(
        before=(fixtures.release(project="there"), MoveToAnotherStore()), commands=commands, kind=_any_kind(chance)
    )


def yanks(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Yank and unyank beside a publish: a page could get the bytes that it had before."""
    yank, unyank = Yank(version="0.9"), Yank(version="0.9", reason=None)
    commands = (yank, unyank, chance.choice([yank, fixtures.release()]), Reindex())
    return Scenario(before=(fixtures.release("0.9"),), commands=commands, agreed=False, kind=_any_kind(chance))


def deletions(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Delete files while the same ones and others are published."""
    release = fixtures.release()
    wheel, sdist = release.filenames
    again = fixtures.release(build=chance.choice([0, 1]))
    commands = (
        Delete(filenames=(wheel,)),
        Delete(filenames=(sdist,)),
        again,
        chance.choice([fixtures.release("1.1"), Reindex(), Adopt()]),
    )
    return Scenario(before=(release,), commands=commands, agreed=False)


def orphans(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Remove orphans while a publisher uploads their bytes, or others under their name."""
    build = chance.choice([0, 1])
    commands = (
        fixtures.release(),
        fixtures.release(build=build),
        RemoveOrphans(),
        chance.choice([RemoveOrphans(), Adopt()]),
    )
    before = (fixtures.release(project="there"), *_before(fixtures, chance))
    return Scenario(before=before, commands=commands, agreed=False)


def missing(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Adopt what a person removed, while a publisher brings it back."""
    release, signed = fixtures.release(), fixtures.signed()
    commands = (release, chance.choice([release, signed]), Adopt(), chance.choice([Adopt(), Reindex(), release]))
    before = (fixtures.release("0.9"), *chance.choice([(), (release,), (signed,)]))
    return Scenario(before=before, commands=commands, taken_away=USUAL_KEY, agreed=False)


def other_tools(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Adopt files of another tool, one under a name that is being published and one under a free name."""
    keys = (USUAL_KEY, "demo-1.0-py3-none-any.whl", "simple/De.mo/demo-1.0-py3-none-any.whl")
    same = CopyFile(key=chance.choice(keys), body=fixtures.wheel_bytes(build=chance.choice([0, 1])))
    other = CopyFile(key="simple/demo/demo-0.8-py3-none-any.whl", body=fixtures.wheel_bytes("0.8"))
    adopt = Adopt(reread=chance.random() < 0.3)
    commands = (same, other, fixtures.release(), adopt, chance.choice([Adopt(), Reindex()]))
    before = (fixtures.release(project="there"), *_before(fixtures, chance))
    return Scenario(before=before, commands=commands, agreed=False, kind=chance.choice([S3, OLD_S3]))


def retention(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Prune old releases and deprecate the project, while new ones arrive."""
    commands = (
        fixtures.release(),
        Prune(),
        Deprecate(),
        chance.choice([fixtures.release("1.1"), Prune(), Reindex()]),
    )
    before = (fixtures.release("0.8"), fixtures.release("0.9"))
    return Scenario(before=before, commands=commands, agreed=False, kind=_any_kind(chance))


def restores(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Restore a backup of the manifest, or lose it, while commands run that read, commit and remove."""
    old = fixtures.release("0.9")
    wheel, sdist = old.filenames
    commands = (
        fixtures.release(),
        chance.choice([Delete(filenames=(wheel,)), Prune(), Yank(version="0.9")]),
        chance.choice([fixtures.release("1.1"), RemoveOrphans(), Deprecate(), Delete(filenames=(sdist,))]),
        chance.choice([Reindex(), Adopt(), fixtures.release("1.1")]),
    )
    before = (fixtures.release("0.8"), old)
    return Scenario(
        before=before, commands=commands, restores=chance.choice([1, 2]), agreed=False, kind=_any_kind(chance)
    )


def spellings(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish and copy other spellings of what is released, deleted or missing."""
    release, respelled = fixtures.release(), fixtures.release("1.0.0")
    wheel, _ = respelled.filenames
    commands = (
        chance.choice([release, Delete(filenames=release.filenames)]),
        respelled,
        CopyFile(key=f"simple/demo/{wheel}", body=fixtures.wheel_bytes("1.0.0")),
        Adopt(),
        Adopt(),
    )
    before = (fixtures.release("0.9"), *chance.choice([(), (release,)]))
    return Scenario(before=before, commands=commands, taken_away=USUAL_KEY, agreed=False, kind=_any_kind(chance))


def suspended(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Write to a store that begins to refuse the very versions that it shows, until a person mends it."""
    old = fixtures.release("0.9")
    commands = (
        fixtures.release(),
        fixtures.release("1.1"),
        chance.choice([Yank(version="0.9"), Delete(filenames=old.filenames), Deprecate()]),
        chance.choice([Reindex(), Adopt()]),
    )
    return Scenario(before=(old,), commands=commands, suspends=True, agreed=False, kind=chance.choice([S3, OLD_S3]))


def copied_marks(fixtures: Fixtures, chance: random.Random) -> Scenario:
    """Publish where a file has the mark of another repository, which says that it has the bytes to publish.

    The store vouches for no digest, as for an object that was made of parts.
    """
    right = fixtures.wheel_bytes()
    body = chance.choice([right, bytes(reversed(right))])
    marks = file_marks(repository="another", run_id="of another repository", sha256=sha256_of(right))
    commands = (fixtures.release(), fixtures.release(), fixtures.release("1.1"), Reindex())
    before = (
        fixtures.release(project="there"),
        *_before(fixtures, chance),
        CopyFile(key=USUAL_KEY, body=body, marks=marks),
    )
    return Scenario(before=before, commands=commands, agreed=False, kind=OLD_S3)


def strict(release: Publish) -> Publish:
    """Return the same publish with `--strict`."""
    return replace(release, existing="refuse")


Draw: TypeAlias = Callable[[Fixtures, random.Random], Scenario]
"""Draws a scenario."""


_CATALOGUED = 0.7
"""How many repositories with views have a catalogue from the start: it is made by a reindex."""


def with_views(draw: Draw) -> Draw:
    """Return the same scenario in a repository in which views are on: mostly all of them."""

    def drawn(fixtures: Fixtures, chance: random.Random) -> Scenario:
        scenario = draw(fixtures, chance)
        views: tuple[View, ...] = chance.choice([VIEWS, VIEWS, ("json-versions",), ("people", "feeds")])

        def seen(command: Command) -> Command:
            return (
                replace(command, first=replace(command.first, views=views)) if isinstance(command, Publish) else command
            )

        before = tuple(map(seen, scenario.before))
        if any(isinstance(each, Publish) for each in before) and chance.random() < _CATALOGUED:
            before = (*before, Reindex())
        return replace(scenario, commands=tuple(map(seen, scenario.commands)), before=before)

    return drawn


SCENARIOS: dict[str, Draw] = {
    scenario.__name__: scenario
    for scenario in (
        same_bytes,
        other_bytes,
        other_versions,
        new_projects,
        empty_place,
        another_store,
        yanks,
        deletions,
        orphans,
        missing,
        other_tools,
        retention,
        restores,
        spellings,
        suspended,
        copied_marks,
    )
}
SCENARIOS |= {
    f"{draw.__name__}_with_views": with_views(draw)
    for draw in (
        same_bytes,
        other_versions,
        new_projects,
        yanks,
        deletions,
        orphans,
        missing,
        other_tools,
        retention,
        restores,
    )
}


def _any_kind(chance: random.Random) -> StoreKind:
    return chance.choice([S3, S3, OLD_S3, DIRECTORY])


def _before(fixtures: Fixtures, chance: random.Random) -> tuple[Command, ...]:
    """Draw an empty place, or one in which the project is known."""
    return chance.choice([(), (fixtures.release("0.9"),)])
