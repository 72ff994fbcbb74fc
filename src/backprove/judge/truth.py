"""The truth of a claim's left side, written out in the writer's letters.

Matrices are preferred; what needs more than one line is followed by lines after “where”; the chain
rule over the names of the model, one step of a recursion, and components serve where there is no
other form.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from fractions import Fraction
from typing import Any
from weakref import WeakKeyDictionary

from backprove.calculus.adjoint import unit
from backprove.calculus.derive import Derived, derive, raw_derivative
from backprove.calculus.pullback import NoDerivative
from backprove.calculus.ranges import settled
from backprove.calculus.simplify import cost, simplify
from backprove.calculus.unroll import closed
from backprove.judge.link import agree
from backprove.judge.rewrite import places
from backprove.judge.world import EQUAL
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.entity import Entity, IndexRange, System, member
from backprove.model.value import NoMeaning
from backprove.model.write import NoMatrixForm, written, written_components
from backprove.model.write_syntax import Letters, written_index
from backprove.notation.latex import to_latex
from backprove.notation.syntax import Array, Cases, Expr, Index, Name, Range, Relation
from backprove.notation.syntax import Derivative as WrittenDerivative
from backprove.tensor.build import (
    ShapeError,
    add,
    contract,
    derivative,
    literal,
    rebuild,
    replace,
    substitute,
    symbol,
    unused,
    zero,
)
from backprove.tensor.nodes import Derivative, Fold, Node, Select, Symbol, walk

#: names for the adjoints in a correction, where the writer has taken the usual ones
OTHERS = "δεηρνξψφ"
#: how many adjoints, and how long an expression, still stand in one line
MOST_PARTS = 24
MOST_COST = 160
#: forms tried to shorten a correction
LITTLE_WORK = 120

Question = tuple[Node, Node, str]
_DERIVED: WeakKeyDictionary[System, dict[Question, Derived]] = WeakKeyDictionary()
#: the truths about a model that were written out, for the next claim about the same left side
_TRUTHS: WeakKeyDictionary[System, dict[Any, Truth | None]] = WeakKeyDictionary()
#: derivations and truths kept for one model
MOST_KEPT = 300


@dataclass(frozen=True, slots=True)
class Truth:
    """What a left side is: a right side, and the lines that its own names need.

    Where only components can be written, `right` is the whole equation for one.
    """

    right: Expr | Relation
    lines: tuple[Relation, ...] = ()

    @property
    def latex(self) -> str:
        where = [f"\\text{{where }} {to_latex(line)}" for line in self.lines]
        return " \\quad ".join([to_latex(self.right), *where])


def truth_of(claim: WrongClaim) -> Truth | None:
    """The truth of a claim's left side; None where it cannot be written."""
    if claim.system.entities:  # the writer's own definitions
        return _truth_or_none(claim)
    known = _TRUTHS.setdefault(claim.world.system, {})
    question = (claim.left, claim.value.node, tuple(claim.scope.indices))
    if question not in known:
        if len(known) >= MOST_KEPT:
            known.clear()
        known[question] = _truth_or_none(claim)
    return known[question]


def _truth_or_none(claim: WrongClaim) -> Truth | None:
    try:
        return _truth(claim)
    except (NoDerivative, NoMatrixForm, NoMeaning, ShapeError, KeyError, RecursionError):
        return None


def _truth(claim: WrongClaim) -> Truth:
    node = opened(claim.value.node, claim.system)
    if isinstance(node, Symbol):  # `L = …`: what it is defined by
        node = _definition(claim.system, node) or node
    parts = [n for n in walk(node) if isinstance(n, Derivative) and not _inside_another(n, node)]
    letters = Letters(taken=frozenset(claim.scope.indices))
    long: Truth | None = None
    for way in (_in_one_line, _in_one_step, _in_steps, _in_lines, _by_chain_rule, _by_one_step):
        try:
            found = way(claim, node, parts, lambda n: written(n, letters))
        except NoMatrixForm:
            continue
        if not _lists_cases(found.right):
            return found
        long = found  # by components it is shorter, if they can be written
        break
    recursive = any(isinstance(part.of, Symbol) and part.of.index for part in parts)
    ways = (_by_one_step, _in_one_line) if recursive else (_in_one_line, _by_one_step)
    for way in (*ways, _by_chain_rule):
        try:
            return way(claim, node, parts, lambda n: _by_components(claim, n, letters))
        except NoMatrixForm:
            continue
    if long is not None:
        return long
    raise NoMatrixForm("there is no way to write this")


