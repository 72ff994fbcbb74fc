"""From a question to a derivation that a person would write: ∂of/∂by, tidied.

The model is made ready (`prepare`), the reverse pass runs over its definitions (`adjoint`), and
what comes out is put in its shortest form, with names of the field (`tidy`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from weakref import WeakKeyDictionary

from backprove.calculus.adjoint import Adjoints, differentiate
from backprove.calculus.canonical import Canon
from backprove.calculus.facts import Facts
from backprove.calculus.names import Names
from backprove.calculus.prepare import (
    PRE,
    Worked,
    in_arrays,
    resolve,
    resolved,
    with_preactivations,
)
from backprove.calculus.simplify import Simplifier
from backprove.calculus.tidy import Derived, Tidy
from backprove.calculus.used import reached
from backprove.model.entity import System
from backprove.tensor.build import select
from backprove.tensor.nodes import Derivative, Node, Select, Symbol, walk

__all__ = [
    "PRE",
    "Derived",
    "derive",
    "raw_derivative",
    "resolve",
    "resolved",
    "shortly",
    "with_preactivations",
]

#: a simplifier that has seen more expressions than this is given up
MOST_KEPT = 20_000


def derive(
    system: System,
    of: Node,
    by: Node,
    mode: str = "total",
    without: frozenset[str] = frozenset(),
) -> Derived:
    """∂of/∂by as a tidy derivation; raises NoDerivative.

    `without` are names whose facts are not used, since the result is to be differentiated by them.
    """
    if isinstance(by, Select) and isinstance(by.arg, Symbol):
        whole = derive(system, of, by.arg, mode, without)
        kept = [None] * of.rank
        return changed(whole, by=by, result=select(whole.result, [*kept, *by.at]))
    used = without | {n.name for n in walk(by) if isinstance(n, Symbol)}

    inner_ones: list[Derived] = []
    worked = shortly(used, inner_ones)
    base = resolved(system, worked)
    base, quantity = resolve(base, of, worked)
    model = _prepared(base, by)
    raw = differentiate(model.system, quantity, by, mode)
    own = of.name if isinstance(of, Symbol) else None
    return _with_inner(Tidy(raw, model.simplifier(without, own)).derived(of, by), inner_ones)


def shortly(without: frozenset[str] = frozenset(), kept: list[Derived] | None = None) -> Worked:
    """For `resolve`: a way to work out derivatives inside of a question, in their short form.

    `without` is as in `derive`; the derivations are added to `kept`.
    """

    def worked(system: System, inner: Derivative) -> tuple[System, Node]:
        found = derive(system, inner.of, inner.by, inner.mode, without)
        if kept is not None:
            kept.append(found)
        return (found.system if found.lines else system), found.result

    return worked


def _with_inner(found: Derived, inner: Sequence[Derived]) -> Derived:
    """A derivation with those lines of the derivatives inside it that it is in terms of."""
    before = [line for one in inner for line in one.lines]
    if not before:
        return found
    lines = reached([*before, *found.lines], found.result, found.raw.spans)
    names = {line.name for line in lines}
    owners = {name: owner for one in inner for name, owner in one.owners.items() if name in names}
    quantities: dict[str, Node] = {}
    for one in inner:
        quantities |= one.inner
        quantities |= {line.name: one.of for line in one.lines if line.name not in one.inner}
    return changed(
        found,
        lines=tuple(lines),
        owners={**owners, **found.owners},
        inner={name: of for name, of in quantities.items() if name in names},
    )


@dataclass(slots=True)
class _Prepared:
    """A model ready for differentiation, and what was found out about its expressions.

    Derivatives by other names, and of the same quantity, share most of their expressions.
    """

    system: System
    entities: int
    simplifiers: dict[tuple[frozenset[str], str | None], Simplifier] = field(
        default_factory=dict[tuple[frozenset[str], str | None], Simplifier]
    )

    def simplifier(self, without: frozenset[str], own: str | None) -> Simplifier:
        """The simplifier for derivatives of a name, without the facts of some others."""
        found = self.simplifiers.get((without, own))
        if found is None or found.size > MOST_KEPT:
            facts = Facts(self.system, without)
            named = [e for e in self.system.all() if e.name not in without]
            names = Names(Canon(facts.usable, facts.definition), named, own)
            found = self.simplifiers[without, own] = Simplifier(facts, names)
        found.begin()
        return found


_PREPARED: WeakKeyDictionary[System, _Prepared] = WeakKeyDictionary()


def _prepared(system: System, by: Node) -> _Prepared:
    if not isinstance(by, Symbol):
        return _Prepared(with_preactivations(system, by), 0)
    count = sum(1 for _ in system.all())
    found = _PREPARED.get(system)
    if found is None or found.entities != count:
        ready = with_preactivations(in_arrays(system), by)
        found = _PREPARED[system] = _Prepared(ready, count)
    return found


def raw_derivative(system: System, of: Node, by: Node, mode: str = "total") -> Adjoints:
    """∂of/∂by without tidying: the quickest way to an expression for its value."""
    base = resolved(system)
    base, of = resolve(base, of)
    return differentiate(base, of, by, mode)
