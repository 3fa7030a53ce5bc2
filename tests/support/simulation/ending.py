"""What must hold when everybody is gone: I6 and I12, after all that was still on its way has arrived."""

from __future__ import annotations

import random

from bucketwheel.errors import Refused
from support.simulation.actors import Actor
from support.simulation.commands import Publish, Reindex
from support.simulation.evidence import links_of, projects_of
from support.simulation.laws import Violation, layout_of, project_pages
from support.simulation.world import World

__all__ = ["conclude", "released"]


def conclude(world: World, seed: int = 0) -> None:
    """End a world: the rest arrives, unfinished commands run again; then all is as it should be.

    I12: a command that runs again, undisturbed, ends with 0, or has a reason not to, which its verdict asks for.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    while world.late:
        world.deliver(chance.choice(world.late))
    unfinished = [actor for actor in world.actors.values() if _is_unfinished(actor)]
    chance.shuffle(unfinished)
    if chance.random() < 0.5:
        _reindex(world)
    again = [world.run(actor.command) for actor in unfinished]
    if any(_is_refused_its_own(actor) for actor in again):
        _reindex(world)
    _settled(world, "every command ran to its end")
    _reindex(world)


def released(world: World) -> dict[str, object]:
    """What the store holds in the end, as far as it does not depend on who came first."""
    return {
        project: sorted((file.filename, file.sha256, file.yanked) for file in world.history.now(project).manifest.files)
        for project in world.history.projects
    }


def _is_unfinished(actor: Actor) -> bool:
    return actor.exit != 0 and not isinstance(actor.error, Refused)


def _is_refused_its_own(actor: Actor) -> bool:
    """A strict publish that died after its commit finds its files there: pages then wait for anybody's next run."""
    return actor.exit == 1 and isinstance(actor.command, Publish) and actor.command.existing == "refuse"


def _reindex(world: World) -> None:
    """I6: one reindex mends all; a second one writes nothing."""
    if not world.history.projects:
        return
    world.run(Reindex())
    _settled(world, "a reindex")
    before = world.writes
    world.run(Reindex())
    if world.writes != before:
        raise Violation("I6", "a second reindex wrote something")


def _settled(world: World, after: str) -> None:
    """Every page shows its manifest as it is, and both roots list every project."""
    if not world.history.projects:
        return
    for project in world.history.projects:
        now = world.history.now(project)
        for key in project_pages(world.store, project):
            found = world.store.objects.get(key)
            if found is None or links_of(key, found.body) != now.visible:
                raise Violation("I6", f"{key} is behind revision {now.number} after {after}")
    layout = layout_of(world.store)
    for key in (*layout.root_html_keys, layout.root_json_key):
        found = world.store.objects.get(key)
        if found is None or projects_of(key, found.body) != set(world.history.projects):
            raise Violation("I7", f"{key} does not list every project after {after}")