def _lists_cases(expr: Expr | Relation) -> bool:
    """Whether an array is written as a list of cases, one for each of its places."""
    if isinstance(expr, Relation):
        return False
    inside = [p.expr for p in places(expr) if isinstance(p.expr, Array)]
    return any(isinstance(p.expr, Cases) for array in inside for p in places(array))


Write = Callable[[Node], Expr | Relation]


def _in_one_line(claim: WrongClaim, node: Node, parts: Sequence[Derivative], write: Write) -> Truth:
    table: dict[Node, Node] = {}
    for part in parts:
        found = _derived(claim, part)
        table[part] = unrolled(found.lines, found.result)
    return _shortest(replace(node, table), write)


def _in_one_step(claim: WrongClaim, node: Node, parts: Sequence[Derivative], write: Write) -> Truth:
    """Of a state by the one before it the immediate derivative, where there is no other path."""
    table: dict[Node, Node] = {}
    for part in parts:
        found = _derived(
            claim,
            Derivative.intern(part.shape, part.free, part.children, part.of, part.by, "immediate"),
        )
        table[part] = unrolled(found.lines, found.result)
    whole = replace(node, table)
    for setting, true in zip(claim.settings, claim.truth.arrays, strict=True):
        if agree([setting.array(whole, claim.grid)], [true], claim.strict) > EQUAL:
            raise NoMatrixForm("there are paths through other steps")
    return _shortest(whole, write)


def _in_steps(claim: WrongClaim, node: Node, parts: Sequence[Derivative], write: Write) -> Truth:
    """Of a state by an earlier one the product of the Jacobians of the steps between."""
    table: dict[Node, Node] = {}
    for part in parts:
        try:
            steps, found = closed(_derived(claim, part))
        except NoDerivative:
            raise NoMatrixForm("no product of steps") from None
        table[part] = replace(found.result, dict(steps))
    return Truth(write(replace(node, table)))


def _in_lines(claim: WrongClaim, node: Node, parts: Sequence[Derivative], write: Write) -> Truth:
    """With one family of adjoints, which depends on nothing that the claim leaves open."""
    derived = {part: _derived(claim, part) for part in parts}
    lines = [line for found in derived.values() for line in found.lines]
    for line in lines:
        own = {r.name for r in line.ranges}
        assert line.body is not None
        if line.name != lines[0].name or not own or (line.body.free - own) & node.free:
            raise NoMatrixForm("several families of adjoints")
    rename = {k: v for f in derived.values() for k, v in _renamed(f, claim).items()}
    table = {part: _put_names(found.result, rename) for part, found in derived.items()}
    side = _shortest(replace(node, table), write)
    return replaced(side, lines=tuple(_written([_with_names(line, rename) for line in lines])))


def _by_chain_rule(
    claim: WrongClaim, node: Node, parts: Sequence[Derivative], write: Write
) -> Truth:
    table = {part: by_derivatives(claim, part) for part in parts}
    return _shortest(replace(node, table), write)


def _by_one_step(claim: WrongClaim, node: Node, parts: Sequence[Derivative], write: Write) -> Truth:
    """By the definition of what is differentiated: a recursion where that is a family's member."""
    table = {part: by_definition(claim.system, part) for part in parts}
    return _shortest(replace(node, table), write)


def _shortest(node: Node, write: Write) -> Truth:
    """A node written in its shortest form, or as it is where only that can be written."""
    try:
        return Truth(write(simplify(node, LITTLE_WORK)))
    except NoMatrixForm:
        return Truth(write(node))


def by_definition(system: System, part: Derivative) -> Node:
    """∂h_t/∂U by way of what h_t is defined by: `∂⁺h_t/∂U + Σ ∂⁺h_t/∂h_{t−1} ∂h_{t−1}/∂U`.

    Raises NoMatrixForm where there is no such definition, or nothing in it depends on U.
    """
    of, by = part.of, part.by
    names = isinstance(of, Symbol) and isinstance(by, Symbol) and by.name != of.name
    body = _definition(system, of) if isinstance(of, Symbol) and names else None
    if body is None or part.mode != "total":
        raise NoMatrixForm("no definition to go by")
    whole = [(Fraction(1), _held(system, of, body, by))]
    for inner in dict.fromkeys(n for n in walk(body) if isinstance(n, Symbol) and n is not by):
        if inner.free - of.free or _definition(system, inner) is None:
            continue
        step = _held(system, of, body, inner)
        rest = derivative(inner, by, part.mode)
        lead, middle = range(of.rank), range(of.rank, of.rank + inner.rank)
        last = range(of.rank + inner.rank, of.rank + inner.rank + by.rank)
        labels = [[*lead, *middle], [*middle, *last]]
        whole.append((Fraction(1), contract([step, rest], labels, [*lead, *last])))
    if len(whole) == 1:
        raise NoMatrixForm("nothing comes before it")
    return add(whole, (*of.shape, *by.shape))


