"""Ways of multiplying two values: the moves of which readings of a product are made (NOTATION 5).

A `Candidate` is one reading of a sub-expression with its values; the moves work on arrays, so that
a search through hundreds of readings costs little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from backprove.tensor.nodes import Node
from backprove.tensor.whole import Shape, Whole

Array = np.ndarray[Any, np.dtype[Any]]

Rule = Callable[..., Array]
Words = Callable[..., str]
_BRACKETS = re.compile(r"\([^()]*\)|\{[^{}]*\}")
_BRACES = re.compile(r"\{[^{}]*\}")


class Candidate:
    """One reading of a sub-expression.

    `first` are its values at the first setting, with batch axes before those of `shape`; values at
    other settings, and the words for the reading, are worked out from its parts when asked for,
    since most candidates are never looked at again. `cost` counts what was changed from the
    literal reading (0: as written). `of` and `by` are as in `model.value.Value`.
    """

    __slots__ = ("_more", "_rule", "_words", "by", "cost", "first", "of", "parts", "row", "shape")

    def __init__(
        self,
        rule: Rule,
        words: Words | str,
        parts: tuple[Candidate, ...],
        shape: Shape,
        *,
        row: bool = False,
        cost: int = 0,
        of: Node | None = None,
        by: Node | None = None,
    ) -> None:
        self._rule = rule
        self._words = words
        self.parts = parts
        self.shape = shape
        self.row = row
        self.cost = cost
        self.of = of
        self.by = by
        self._more: dict[int, Array] = {}
        self.first: Array = rule(*[p.first for p in parts]) if parts else rule(0)

    @property
    def rank(self) -> int:
        return len(self.shape)

    def at(self, setting: int) -> Array:
        """The values at a setting, by its number."""
        if not setting:
            return self.first
        found = self._more.get(setting)
        if found is None:
            parts = [p.at(setting) for p in self.parts]
            found = self._more[setting] = self._rule(*parts) if parts else self._rule(setting)
        return found

    @property
    def text(self) -> str:
        """How it was read."""
        if isinstance(self._words, str):
            return self._words
        return self._words(*[p.text for p in self.parts])


class Settled(Protocol):
    """Values by the number of a setting: a list, or something that works them out."""

    def __getitem__(self, k: int, /) -> Array: ...


def leaf(
    arrays: Settled,
    text: Words | str,
    shape: Shape,
    *,
    row: bool = False,
    cost: int = 0,
    of: Node | None = None,
    by: Node | None = None,
) -> Candidate:
    """A candidate with its values given."""
    return Candidate(lambda k: arrays[k], text, (), shape, row=row, cost=cost, of=of, by=by)


def changed(
    c: Candidate,
    rule: Rule,
    words: Words,
    shape: Shape | None = None,
    *,
    row: bool | None = None,
    cost: int = 0,
) -> Candidate:
    """A function of a candidate's values."""
    return Candidate(
        rule,
        words,
        (c,),
        c.shape if shape is None else shape,
        row=c.row if row is None else row,
        cost=c.cost + cost,
    )


def _einsum(spec: str) -> Rule:
    left, out = spec.split("->")
    full = ",".join("..." + part for part in left.split(",")) + "->..." + out
    return lambda *arrays: np.einsum(full, *arrays)


#: the products that a search makes by the thousand, without einsum's overhead
_DIRECT: dict[str, Rule] = {
    "i,i->i": lambda a, b: a * b,
    "i,i->": lambda a, b: (a * b).sum(axis=-1),
    "i,j->ij": lambda a, b: a[..., :, None] * b[..., None, :],
    "i,j->ji": lambda a, b: a[..., None, :] * b[..., :, None],
    "ij,j->i": lambda m, v: (m @ v[..., None])[..., 0],
    "ij,i->j": lambda m, v: (v[..., None, :] @ m)[..., 0, :],
    "ij,j->ij": lambda m, v: m * v[..., None, :],
    "ij,i->ij": lambda m, v: m * v[..., :, None],
    "ij,ij->ij": lambda a, b: a * b,
    "ik,kj->ij": lambda a, b: a @ b,
    "ik,jk->ij": lambda a, b: a @ b.swapaxes(-1, -2),
    "ki,kj->ij": lambda a, b: a.swapaxes(-1, -2) @ b,
    "ki,jk->ij": lambda a, b: a.swapaxes(-1, -2) @ b.swapaxes(-1, -2),
    ",->": lambda a, b: a * b,
    ",i->i": lambda a, b: a[..., None] * b,
    ",ij->ij": lambda a, b: a[..., None, None] * b,
}


