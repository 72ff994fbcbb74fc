"""Axes made one, and one made several: `vec(X)`, and what stands beside it."""

from __future__ import annotations

from backprove.tensor.build import contract, identity, reshape
from backprove.tensor.nodes import Contract, Identity, Node, Reshape
from backprove.tensor.whole import ONE, Shape


def runs(parts: Shape, wholes: Shape) -> list[list[int]] | None:
    """For each of the wholes the parts that were made one; None where they were not whole axes."""
    found: list[list[int]] = []
    axis = 0
    for size in wholes:
        run, total = [axis], parts[axis] if axis < len(parts) else ONE
        while total != size and axis + 1 < len(parts):
            axis += 1
            run.append(axis)
            total = total * parts[axis]
        if total != size or run[0] >= len(parts):
            return None
        found.append(run)
        axis += 1
    return found if axis == len(parts) else None


def split(node: Reshape) -> Node:
    """A product whose axes are taken apart, as the product of what had them apart.

    `vec(X) vec(X)ᵀ` with four axes is the product of the entries of X.
    """
    product = node.arg
    if not isinstance(product, Contract) or len({*product.out}) < len(product.out):
        return node
    parts = runs(node.shape, product.shape)
    if parts is None:
        return node
    fresh = 1 + max(name for names in (*product.labels, product.out) for name in names)
    apart = {
        name: [fresh + axis for axis in run]
        for name, run in zip(product.out, parts, strict=True)
        if len(run) > 1
    }
    sizes = {
        name: tuple(node.shape[axis] for axis in run)
        for name, run in zip(product.out, parts, strict=True)
    }
    operands: list[Node] = []
    for n, names in zip(product.operands, product.labels, strict=True):
        if apart.keys() & {*names}:
            shape = [
                size
                for name, own in zip(names, n.shape, strict=True)
                for size in (sizes[name] if name in apart else (own,))
            ]
            n = reshape(n, tuple(shape))
            if isinstance(n, Reshape):  # this one never had them apart
                return node
        operands.append(n)
    labels = [[x for name in names for x in apart.get(name, [name])] for names in product.labels]
    return contract(operands, labels, [x for name in product.out for x in apart.get(name, [name])])


def regrouped(node: Contract) -> Node:
    """The identity with an axis in two parts, beside what has those parts, joins them to one axis.

    So the derivative of vec(Y) is that of Y, with two axes as one.
    """
    for place, (n, names) in enumerate(zip(node.operands, node.labels, strict=True)):
        if not isinstance(n, Reshape) or not isinstance(n.arg, Identity):
            continue
        whole, parts = names[0], names[1:]
        rest = [i for i in range(len(node.operands)) if i != place]
        carried = {name for i in rest for name in node.labels[i]}
        whole_axis = n.shape[0] == n.arg.shape[0] and node.out.count(whole) == 1
        if not whole_axis or whole in carried or not {*carried, *node.out}.issuperset(parts):
            continue
        operands = [node.operands[i] for i in rest]
        labels = [node.labels[i] for i in rest]
        joined: list[int] = []
        for part, size in zip(parts, n.shape[1:], strict=True):
            if part in node.out:  # both axes stay: the identity is between them
                joined.append(1 + max([*carried, *names, *node.out, *joined]))
                operands.append(identity(size))
                labels.append((joined[-1], part))
            else:
                joined.append(part)
        at = node.out.index(whole)
        out = [*node.out[:at], *joined, *node.out[at + 1 :]]
        return reshape(contract(operands, labels, out), node.shape)
    return node


def opened(node: Contract) -> Node:
    """A product of arrays with axes made one, summed over these: `(A ⊗ B) vec(X)` is `vec(B X Aᵀ)`.

    An axis is taken apart where all that carry it had it apart, in the same sizes.
    """
    known: dict[int, list[Shape]] = {}
    for place, n in enumerate(node.operands):
        parts = runs(n.arg.shape, n.shape) if isinstance(n, Reshape) else None
        if isinstance(n, Reshape) and parts is not None:
            known[place] = [tuple(n.arg.shape[axis] for axis in run) for run in parts]
    while known:
        at: dict[int, set[Shape | None]] = {}
        for place, names in enumerate(node.labels):
            for axis, name in enumerate(names):
                at.setdefault(name, set()).add(known[place][axis] if place in known else None)
        # an axis of one part is as it was, whatever stands beside it
        whole = {place for place in known if _stays(known[place], node.labels[place], at)}
        if not whole:
            break
        for place in whole:
            del known[place]
    summed = {
        name
        for place, parts in known.items()
        for name, part in zip(node.labels[place], parts, strict=True)
        if len(part) > 1 and name not in node.out
    }
    if not summed or len({*node.out}) < len(node.out):
        return node
    fresh = 1 + max(name for names in (*node.labels, node.out) for name in names)
    apart: dict[int, list[int]] = {}
    for place, parts in known.items():
        for name, part in zip(node.labels[place], parts, strict=True):
            if len(part) > 1 and name not in apart:
                apart[name] = [*range(fresh, fresh + len(part))]
                fresh += len(part)
    operands = [
        n.arg if isinstance(n, Reshape) and i in known else n for i, n in enumerate(node.operands)
    ]
    labels = [[x for name in names for x in apart.get(name, [name])] for names in node.labels]
    out = [x for name in node.out for x in apart.get(name, [name])]
    return reshape(contract(operands, labels, out), node.shape)


def _stays(parts: list[Shape], names: tuple[int, ...], at: dict[int, set[Shape | None]]) -> bool:
    """Whether one of the axes cannot be taken apart, since something else carries it whole."""
    return any(
        len(part) > 1 and at[name] != {part} for part, name in zip(parts, names, strict=True)
    )