def _held(system: System, of: Node, body: Node, by: Node) -> Node:
    """The derivative of a definition by a name in it, all others held; what it defines by name."""
    found = raw_derivative(system, body, by, "line").result
    return replace(found, {body: of}) if body.children else found


def _definition(system: System, name: Symbol) -> Node | None:
    """What a name, or a member of a family by its rule, is defined by."""
    for entity in system.named(name.name):
        names = [w.name for w in entity.index]
        if entity.body is None or len(names) != len(name.index):
            continue
        if all(names):
            put = {n: w for n, w in zip(names, name.index, strict=True) if n}
            return substitute(entity.body, put) if put else entity.body
    return None


def unrolled(lines: Sequence[Entity], result: Node) -> Node:
    """A derivative in one expression, its adjoints put in; raises NoMatrixForm where it is long."""
    names = {line.name for line in lines}
    budget = [MOST_PARTS]

    def visit(node: Node) -> Node:
        if not any(isinstance(n, Symbol) and n.name in names for n in walk(node)):
            return node
        if isinstance(node, Symbol):
            return visit(_line_of(node))
        if isinstance(node, Fold) and node.op == "sum" and node.index in _places(node.body, names):
            low, high = node.low.constant, node.high.constant
            if not isinstance(low, int) or not isinstance(high, int) or high - low > 3:
                raise NoMatrixForm("a sum of many terms")
            steps = [substitute(node.body, {node.index: k}) for k in range(low, high + 1)]
            return add([(1, visit(step)) for step in steps], node.shape)
        return rebuild(node, [visit(child) for child in node.children])

    def _line_of(node: Symbol) -> Node:
        budget[0] -= 1
        at = [w.constant for w in node.index]
        if budget[0] < 0 or not all(isinstance(k, int) for k in at):
            raise NoMatrixForm("too long for one line")
        for line in sorted(lines, key=lambda e: len(e.ranges)):
            if line.name != node.name or line.body is None:
                continue
            try:
                values = line.match(tuple(int(k) for k in at if k is not None), {})
            except KeyError:
                raise NoMatrixForm("the last step has no number") from None
            if values is not None:
                return substitute(line.body, values) if values else line.body
        return zero(node.shape) if node.shape else literal(0)

    whole = visit(result)
    if cost(whole) > MOST_COST:
        raise NoMatrixForm("too long for one line")
    return whole


def _places(node: Node, names: Container[str]) -> set[str]:
    """The letters by which members of these families are chosen."""
    members = (n for n in walk(node) if isinstance(n, Symbol) and n.name in names)
    return {letter for n in members for w in n.index for letter in w.names}


def by_derivatives(claim: WrongClaim, part: Derivative) -> Node:
    """A derivative by the chain rule over the model's own names: `Wᵀ ∂L/∂z`."""
    adjoints = raw_derivative(claim.system, part.of, part.by, part.mode)
    owners = {name: key[0] for key, name in adjoints.names.items()}
    rank = part.of.rank
    lines = [e for group in adjoints.system.entities.values() for e in group]

    def closed(node: Symbol, depth: int = 0) -> Node | None:
        """The adjoint of a name that depends on no other adjoint, as it is."""
        own = [e for e in lines if e.name == node.name]
        names = [w.name for w in own[0].index] if own else []
        if len(own) != 1 or own[0].body is None or not all(names):
            return None
        body = own[0].body
        inner: dict[Node, Node] = {}
        for n in walk(body):
            if isinstance(n, Symbol) and n.name in owners:
                found = closed(n, depth + 1) if depth < 4 else None
                if found is None:
                    return None
                inner[n] = found
        body = simplify(replace(body, inner), LITTLE_WORK)
        put = {n: w for n, w in zip(names, node.index, strict=True) if n}
        return substitute(body, put) if put else body

    table: dict[Node, Node] = {}
    for n in walk(adjoints.result):
        if isinstance(n, Symbol) and n.name in owners:
            own = symbol(owners[n.name], n.shape[rank:], n.index)
            whole = unit(part.of.shape) if own is part.of else derivative(part.of, own, part.mode)
            table[n] = closed(n) or whole
    return simplify(replace(adjoints.result, table), LITTLE_WORK)