def rule_of(spec: str) -> Rule:
    """The function for an einsum over the shape axes, batch axes broadcast."""
    found = _DIRECT.get(spec)
    if found is None:
        found = _DIRECT[spec] = _einsum(spec)
    return found


def make(
    spec: str, a: Candidate, b: Candidate, shape: Shape, cost: int, words: Words, row: bool = False
) -> Candidate:
    return Candidate(rule_of(spec), words, (a, b), shape, row=row, cost=a.cost + b.cost + cost)


def side_by_side(a: str, b: str) -> str:
    return f"{factor(a)} {factor(b)}".strip()


def factor(text: str) -> str:
    """Brackets around a sum that stands beside something."""
    outside, count = text, 1
    while count:
        outside, count = _BRACKETS.subn("", outside)
    return f"({text})" if " + " in outside or " − " in outside else text


def scaled(a: Candidate, b: Candidate, words: Words = side_by_side) -> Candidate:
    """A scalar times anything."""
    scalar, array = (a, b) if not a.rank else (b, a)
    letters = "ijklmnop"[: array.rank]
    rule = rule_of(f",{letters}->{letters}")
    order = words if scalar is a else (lambda x, y: words(y, x))
    return Candidate(
        rule,
        order,
        (scalar, array),
        array.shape,
        row=array.row,
        cost=a.cost + b.cost,
        of=array.of,
        by=array.by,
    )


def chained(a: Candidate, b: Candidate) -> Candidate | None:
    """The chain-rule product of two derivatives that share a variable."""
    if a.of is None or b.of is None or a.by is None or b.by is None:
        return None
    if a.by is not b.of:
        if b.by is not a.of:
            return None
        a, b = b, a
    assert a.by is not None
    shared = a.by.rank
    left = "abcdefgh"[: a.rank - shared]
    middle = "stuvwxyz"[:shared]
    right = "ijklmnop"[: b.rank - shared]
    shape = a.shape[: a.rank - shared] + b.shape[shared:]
    return Candidate(
        rule_of(f"{left}{middle},{middle}{right}->{left}{right}"),
        side_by_side,
        (a, b),
        shape,
        cost=a.cost + b.cost,
        of=a.of,
        by=b.by,
    )


