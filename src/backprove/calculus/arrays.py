"""Component definitions as whole arrays: `z[i] = Σ_j W[i,j] x[j]` is `W x`, `Σ_i t_i log p_i` is
`tᵀ log p`.

An open index that only chooses components, over the whole of every axis on which it stands, is an
axis. Where a definition can be read so, its derivative comes out in matrices; what cannot (a
convolution's `x[2(r−1)+i]`, a sum over the members of a family) stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backprove.tensor.build import (
    UNIT,
    add,
    along,
    apply,
    contract,
    count,
    identity,
    ones,
    power,
    rebuild,
    scatter,
    select,
)
from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Contract,
    Fold,
    Node,
    Power,
    Select,
    Test,
    Where,
    walk,
)
from backprove.tensor.simple import is_nothing
from backprove.tensor.whole import ONE, Whole

#: the open indices and the sizes that they run over
Letters = Mapping[str, Whole]
#: an array with an axis for each of these letters first, then its own
Lifted = tuple[Node, tuple[str, ...]]


class _NoArray(Exception):
    """An index that is no axis."""


def as_arrays(node: Node) -> Node:
    """The node with sums and arrays over an index as contractions, where they are."""
    if not any(isinstance(part, Fold | Build) for part in walk(node)):
        return node
    memo: dict[Node, Node] = {}

    def visit(part: Node) -> Node:
        found = memo.get(part)
        if found is None:
            if isinstance(part, Fold | Build):
                try:
                    memo[part] = found = _lift(part, {})[0]
                    return found
                except _NoArray:
                    pass
            inner = [visit(child) for child in part.children]
            same = all(a is b for a, b in zip(inner, part.children, strict=True))
            memo[part] = found = part if same else rebuild(part, inner)
        return found

    return visit(node)


def _lift(node: Node, letters: Letters) -> Lifted:
    """The array whose entry at the letters' values is the node; raises _NoArray."""
    if node.free.isdisjoint(letters) and not isinstance(node, Fold | Build):
        return node, ()
    match node:
        case Select():
            return _selected(node, letters)
        case Add():
            parts = [_lift(n, letters) for _, n in node.terms]
            arrays, names = _together(parts, letters, node.rank)
            return add([(c, a) for (c, _), a in zip(node.terms, arrays, strict=True)]), names
        case Contract():
            parts = [_lift(n, letters) for n in node.operands]
            names = _union(parts, letters)
            labels = [(*own, *rest) for (_, own), rest in zip(parts, node.labels, strict=True)]
            return contract([a for a, _ in parts], labels, (*names, *node.out)), names
        case Apply():
            arrays, names = _together([_lift(n, letters) for n in node.args], letters, node.rank)
            return apply(node.function, *arrays), names
        case Power() if node.exponent.free.isdisjoint(letters):
            base, names = _lift(node.base, letters)
            return power(base, node.exponent), names
        case Along():
            arg, names = _lift(node.arg, letters)
            return along(node.function, arg), names
        case Test():
            return _test(node, letters)
        case Where() if is_nothing(node.otherwise):  # a condition is a factor
            parts = [_lift(node.condition, letters), _lift(node.then, letters)]
            names = _union(parts, letters)
            axes = list(range(node.rank))
            labels = [parts[0][1], (*parts[1][1], *axes)]
            return contract([a for a, _ in parts], labels, [*names, *axes]), names
        case Fold() if node.op == "sum" and node.low == ONE:
            return _summed(node, letters)
        case Build():
            return _built(node, letters)
        case _:
            raise _NoArray


def _selected(node: Select, letters: Letters) -> Lifted:
    """Components at the letters are axes named by them."""
    if not node.arg.free.isdisjoint(letters):
        raise _NoArray
    fixed: list[Whole | None] = []
    labels: list[object] = []
    own: list[object] = []
    for axis, (index, size) in enumerate(zip(node.at, node.arg.shape, strict=True)):
        name = index.name if index is not None else None
        if name is not None and name in letters:
            if letters[name] != size:
                raise _NoArray
            fixed.append(None)
            labels.append(name)
        elif index is None:
            fixed.append(None)
            labels.append(axis)
            own.append(axis)
        elif index.names.isdisjoint(letters):
            fixed.append(index)
        else:
            raise _NoArray
    names = tuple(dict.fromkeys(n for n in labels if isinstance(n, str)))
    return contract([select(node.arg, fixed)], [labels], [*names, *own]), names


def _test(node: Test, letters: Letters) -> Lifted:
    """`i = j` is the identity, `i = 3` a unit vector."""
    left, right = node.left, node.right
    if node.op != "=":
        raise _NoArray
    for a, b in ((left, right), (right, left)):
        if a.name is None or a.name not in letters:
            continue
        if b.name is not None and b.name in letters and letters[a.name] == letters[b.name]:
            return identity(letters[a.name]), (a.name, b.name)
        if b.names.isdisjoint(letters):
            return scatter(UNIT, [b], (letters[a.name],)), (a.name,)
    raise _NoArray


def _summed(node: Fold, letters: Letters) -> Lifted:
    if node.index in letters or not node.high.names.isdisjoint(letters):
        raise _NoArray
    body, names = _lift(node.body, {**letters, node.index: node.high})
    rest = tuple(n for n in names if n != node.index)
    axes = list(range(body.rank - len(names)))
    if node.index in names:
        return contract([body], [[*names, *axes]], [*rest, *axes]), rest
    return contract([count(node.high), body], [[], [*names, *axes]], [*names, *axes]), names


def _built(node: Build, letters: Letters) -> Lifted:
    if not letters.keys().isdisjoint(node.indices):
        raise _NoArray
    sizes = dict(zip(node.indices, node.shape, strict=False))
    body, names = _lift(node.body, {**letters, **sizes})
    outer = tuple(n for n in letters if n in names)
    axes = list(range(body.rank - len(names)))
    operands, labels = [body], [[*names, *axes]]
    missing = [n for n in node.indices if n not in names]
    if missing:
        operands.append(ones(tuple(sizes[n] for n in missing)))
        labels.append([*missing])
    return contract(operands, labels, [*outer, *node.indices, *axes]), outer


def _union(parts: Sequence[Lifted], letters: Letters) -> tuple[str, ...]:
    used = {name for _, names in parts for name in names}
    return tuple(name for name in letters if name in used)


def _together(
    parts: Sequence[Lifted], letters: Letters, rank: int
) -> tuple[list[Node], tuple[str, ...]]:
    """The arrays with the same letters in front, in the same order."""
    names = _union(parts, letters)
    axes = list(range(rank))
    arrays: list[Node] = []
    for array, own in parts:
        missing = [n for n in names if n not in own]
        operands, labels = [array], [[*own, *axes]]
        if missing:
            operands.append(ones(tuple(letters[n] for n in missing)))
            labels.append([*missing])
        arrays.append(contract(operands, labels, [*names, *axes]))
    return arrays, names
