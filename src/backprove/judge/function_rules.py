"""Rules for mistakes in functions, powers and conditions: what might have been meant there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backprove.judge.around import Around
from backprove.judge.indices import shifted
from backprove.judge.rewrite import Place, Words, says, summed, terms_of
from backprove.model.calls import ELEMENTWISE
from backprove.notation.syntax import Call, Compare, Expr, Power, Sum

#: functions that are taken for each other
ALIKE: dict[str, tuple[str, ...]] = {
    "sin": ("cos",), "cos": ("sin",), "sinh": ("cosh",), "cosh": ("sinh",), "relu": ("step",),
    "step": ("relu", "sign"), "sign": ("step",), "abs": ("sign",), "sigmoid": ("tanh", "softplus"),
    "tanh": ("sigmoid",), "exp": ("log",), "log": ("exp",), "softplus": ("sigmoid",),
}  # fmt: skip


#: functions that do not feel the sign of their argument
EVEN = frozenset({"abs", "cos", "cosh"})


def conditions(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A condition with its sign the other way round, or a window in another place."""
    expr = place.expr
    if isinstance(expr, Compare) and len(expr.ops) == 1:
        other = {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}.get(expr.ops[0])
        if other is not None:
            new = replace(expr, ops=(other,))
            yield "sign", new, says("{} should be {}", expr, new)
    if isinstance(expr, Compare) and len(expr.ops) == 2:
        first, middle, last = expr.operands
        for step in (-1, 1):  # the whole window one place off
            ends = [
                shifted(end, step, around.letters(place), around.trial.scope.system)
                for end in (first, last)
            ]
            if ends[0] is not None and ends[1] is not None:
                new = replace(expr, operands=(ends[0], middle, ends[1]))
                yield "wrong-index", new, says("{} should be {}", expr, new)


def functions(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """f for f' and the other way round, or a function of the same family."""
    expr = place.expr
    if not isinstance(expr, Call) or expr.function not in ELEMENTWISE or len(expr.args) != 1:
        return
    variants = [replace(expr, primes=expr.primes + 1)] if not expr.primes else []
    if expr.primes:
        variants.append(replace(expr, primes=expr.primes - 1))
    variants += [replace(expr, function=f) for f in ALIKE.get(expr.function, ())]
    if expr.primes or expr.function not in EVEN:
        inner = Sum(tuple((-s, t) for s, t in terms_of(expr.args[0])))
        turned = replace(expr, args=(inner,))
        yield "sign", turned, says("{} should be {}", expr, turned)
    for new in variants:
        yield "wrong-derivative", new, says("{} should be {}", expr, new)


def powers(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A power of a sum where one of its terms is meant, and the other way round: `(1 - y)^2`."""
    expr = place.expr
    if place.within != "value":
        return
    if isinstance(expr, Power) and isinstance(expr.base, Sum) and len(expr.base.terms) > 1:
        terms = expr.base.terms
        raised = [(s, Power(t, expr.exponent)) for s, t in terms]
        for new in (summed([*terms[:-1], raised[-1]]), summed([(1, t) for _, t in raised])):
            yield "wrong-derivative", new, says("{} should be {}", expr, new)
    if isinstance(expr, Sum) and len(expr.terms) > 1:
        sign, last = expr.terms[-1]
        if isinstance(last, Power) and not isinstance(last.base, Sum):
            new = Power(Sum((*expr.terms[:-1], (sign, last.base))), last.exponent)
            yield "wrong-derivative", new, says("{} should be {}", expr, new)
