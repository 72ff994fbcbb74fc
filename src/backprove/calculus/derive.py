"""From a question to a derivation that a person would write: ∂of/∂by, tidied.

The model is made ready (`prepare`), the reverse pass runs over its definitions (`adjoint`), and
what comes out is put in its shortest form, with names of the field (`tidy`).
"""

from __future__ import annotations

from dataclasses import replace as changed

from backprove.calculus.adjoint import Adjoints, differentiate
from backprove.calculus.canonical import Canon
from backprove.calculus.facts import Facts
from backprove.calculus.names import Names
from backprove.calculus.prepare import (
    PRE,
    in_arrays,
    resolve,
    resolved,
    with_preactivations,
)
from backprove.calculus.simplify import Simplifier
from backprove.calculus.tidy import Derived, Tidy
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
    "with_preactivations",
]


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

    def worked(system: System, inner: Derivative) -> tuple[System, Node]:
        found = derive(system, inner.of, inner.by, inner.mode, used)
        return (found.system if found.lines else system), found.result

    base = resolved(system, worked)
    base, quantity = resolve(base, of, worked)
    if isinstance(by, Symbol):
        base = in_arrays(base)
    ready = with_preactivations(base, by)
    raw = differentiate(ready, quantity, by, mode)
    facts = Facts(ready, without)
    named = [e for e in ready.all() if e.name not in without]
    own = of.name if isinstance(of, Symbol) else None
    names = Names(Canon(facts.usable, facts.definition), named, own)
    return Tidy(raw, Simplifier(facts, names)).derived(of, by)


def raw_derivative(system: System, of: Node, by: Node, mode: str = "total") -> Adjoints:
    """∂of/∂by without tidying: the quickest way to an expression for its value."""
    base = resolved(system)
    base, of = resolve(base, of)
    return differentiate(base, of, by, mode)