def products(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """Every way to multiply two candidates in either order, transposed or not (reading 1)."""
    chain = chained(a, b)
    if chain is not None:
        yield chain
    if not a.rank or not b.rank:
        yield scaled(a, b)
    elif a.rank == 1 and b.rank == 1:
        yield from vectors(a, b)
    elif a.rank <= 2 and b.rank <= 2:
        if a.rank == 2 and b.rank == 2:
            yield from matrices(a, b)
        else:
            yield from matrix_vector(a, b) if a.rank == 2 else vector_matrix(a, b)
    else:
        yield from higher(a, b)


def vectors(a: Candidate, b: Candidate, turned: bool = True) -> Iterator[Candidate]:
    """Elementwise, inner and outer (reading 3 allows these of any two vectors).

    Outer is `a bᵀ`; where the order may be another (reading 1), `turned`, `b aᵀ` as well.
    """
    first, second = column(a), column(b)
    if a.shape == b.shape:
        yield make("i,i->i", a, b, a.shape, 1, lambda x, y: f"{first(x)} ⊙ {second(y)}")
        yield make("i,i->", a, b, (), 2, lambda x, y: f"{turn(first(x))} {second(y)}")
    outer = a.shape + b.shape
    yield make("i,j->ij", a, b, outer, 1, lambda x, y: f"{first(x)} {turn(second(y))}")
    if turned:
        yield make("i,j->ji", a, b, outer[::-1], 2, lambda x, y: f"{second(y)} {turn(first(x))}")


def matrix_vector(m: Candidate, v: Candidate, early: int = 0) -> Iterator[Candidate]:
    """A matrix or its transpose times a vector, and the vector as a diagonal matrix.

    What follows the order written is cheapest: `M v`, then `M diag(v)`; with `early` set the vector
    stands first, and `Mᵀ v` and `diag(v) M` are what follows that order.
    """
    rows, columns = m.shape
    late = 2 * early
    col = column(v)
    if columns == v.shape[0]:
        yield make("ij,j->i", m, v, (rows,), 1 + late, lambda x, y: f"{wrap(x)} {col(y)}")
        yield make("ij,j->ij", m, v, m.shape, 2 + late, lambda x, y: f"{wrap(x)} diag({y})")
    if rows == v.shape[0]:
        late = 2 - late
        yield make("ij,i->j", m, v, (columns,), 1 + late, lambda x, y: f"{turn(x)} {col(y)}")
        yield make("ij,i->ij", m, v, m.shape, 1 + late, lambda x, y: f"diag({y}) {wrap(x)}")


def vector_matrix(v: Candidate, m: Candidate) -> Iterator[Candidate]:
    """The same where the vector stands first."""
    yield from matrix_vector(m, v, early=1)


def matrices(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """The matrix products of two matrices or their transposes, and the elementwise ones."""
    for left, p in (("ik", 0), ("ki", 1)):
        for right, q in (("kj", 0), ("jk", 1)):
            if a.shape[1 - p] == b.shape[q]:
                shape = (a.shape[p], b.shape[1 - q])
                spec = f"{left},{right}->"
                yield make(spec + "ij", a, b, shape, 1 + p + q, _turned(p, q))
                yield make(spec + "ji", a, b, shape[::-1], 5 - p - q, _turned(1 - p, 1 - q, True))
    if a.shape == b.shape:
        yield make("ij,ij->ij", a, b, a.shape, 2, lambda x, y: f"{wrap(x)} ⊙ {wrap(y)}")
    if a.shape == b.shape[::-1]:
        yield make("ij,ji->ij", a, b, a.shape, 3, lambda x, y: f"{wrap(x)} ⊙ {turn(y)}")


def untransposed(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """The matrix product in the order written and the elementwise product (reading 2)."""
    if a.shape[1] == b.shape[0]:
        yield make("ik,kj->ij", a, b, (a.shape[0], b.shape[1]), 1, _turned(0, 0))
    if a.shape == b.shape:
        yield make("ij,ij->ij", a, b, a.shape, 1, lambda x, y: f"{wrap(x)} ⊙ {wrap(y)}")


def _turned(p: int, q: int, swapped: bool = False) -> Words:
    """The words for a product of matrices, each transposed or not."""

    def words(x: str, y: str) -> str:
        first, second = (turn if p else wrap)(x), (turn if q else wrap)(y)
        return f"{second} {first}" if swapped else f"{first} {second}"

    return words


def higher(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """Arrays of higher order: summed over one axis at an end that fits, or spread by a vector."""
    for left, right, swapped in ((a, b, False), (b, a, True)):
        if left.rank > 2 or right.rank <= 2:
            continue
        # a vector or matrix with a tensor: over the tensor's first or last axis
        tensor = "pqrstuvw"[: right.rank]
        words = _turned(0, 0, swapped)
        for axis in (0, right.rank - 1):
            for own in range(left.rank):
                if left.shape[own] != right.shape[axis]:
                    continue
                letters = ["y", "z"][: left.rank]
                letters[own] = tensor[axis]
                rest = [x for x in letters if x != tensor[axis]]
                out = tensor.replace(tensor[axis], "".join(rest))
                sizes = [s for i, s in enumerate(left.shape) if i != own]
                shape = right.shape[:axis] + tuple(sizes) + right.shape[axis + 1 :]
                spec = f"{''.join(letters)},{tensor}->{out}"
                yield make(spec, left, right, shape, 1, words)
            if left.rank == 1 and left.shape[0] == right.shape[axis]:
                spec = f"{tensor[axis]},{tensor}->{tensor}"
                yield make(spec, left, right, right.shape, 2, words)


def as_diagonal(v: Candidate) -> Candidate:
    """A vector as the diagonal matrix that it makes."""
    return changed(
        v,
        lambda x: x[..., :, None] * np.eye(x.shape[-1]),
        lambda t: f"diag({t})",
        v.shape * 2,
        row=False,
        cost=1,
    )


def times_identity(s: Candidate, size: Whole, lengths: Sequence[int]) -> Candidate:
    """A scalar as that multiple of the identity matrix."""
    eye = leaf([np.eye(n) for n in lengths], "I", (size, size))
    return Candidate(
        lambda x, i: x[..., None, None] * i, side_by_side, (s, eye), (size, size), cost=s.cost + 1
    )


def transposed(c: Candidate) -> Candidate:
    """The transpose of a matrix."""
    return changed(c, lambda x: np.swapaxes(x, -1, -2), turn, c.shape[::-1])


def wrap(text: str) -> str:
    """Brackets around a text of several parts; what stands in braces is a subscript."""
    outside = _BRACES.sub("", text)
    plain = outside.startswith("(") and outside.endswith(")") and outside.count("(") == 1
    return text if plain or not any(sign in outside for sign in " +-−⊙") else f"({text})"


def column(vector: Candidate) -> Callable[[str], str]:
    """What turns the text of a vector into that of a column."""
    return turn if vector.row else wrap


def turn(text: str) -> str:
    """The text of a transpose."""
    part = wrap(text)
    return part[:-1] if part.endswith("ᵀ") else f"{part}ᵀ"
