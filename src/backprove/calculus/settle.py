"""What stands together in one product: facts used, powers met, functions recognised.

These steps are always wanted in a finished result. They are not in the smart constructors, since
a fact or a name must not vanish before something is differentiated by it.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import TypeGuard

from backprove.calculus.canonical import Canon
from backprove.calculus.facts import Facts, Simplify
from backprove.calculus.length import MATRIX
from backprove.calculus.names import Names
from backprove.calculus.reshapes import opened, regrouped, runs, split
from backprove.tensor.build import (
    UNIT,
    add,
    along,
    apply,
    build,
    contract,
    fold,
    literal,
    ones,
    permute,
    power,
    reshape,
    scale,
    scatter,
    select,
    split_coefficient,
    substitute,
    sum_axes,
    zero,
)
from backprove.tensor.nodes import (
    Add,
    Apply,
    Build,
    Contract,
    Fold,
    Identity,
    Literal,
    Node,
    Ones,
    Power,
    Reshape,
    Scatter,
    Select,
)
from backprove.tensor.whole import ONE, Whole

Labels = tuple[int, ...]
Operand = tuple[Node, Labels]


def split_power(node: Node) -> tuple[Node, Node]:
    """A node as base and exponent."""
    return (node.base, node.exponent) if isinstance(node, Power) else (node, UNIT)


def content(node: Node) -> tuple[Fraction, Node]:
    """A sum as a number times a sum without common factor; minus is taken out if all have it."""
    if not isinstance(node, Add) or len(node.terms) < 2:
        return Fraction(1), node
    numbers = [c for c, _ in node.terms]
    top = gcd(*(abs(c.numerator) for c in numbers))
    common = Fraction(top, gcd(*(c.denominator for c in numbers)))
    if all(c < 0 for c in numbers):
        common = -common
    return common, node if common == 1 else scale(1 / common, node)


class Settle:
    """Products and functions in their settled form."""

    def __init__(
        self, facts: Facts, canon: Canon, simplify: Simplify, names: Names | None = None
    ) -> None:
        self.facts = facts
        self.names = names
        self.canon = canon
        self.simplify = simplify

    def node(self, node: Node) -> Node:
        """A node with what stands at its top settled."""
        fresh = self.top(node)
        return fresh if self.names is None else self.names.named(fresh)

    def top(self, node: Node) -> Node:
        """The same without names for what the model names."""
        match node:
            case Contract():
                return self.product(node)
            case Fold(op="sum"):
                return self.fold(node)
            case Build():
                return _single(node)
            case Reshape() if isinstance(node.arg, Add):
                return add([(c, reshape(n, node.shape)) for c, n in node.arg.terms], node.shape)
            case Reshape() if isinstance(node.arg, Contract):
                return split(node)
            case Scatter():
                number, rest = split_coefficient(node.arg)
                return scale(number, scatter(rest, node.at, node.shape)) if number != 1 else node
            case Power() if isinstance(node.exponent, Literal):
                return self.power(node, node.exponent.value)
            case Apply(function="log"):
                return self.logarithm(node)
            case Apply(function="greater" | "greater-equal") if not node.shape:
                return _compared(node)
            case Apply(function="tanh" | "sinh" | "sin" | "erf" | "sign"):
                # odd functions
                number, _rest = content(node.args[0])
                number = number if number == -1 else _sign(node.args[0])
                if number == -1:
                    return scale(-1, apply(node.function, scale(-1, node.args[0])))
                return node
            case _:
                return node

    def function(self, node: Node) -> Node:
        """Only a function that people have a name for."""
        match node:
            case Contract():
                return self._functions(node)
            case Power() if isinstance(node.exponent, Literal) and node.exponent.value <= -1:
                return self._sigmoid(node, node.exponent.value)
            case Apply(function="log"):
                return self.logarithm(node)
            case _:
                return node

    # --- products ---

    def product(self, node: Contract) -> Node:
        """Settled until nothing changes."""
        for step in (
            _apart,
            _diagonal,
            regrouped,
            opened,
            self._scattered,
            self._numbers,
            self._sums,
            self._powers,
            self._functions,
            self._upright,
        ):
            fresh = step(node)
            if fresh is not node:
                number, rest = _number(fresh)
                return scale(number, self.product(rest)) if isinstance(rest, Contract) else fresh
        return node

    def _numbers(self, node: Contract) -> Node:
        """Common factors of the numbers in a sum move to the front."""
        front = Fraction(1)
        operands: list[Node] = []
        for n in node.operands:
            number, rest = content(n)
            front *= number
            operands.append(rest)
        return scale(front, contract(operands, node.labels, node.out)) if front != 1 else node

    def _sums(self, node: Contract) -> Node:
        """What is only summed, and sums to one, vanishes; where it sums to zero all does."""
        for place, (n, names) in enumerate(zip(node.operands, node.labels, strict=True)):
            if not names or isinstance(n, Ones):
                continue
            uses = sum(other.count(names[-1]) for other in node.labels) + node.out.count(names[-1])
            if uses == 1 and isinstance(n, Add) and self.facts.sums_to_zero(n, self.simplify):
                return zero(node.shape) if node.shape else literal(0)
            if uses == 1 and self.facts.sums_to_one(n, self.simplify):
                operands = [*node.operands]
                labels = [*node.labels]
                operands[place], labels[place] = ones(n.shape[:-1]), names[:-1]
                return contract(operands, labels, node.out)
        return node

    def _powers(self, node: Contract) -> Node:
        """Powers of one base meet, whatever their exponents; the base may be in another order."""
        met: dict[tuple[Node, Labels], list[int]] = {}
        for place, (n, names) in enumerate(zip(node.operands, node.labels, strict=True)):
            if len(set(names)) == len(names):
                base, _ = split_power(n)
                met.setdefault((self.canon.key(base), names), []).append(place)
        group = next((g for g in met.values() if len(g) > 1), None)
        if group is None:
            return node
        base, _ = split_power(node.operands[group[0]])
        total = add([(1, split_power(node.operands[i])[1]) for i in group])
        if not isinstance(total, Literal):
            total = self.simplify(total)
        merged = power(base, total)
        operands = [merged if i == group[0] else n for i, n in enumerate(node.operands)]
        kept = [i for i in range(len(operands)) if i not in group[1:]]
        return (
            contract([operands[i] for i in kept], [node.labels[i] for i in kept], node.out)
            if _carried(node, kept)
            else node
        )

    def _functions(self, node: Contract) -> Node:
        """exp(s)/Σ exp(s) is softmax, exp(z)/(1 + exp(z)) is σ, sinh/cosh is tanh."""
        pairs: list[Operand] = [*zip(node.operands, node.labels, strict=True)]
        for i, (n, names) in enumerate(pairs):
            if not isinstance(n, Apply) or n.function not in ("exp", "sinh"):
                continue
            for j, (below, under) in enumerate(pairs):
                base, exponent = split_power(below)
                if not isinstance(exponent, Literal) or exponent.value > -1:
                    continue
                found = self._quotient(n, names, base, under)
                if found is not None:
                    rest = power(base, literal(exponent.value + 1))
                    pairs[i], pairs[j] = (found, names), (rest, under)
                    return contract([n for n, _ in pairs], [a for _, a in pairs], node.out)
        return node

    def _quotient(self, top: Apply, names: Labels, base: Node, under: Labels) -> Node | None:
        """What one function divided by an expression is."""
        arg, key = top.args[0], self.canon.key
        if top.function == "sinh":
            same = isinstance(base, Apply) and base.function == "cosh" and under == names
            return apply("tanh", arg) if same and key(base.children[0]) is key(arg) else None
        if isinstance(arg, Select) and not names and arg.arg.rank == 1:
            whole = apply("exp", arg.arg)
            if key(base) is key(sum_axes(whole)):
                return select(along("softmax", arg.arg), arg.at)
        if names and under == names[:-1] and key(base) is key(sum_axes(top, [top.rank - 1])):
            return along("softmax", arg)
        whole = add([(1, ones(top.shape)), (1, top)])
        return apply("sigmoid", arg) if under == names and key(base) is key(whole) else None

    def _scattered(self, node: Contract) -> Node:
        """A product with an array that is zero but for one place is that at the place."""
        for place, (n, names) in enumerate(zip(node.operands, node.labels, strict=True)):
            if (
                not isinstance(n, Scatter)
                or len(node.operands) == 1
                or len(set(node.out)) < node.rank
            ):
                continue
            fixed = {name: at for name, at in zip(names, n.at, strict=True) if at is not None}
            if len(set(names)) < len(names):
                continue
            operands: list[Node] = []
            labels: list[list[int]] = []
            for i, (other, own) in enumerate(zip(node.operands, node.labels, strict=True)):
                if i == place:
                    operands.append(n.arg)
                else:
                    operands.append(select(other, [fixed.get(name) for name in own]))
                labels.append([name for name in own if name not in fixed])
            out = [name for name in node.out if name not in fixed]
            inner = contract(operands, labels, out)
            return scatter(inner, [fixed.get(name) for name in node.out], node.shape)
        return node

    def _upright(self, node: Contract) -> Node:
        """A symmetric matrix is turned so that the product reads from left to right."""
        turns = [n.rank == 2 and self.canon.symmetric(n) for n in node.operands]
        if not any(turns):
            return node
        distance = _distances(node)
        labels = [
            tuple(sorted(names, key=lambda name: distance[name])) if turn else names
            for names, turn in zip(node.labels, turns, strict=True)
        ]
        return contract(node.operands, labels, node.out) if labels != [*node.labels] else node

    # --- sums over an index ---

    def fold(self, node: Fold) -> Node:
        """Scalars that do not depend on the index stand before the sum; entries make an array."""
        number, body = _number(node.body)
        if isinstance(body, Scatter) and _gathers(node, body):
            inner = build([node.index], body.shape[:1], body.arg)
            return scale(number, inner)
        outside: list[Node] = []
        if isinstance(body, Contract):
            pairs: list[Operand] = []
            for n, names in zip(body.operands, body.labels, strict=True):
                if names or node.index in n.free:
                    pairs.append((n, names))
                else:
                    outside.append(n)
            if outside and pairs:
                body = contract([n for n, _ in pairs], [names for _, names in pairs], body.out)
        if number == 1 and not outside:
            return node
        inner = fold("sum", node.index, node.low, node.high, body)
        axes = list(range(node.rank))
        return scale(number, contract([*outside, inner], [*[()] * len(outside), axes], axes))

    # --- functions ---

    def power(self, node: Power, exponent: Fraction) -> Node:
        """Numbers to the front; 1/(1 + exp(−z)) is σ(z)."""
        number, rest = content(node.base)
        if number not in (1, -1) and exponent.denominator == 1:
            return scale(number ** int(exponent), power(rest, node.exponent))
        if exponent.denominator == 1 and exponent < 0 and _is_quotient(node.base):
            base = node.base
            return contract([power(n, node.exponent) for n in base.operands], base.labels, base.out)
        return self._sigmoid(node, exponent) if exponent <= -1 else node

    def _sigmoid(self, node: Power, exponent: Fraction) -> Node:
        inner = _one_plus_exp(node.base)
        if inner is None:
            return node
        return power(apply("sigmoid", scale(-1, inner)), literal(-exponent))

    def logarithm(self, node: Apply) -> Node:
        """log Σ exp(s) is logsumexp, log(1 + exp(z)) softplus."""
        arg = node.args[0]
        if isinstance(arg, Contract) and len(arg.operands) == 1:
            (inner,), (names,) = arg.operands, arg.labels
            if _is_exp(inner) and arg.out == names[:-1]:
                return along("logsumexp", inner.children[0])
        inner = _one_plus_exp(arg)
        return node if inner is None else apply("softplus", inner)


def _gathers(node: Fold, body: Scatter) -> bool:
    """Whether a sum puts one entry into every place of an array: `Σ_j` of `a_j` at place j."""
    first, *rest = body.at
    return (
        first == Whole.of(node.index)
        and not any(at is not None for at in rest)
        and node.low == 1
        and node.high == body.shape[0]
    )


def _is_quotient(node: Node) -> TypeGuard[Contract]:
    """Whether a node is an elementwise product with something below the line."""
    if not isinstance(node, Contract) or len(set(node.out)) < len(node.out):
        return False
    summed = {name for names in node.labels for name in names} - set(node.out)
    below = (split_power(n)[1] for n in node.operands)
    return not summed and any(isinstance(e, Literal) and e.value < 0 for e in below)


def _compared(node: Apply) -> Node:
    """A comparison with one term on each side: `1 − m > 0` is `1 > m`."""
    left, right = node.args
    gap = add([(1, left), (-1, right)])
    if (
        not isinstance(gap, Add)
        or len(gap.terms) != 2
        or isinstance(left, Add) == isinstance(right, Add)
    ):
        return node
    (c, a), (d, b) = gap.terms
    if c * d > 0:
        return node
    above, below = (scale(c, a), scale(-d, b)) if c > 0 else (scale(d, b), scale(-c, a))
    return apply(node.function, above, below)


def _apart(node: Contract) -> Node:
    """A sum of arrays of higher order with its axes in another order, term by term.

    Of an array with axes as one, those axes in the other order.
    """
    inner = next(iter(node.operands))
    if isinstance(inner, Reshape) and len(node.operands) == 1 and len(set(node.out)) == inner.rank:
        parts = runs(inner.arg.shape, inner.shape)
        if parts is not None:
            order = [axis for name in node.out for axis in parts[node.labels[0].index(name)]]
            return reshape(permute(inner.arg, order), node.shape)
    if len(node.operands) > 1 or not isinstance(inner, Add):
        return node
    if inner.rank <= MATRIX and not _pays_to_turn(node, inner):
        return node
    terms = [(c, contract([n], node.labels, node.out)) for c, n in inner.terms]
    return add(terms, node.shape)


def _pays_to_turn(node: Contract, total: Add) -> bool:
    """Whether `(A Xᵀ Bᵀ + Aᵀ Xᵀ B)ᵀ` has more turned matrices than `B X Aᵀ + Bᵀ X A`."""
    if total.rank < MATRIX or node.out != node.labels[0][::-1]:
        return False
    turned = upright = 0
    for _, n in total.terms:
        if not isinstance(n, Contract) or n.rank != MATRIX or n.out[0] == n.out[1]:
            return False
        distance = _distances(n)
        for part, names in zip(n.operands, n.labels, strict=True):
            if part.rank == MATRIX:
                first, second = (distance.get(name, 0) for name in names)
                turned += first > second
                upright += first <= second
    return upright < turned + 1


def _diagonal(node: Contract) -> Node:
    """On a diagonal what hangs on either axis hangs on the first, so that it can meet there."""
    for place, (n, names) in enumerate(zip(node.operands, node.labels, strict=True)):
        if not isinstance(n, Identity) or names[0] == names[1]:
            continue
        first, second = sorted(names, key=lambda name: name not in node.out[:1])
        labels = [
            row if i == place else tuple(first if name == second else name for name in row)
            for i, row in enumerate(node.labels)
        ]
        if labels != [*node.labels] and second in node.out:
            return contract(node.operands, labels, node.out)
    return node


def _one_plus_exp(node: Node) -> Node | None:
    """The z of 1 + exp(z)."""
    if not isinstance(node, Add) or len(node.terms) != 2:
        return None
    for (c, one), (d, n) in (node.terms, node.terms[::-1]):
        if c == d == 1 and one is ones(node.shape) and _is_exp(n):
            return n.children[0]
    return None


def _single(node: Build) -> Node:
    """An array over an index of a single value is its entry, with an axis of length 1."""
    for i, name in enumerate(node.indices):
        if node.shape[i] == ONE:
            rest = [n for n in node.indices if n != name]
            sizes = [s for n, s in zip(node.indices, node.shape, strict=False) if n != name]
            body = build(rest, sizes, substitute(node.body, {name: 1}))
            axes = list(range(1, node.rank))
            order = [*axes[:i], 0, *axes[i:]]
            return contract([body, ones((ONE,))], [axes, [0]], order)
    return node


def _carried(node: Contract, kept: list[int]) -> bool:
    """Whether each label is still on an operand."""
    left = {name for i in kept for name in node.labels[i]}
    return all(name in left for names in node.labels for name in names)


def _distances(node: Contract) -> dict[int, int]:
    """How far each label is from the first axis of the result, or from the first factor.

    What hangs on the last axis only comes before it.
    """
    starts = node.out[:1] or node.labels[0][:1]
    found = dict.fromkeys(starts, 0)
    found = _nearest(node, found)
    if node.out and node.out[-1] not in found:
        behind = _nearest(node, {node.out[-1]: 0})
        found.update({name: -at for name, at in behind.items()})
    for names in node.labels:
        for name in names:
            found.setdefault(name, 0)
    return found


def _nearest(node: Contract, found: dict[int, int]) -> dict[int, int]:
    """How far the labels that hang together with some are from them."""
    for step in range(1, 2 * len(node.operands) + 1):
        reached = [names for names in node.labels if not found.keys().isdisjoint(names)]
        for names in reached:
            for name in names:
                found.setdefault(name, step)
    return found


def _number(node: Node) -> tuple[Fraction, Node]:
    if isinstance(node, Add) and len(node.terms) == 1:
        return node.terms[0]
    return Fraction(1), node


def _sign(node: Node) -> int:
    """-1 for a single term with a minus."""
    number, _ = _number(node)
    return -1 if number < 0 else 1


def _is_exp(node: Node) -> bool:
    return isinstance(node, Apply) and node.function == "exp"