def _by_components(claim: WrongClaim, truth: Node, letters: Letters) -> Expr | Relation:
    """The whole equation for one component, where there is no form with matrices."""
    known = tuple(IndexRange(name, low, high) for name, low, high in claim.grid.axes)
    if isinstance(truth, Select) and not truth.shape:  # the claim is about one component already
        at = [w for w in truth.at if w is not None]

        def shorten(node: Node) -> Node:
            return settled(simplify(settled(node, known)), known)

        return written_components(truth.arg, at, letters, shorten, known)
    if not isinstance(claim.left, WrittenDerivative):
        raise NoMatrixForm("no component of this can be written")
    free = [x for x in letters.indices if x not in claim.system.names() | truth.free][: truth.rank]
    place = Index(claim.left, tuple(Name(x) for x in free), bracket=True)
    right = written_components(truth, free, letters)
    return Relation((place, right), ("=",))


def _derived(claim: WrongClaim, part: Derivative) -> Derived:
    """The derivation of a derivative; those about the model alone are kept."""
    question = (part.of, part.by, part.mode)
    own = set(claim.system.entities)
    if any(isinstance(n, Symbol) and n.name in own for n in walk(part)):
        return derive(claim.system, *question)
    known = _DERIVED.setdefault(claim.world.system, {})
    found = known.get(question)
    if found is None:
        if len(known) >= MOST_KEPT:
            known.clear()
        found = known[question] = derive(claim.world.system, *question)
    return found


def opened(node: Node, system: System) -> Node:
    """With the writer's own names for derivatives (`δ_t = ∂E/∂h_t`) opened."""
    table: dict[Node, Node] = {}
    for part in walk(node):
        if not isinstance(part, Symbol):
            continue
        for entity in system.entities.get(part.name, []):
            names = [w.name for w in entity.index]
            if entity.body is None or len(names) != len(part.index) or not all(names):
                continue
            if any(isinstance(n, Derivative) for n in walk(entity.body)):
                put = {n: w for n, w in zip(names, part.index, strict=True) if n}
                table[part] = substitute(entity.body, put) if put else entity.body
    return replace(node, table) if table else node


def _inside_another(part: Node, root: Node) -> bool:
    """Whether a derivative is itself differentiated: the outer one is derived whole."""
    return any(
        isinstance(n, Derivative) and n is not part and any(c is part for c in walk(n.of))
        for n in walk(root)
    )


# --- names ------------------------------------------------------------------------------------------


def _renamed(found: Derived, claim: WrongClaim) -> dict[str, str]:
    """Other names for adjoints where the writer has given theirs a meaning."""
    taken = claim.system.names() | set(claim.scope.indices)
    rename: dict[str, str] = {}
    for name in dict.fromkeys(line.name for line in found.lines):
        if name in claim.system.entities:
            free = next((x for x in OTHERS if x not in taken), None)
            rename[name] = free or unused(name, taken)
            taken |= {rename[name]}
    return rename


def _with_names(line: Entity, rename: dict[str, str]) -> Entity:
    body = None if line.body is None else _put_names(line.body, rename)
    return Entity(
        rename.get(line.name, line.name), line.index, line.ranges, line.shape, line.facts, body
    )


def _put_names(node: Node, rename: dict[str, str]) -> Node:
    if not rename:
        return node
    table: dict[Node, Node] = {
        n: symbol(rename[n.name], n.shape, n.index, n.facts)
        for n in walk(node)
        if isinstance(n, Symbol) and n.name in rename
    }
    return replace(node, table)


# --- lines ------------------------------------------------------------------------------------------


def _written(lines: list[Entity]) -> Iterator[Relation]:
    for line in lines:
        assert line.body is not None
        ranges = tuple(
            Range(r.name, written_index(r.low), written_index(r.high))
            for r in line.ranges
            if r.low is not None and r.high is not None
        )
        yield Relation((written(member(line)), written(line.body)), ("=",), ranges)
