"""Ways of multiplying two values: the moves of which readings of a product are made (NOTATION 5).

A `Candidate` is one reading of a sub-expression with its values at every setting; the moves work
on these arrays, so that a search through hundreds of readings costs little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprove.tensor.nodes import Node
from backprove.tensor.whole import Shape, Whole

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading: its values, one array per setting with `batch` leading axes before `shape`.

    `text` says how it was read; `cost` counts what was changed from the literal reading (0: as
    written). `of` and `by` are as in `model.value.Value`.
    """

    arrays: tuple[Array, ...]
    shape: Shape
    row: bool = False
    cost: int = 0
    text: str = ""
    of: Node | None = None
    by: Node | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)


def einsum(spec: str, *candidates: Candidate) -> tuple[Array, ...]:
    """An einsum over the shape axes of candidates, at every setting."""
    left, out = spec.split("->")
    full = ",".join("..." + part for part in left.split(",")) + "->..." + out
    settings = zip(*(c.arrays for c in candidates), strict=True)
    return tuple(np.einsum(full, *arrays) for arrays in settings)


def make(
    spec: str, a: Candidate, b: Candidate, shape: Shape, cost: int, text: str, row: bool = False
) -> Candidate:
    return Candidate(einsum(spec, a, b), shape, row, a.cost + b.cost + cost, text)


def scaled(a: Candidate, b: Candidate, text: str) -> Candidate:
    """A scalar times anything."""
    scalar, array = (a, b) if not a.rank else (b, a)
    letters = "ijklmnop"[: array.rank]
    arrays = einsum(f",{letters}->{letters}", scalar, array)
    return Candidate(
        arrays, array.shape, array.row, a.cost + b.cost, text, array.of, array.by
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
    arrays = einsum(f"{left}{middle},{middle}{right}->{left}{right}", a, b)
    shape = a.shape[: a.rank - shared] + b.shape[shared:]
    return Candidate(arrays, shape, False, a.cost + b.cost, f"{a.text} {b.text}", a.of, b.by)


def products(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """Every way to multiply two candidates in either order, transposed or not (reading 1)."""
    chain = chained(a, b)
    if chain is not None:
        yield chain
    if not a.rank or not b.rank:
        yield scaled(a, b, f"{a.text} {b.text}".strip())
    elif a.rank == 1 and b.rank == 1:
        yield from vectors(a, b)
    elif a.rank <= 2 and b.rank <= 2:
        if a.rank == 2 and b.rank == 2:
            yield from matrices(a, b)
        else:
            matrix, vector = (a, b) if a.rank == 2 else (b, a)
            yield from matrix_vector(matrix, vector)
    else:
        yield from higher(a, b)


def vectors(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """Elementwise, inner and outer (reading 3 allows these of any two vectors)."""
    if a.shape == b.shape:
        yield make("i,i->i", a, b, a.shape, 1, f"{wrap(a.text)} ⊙ {wrap(b.text)}")
        yield make("i,i->", a, b, (), 2, f"{wrap(a.text)}ᵀ {wrap(b.text)}")
    yield make("i,j->ij", a, b, a.shape + b.shape, 1, f"{wrap(a.text)} {wrap(b.text)}ᵀ")
    yield make("i,j->ji", a, b, b.shape + a.shape, 2, f"{wrap(b.text)} {wrap(a.text)}ᵀ")


def matrix_vector(m: Candidate, v: Candidate) -> Iterator[Candidate]:
    """A matrix or its transpose times a vector, and the vector as a diagonal matrix."""
    rows, columns = m.shape
    if columns == v.shape[0]:
        yield make("ij,j->i", m, v, (rows,), 1, f"{wrap(m.text)} {wrap(v.text)}")
        yield make("ij,j->ij", m, v, m.shape, 2, f"{wrap(m.text)} diag({v.text})")
    if rows == v.shape[0]:
        yield make("ij,i->j", m, v, (columns,), 1, f"{wrap(m.text)}ᵀ {wrap(v.text)}")
        yield make("ij,i->ij", m, v, m.shape, 2, f"diag({v.text}) {wrap(m.text)}")


def matrices(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """The matrix products of two matrices or their transposes, and the elementwise ones."""
    for left, p in (("ik", 0), ("ki", 1)):
        for right, q in (("kj", 0), ("jk", 1)):
            if a.shape[1 - p] == b.shape[q]:
                shape = (a.shape[p], b.shape[1 - q])
                x, y = wrap(a.text) + "ᵀ" * p, wrap(b.text) + "ᵀ" * q
                yield make(f"{left},{right}->ij", a, b, shape, 1 + p + q, f"{x} {y}")
                u, v = wrap(a.text) + "ᵀ" * (1 - p), wrap(b.text) + "ᵀ" * (1 - q)
                yield make(
                    f"{left},{right}->ji", a, b, shape[::-1], 3 - p - q, f"{v} {u}"
                )
    if a.shape == b.shape:
        yield make("ij,ij->ij", a, b, a.shape, 2, f"{wrap(a.text)} ⊙ {wrap(b.text)}")
    if a.shape == b.shape[::-1]:
        yield make("ij,ji->ij", a, b, a.shape, 3, f"{wrap(a.text)} ⊙ {wrap(b.text)}ᵀ")


def higher(a: Candidate, b: Candidate) -> Iterator[Candidate]:
    """Arrays of higher order: summed over one axis at an end that fits, or spread by a vector."""
    for left, right, swapped in ((a, b, False), (b, a, True)):
        if left.rank > 2 or right.rank <= 2:
            continue
        # a vector or matrix with a tensor: over the tensor's first or last axis
        tensor = "pqrstuvw"[: right.rank]
        text = f"{wrap(right.text)} {wrap(left.text)}" if swapped else f"{wrap(left.text)} {wrap(right.text)}"
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
                yield make(spec, left, right, shape, 1, text)
            if left.rank == 1 and left.shape[0] == right.shape[axis]:
                spec = f"{tensor[axis]},{tensor}->{tensor}"
                yield make(spec, left, right, right.shape, 2, text)


def as_diagonal(v: Candidate) -> Candidate:
    """A vector as the diagonal matrix that it makes."""
    def spread(array: Array) -> Array:
        return array[..., :, None] * np.eye(array.shape[-1])

    return Candidate(
        tuple(spread(x) for x in v.arrays), v.shape * 2, False, v.cost + 1, f"diag({v.text})"
    )


def times_identity(s: Candidate, size: Whole, lengths: tuple[int, ...]) -> Candidate:
    """A scalar as that multiple of the identity matrix."""
    arrays = tuple(
        x[..., None, None] * np.eye(n) for x, n in zip(s.arrays, lengths, strict=True)
    )
    return Candidate(arrays, (size, size), False, s.cost + 1, f"{s.text} I")


def transposed(c: Candidate) -> Candidate:
    """The transpose of a matrix."""
    return Candidate(
        tuple(np.swapaxes(x, -1, -2) for x in c.arrays), c.shape[::-1], False, c.cost,
        f"{wrap(c.text)}ᵀ",
    )


def wrap(text: str) -> str:
    """Brackets around a text of several parts."""
    plain = text.isidentifier() or (text.startswith("(") and text.endswith(")") and text.count("(") == 1)
    return text if plain or not any(sign in text for sign in " +-−⊙") else f"({text})"
