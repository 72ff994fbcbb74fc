"""A wrong link, with all that the judge knows about it, and the time for finding its mistake."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import thread_time

from backprove.judge.link import Side
from backprove.judge.world import Grid, Setting, World
from backprove.model.entity import System
from backprove.model.scope import Scope
from backprove.model.value import Value
from backprove.notation.syntax import Expr, Relation

#: what a claim costs at most while its mistake is looked for, in seconds; and one that is compared
#: where sizes are 1, of whose mistake little can be known
LIMIT = 0.6
LIMIT_SMALL = 0.25


class OutOfBudget(Exception):
    """Looking for the mistake took longer than it may."""


@dataclass(slots=True)
class WrongClaim:
    """A link that is wrong, with all that the judge knows about it.

    `fits` says that both sides have a meaning as written and the same shape; else the claim is
    compared where sizes are 1. `definitions` are the writer's own, in order.
    """

    world: World
    system: System
    left: Expr
    value: Value
    right: Expr
    other: Value | None
    scope: Scope
    grid: Grid
    strict: bool
    settings: Sequence[Setting]
    truth: Side
    fits: bool
    relation: Relation
    definitions: Sequence[Relation] = ()
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = thread_time() + (LIMIT if self.fits else LIMIT_SMALL)

    def spend(self) -> None:
        """Raises OutOfBudget when the time is over."""
        if thread_time() > self.until:
            raise OutOfBudget

    @contextmanager
    def unhurried(self) -> Generator[None]:
        """What is done inside does not count."""
        before = thread_time()
        yield
        self.until += thread_time() - before
