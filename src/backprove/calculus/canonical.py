"""Equal expressions in different order: a key that is the same for all of them.

`x ⊙ y` and `y ⊙ x` are different nodes, since a person's order is kept for showing. To collect
like terms and common factors they must count as one: the key of a product has its operands in
an order of its own and its labels numbered by that order, found by refining the labels by what
hangs on them (Weisfeiler and Leman, 1968).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction

from backprove.tensor.build import add, identity, permute, rebuild, substitute
from backprove.tensor.nodes import (
    Add,
    Build,
    Contract,
    Fold,
    Identity,
    Inverse,
    Node,
    Symbol,
    free_of,
    walk,
)
from backprove.tensor.product import SYMMETRIC

ROUNDS = 3


class Canon:
    """Keys of nodes, and which matrices are their own transposes."""

    def __init__(
        self,
        usable: Callable[[Symbol], bool] = lambda s: True,
        definition: Callable[[Symbol], Node | None] = lambda s: None,
    ) -> None:
        #: whether the facts of a name may be used
        self.usable = usable
        #: what a name is defined as
        self.definition = definition
        self._keys: dict[Node, Node] = {}
        self._serial: dict[Node, int] = {}
        self._symmetric: dict[Node, bool] = {}

    def key(self, node: Node) -> Node:
        """The node that stands for all expressions equal to this one up to order."""
        found = self._keys.get(node)
        if found is None:
            found = self._keys[node] = self._made(node)
        return found

    def serial(self, key: Node) -> int:
        """A number for a key, by which keys are put in order."""
        return self._serial.setdefault(key, len(self._serial))

    def _made(self, node: Node) -> Node:
        if not node.children:
            return node
        if isinstance(node, Add):
            return self._sum(node)
        if isinstance(node, Contract):
            return self._product(node)
        if isinstance(node, Fold | Build):
            node = _plain_letters(node)
        inner = [self.key(child) for child in node.children]
        same = all(a is b for a, b in zip(inner, node.children, strict=True))
        return node if same else rebuild(node, inner)

    def _sum(self, node: Add) -> Node:
        total: dict[Node, Fraction] = {}
        for c, n in node.terms:
            key = self.key(n)
            total[key] = total.get(key, Fraction(0)) + c
        terms = sorted(((c, n) for n, c in total.items() if c), key=lambda t: self.serial(t[1]))
        return add(terms, node.shape)

    def _product(self, node: Contract) -> Node:
        operands = [self.key(n) for n in node.operands]
        if len(operands) == 1 and node.labels[0] == node.out[::-1] and self.symmetric(operands[0]):
            return operands[0]
        labels = [list(names) for names in node.labels]
        out = list(node.out)
        for i, label in enumerate(out):
            if label in out[:i]:  # a diagonal has the identity on its two axes
                out[i] = 1 + max(max(out), *(n for names in labels for n in names))
                operands.append(identity(node.shape[i]))
                labels.append([label, out[i]])
        even = [self.symmetric(n) for n in operands]
        color: dict[int, int] = {}
        for names in labels:
            for name in names:
                color[name] = hash(tuple(i for i, o in enumerate(out) if o == name))
        for _ in range(ROUNDS):
            seen: dict[int, list[Hashable]] = {name: [] for name in color}
            for n, names, turn in zip(operands, labels, even, strict=True):
                around: Sequence[int] = [color[name] for name in names]
                around = sorted(around) if turn else around
                for axis, name in enumerate(names):
                    seen[name].append((self.serial(n), 0 if turn else axis, tuple(around)))
            color = {
                name: hash((c, tuple(sorted(seen[name], key=hash)))) for name, c in color.items()
            }
        rows: list[tuple[int, tuple[int, ...], Node, list[int]]] = []
        for n, names, turn in zip(operands, labels, even, strict=True):
            names = sorted(names, key=color.__getitem__) if turn else names
            rows.append((self.serial(n), tuple(color[name] for name in names), n, names))
        rows.sort(key=lambda row: row[:2])
        number: dict[int, int] = {}
        numbered = tuple(
            tuple(number.setdefault(name, len(number)) for name in names) for *_, names in rows
        )
        ordered = tuple(n for *_, n, _ in rows)
        out = tuple(number[name] for name in out)
        return Contract.intern(node.shape, free_of(ordered), ordered, ordered, numbered, out)

    # --- symmetric matrices ---

    def symmetric(self, node: Node) -> bool:
        """Whether a node is known to be its own transpose."""
        if node.rank != 2 or node.shape[0] != node.shape[1]:
            return False
        found = self._symmetric.get(node)
        if found is None:
            found = self._symmetric[node] = self._is_symmetric(node)
        return found

    def _is_symmetric(self, node: Node) -> bool:
        match node:
            case Symbol():
                if node.facts & SYMMETRIC:
                    return self.usable(node)
                self._symmetric[node] = False  # a recurrence tells nothing
                body = self.definition(node)
                return body is not None and self.symmetric(body)
            case Identity():
                return True
            case Inverse():
                return self.symmetric(node.arg)
            case Add():
                turned = add([(c, permute(n, (1, 0))) for c, n in node.terms], node.shape)
                return self.key(turned) is self.key(node)
            case Contract():
                turned = Contract.intern(
                    node.shape, node.free, node.children, node.operands, node.labels, node.out[::-1]
                )
                return node.out[0] == node.out[1] or self.key(turned) is self.key(node)
            case _:
                return False


def _plain_letters(node: Fold | Build) -> Node:
    """A sum or an array with bound letters that do not depend on the writer's choice."""
    depth = _binders(node.body)
    if isinstance(node, Fold):
        letter = f"·{depth + 1}"
        body = substitute(node.body, {node.index: letter})
        free = (body.free - {letter}) | node.low.names | node.high.names
        return Fold.intern(node.shape, free, (body,), node.op, letter, node.low, node.high, body)
    letters = tuple(f"·{depth + 1 + i}" for i in range(len(node.indices)))
    body = substitute(node.body, dict(zip(node.indices, letters, strict=True)))
    return Build.intern(node.shape, node.free, (body,), letters, body)


def _binders(node: Node) -> int:
    """How many bound letters there are in a node."""
    return sum(len(n.indices) if isinstance(n, Build) else isinstance(n, Fold) for n in walk(node))
