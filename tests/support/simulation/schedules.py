"""Decisions drawn from a seed: who goes on, what goes wrong, what arrives when."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from support.simulation.actors import Actor
from support.simulation.ending import conclude, released
from support.simulation.requests import Fate
from support.simulation.scenarios import Scenario
from support.simulation.stock import Stock
from support.simulation.strands import Strand
from support.simulation.world import World

__all__ = ["Temper", "play"]

_ON_A_DISK = (Fate.FAILS, Fate.DIES_BEFORE, Fate.DIES_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How a schedule likes it."""

    trouble: float
    """How likely a request is not simply to proceed."""
    patience: float
    """How likely whoever has had the turn keeps it: races need short turns, and long ones."""
    delay: float
    """How likely what is on its way stays there for another step."""

    @classmethod
    def drawn(cls, chance: random.Random) -> Temper:
        """One at random; a third of the runs has no trouble at all, and then nobody has an excuse."""
        return cls(
            trouble=chance.choice([0, 0, 0.02, 0.05, 0.15, 0.3]),
            patience=chance.choice([0, 0.5, 0.9, 0.97]),
            delay=chance.choice([0.7, 0.95, 1]),
        )


def play(scenario: Callable[[Stock, random.Random], Scenario], stock: Stock, seed: int) -> World:
    """Play a scenario as the seed has it, to its end; raises Violation with the whole story."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    drawn, temper = scenario(stock, chance), Temper.drawn(chance)
    with World(drawn.flavour) as world:
        for command in drawn.before:
            world.run(command)
        _meet(world, drawn, temper, chance)
        conclude(world, seed)
    if drawn.agreed and temper.trouble:
        assert released(world) == released(_undisturbed(drawn)), "I12: not the end of an undisturbed run"
    return world


def _undisturbed(scenario: Scenario) -> World:
    with World(scenario.flavour) as world:
        for command in (*scenario.before, *scenario.commands):
            world.run(command)
    return world


def _meet(world: World, scenario: Scenario, temper: Temper, chance: random.Random) -> None:
    coming = list(scenario.commands)
    chance.shuffle(coming)
    taken_away = scenario.taken_away
    turn: Actor | None = None
    while coming or world.alive:
        if coming and (not world.alive or chance.random() < 0.2):
            world.start(coming.pop())
            continue
        if taken_away in world.store.objects and chance.random() < 0.03:
            world.remove_by_hand(taken_away)
            taken_away = None
        if world.late and chance.random() > temper.delay:
            world.deliver(chance.choice(world.late))
            continue
        if turn is None or turn.gone or chance.random() > temper.patience:
            turn = chance.choice(world.alive)
        strand = chance.choice(turn.waiting)
        world.serve(turn, strand, _fate(world, strand, temper, chance))


def _fate(world: World, strand: Strand, temper: Temper, chance: random.Random) -> Fate:
    request = strand.request
    assert request is not None
    if chance.random() >= temper.trouble:
        return Fate.PROCEEDS
    possible = [fate for fate in request.fates if world.flavour.remote or fate in _ON_A_DISK]
    return chance.choice(possible)
