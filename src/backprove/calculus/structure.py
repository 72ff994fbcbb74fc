"""The structure of a Jacobian that has more axes than a matrix: Kronecker, or block diagonal.

`∂Y[i, j]/∂X[k, l] = A[i, k] B[l, j]` is `Bᵀ ⊗ A` where Y and X are read column by column: the
matrix itself would have as many rows as Y has entries, and is never written down.
(Magnus and Neudecker, Matrix Differential Calculus, chapter 2, section 4.)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from backprove.calculus.arrays import as_arrays
from backprove.calculus.prepare import PRE
from backprove.calculus.simplify import Simplifier
from backprove.model.write import NoMatrixForm, written
from backprove.model.write_cases import conditioned
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import build, contract, identity, split_coefficient
from backprove.tensor.nodes import Contract, Node, Test
from backprove.tensor.whole import Whole

#: letters of the rows and of the columns of what is differentiated, and of the variable
Pair = tuple[str, str]


def structure(
    entry: Node, letters: Sequence[str], sizes: Sequence[Whole], rank: int, simplify: Simplifier
) -> str:
    """In words, what an entry of a Jacobian says of the whole; '' where it says nothing more.

    `letters` are the axes of the entry, `sizes` their lengths; the first `rank` are the quantity's.
    """
    if len(letters) < 3 or len(sizes) != len(letters):
        return ""
    size = dict(zip(letters, sizes, strict=True))
    quantity, variable = letters[:rank], letters[rank:]
    number, rest = split_coefficient(entry)
    conditions, body = conditioned(rest)
    more, body = split_coefficient(body)
    ties = [_tie(c, letters) for c in conditions]
    equal = [t for t in ties if t is not None and (t[0] in quantity) != (t[1] in quantity)]
    if len(equal) == len(ties) and (pairs := _pairs(quantity, variable)):
        parts = [_factor(pair, equal, _groups(body), size) for pair in pairs]
        if all(parts) and not _left_over(body, pairs, equal):
            left, *others = [part for part in parts if part is not None]
            try:
                names = [_named(n, simplify) for n in (*others, left)]
            except NoMatrixForm:
                names = []
            if names:
                return f"{_times(number * more, ' ⊗ '.join(names))}, columns stacked"
    if not equal:
        return ""
    if len(equal) == min(len(quantity), len(variable)) and len(quantity) == len(variable):
        return "diagonal"
    shown = " and ".join(t[0] if t[0] in quantity else t[1] for t in equal)
    return f"block diagonal, a block for each {shown}"


def _tie(condition: Node, letters: Sequence[str]) -> Pair | None:
    """The two letters that a condition says are equal."""
    if not isinstance(condition, Test) or condition.op != "=":
        return None
    left, right = condition.left.name, condition.right.name
    return (left, right) if left in letters and right in letters and left and right else None


def _pairs(quantity: Sequence[str], variable: Sequence[str]) -> list[tuple[str, ...]]:
    """The letters of each factor of a Kronecker product: rows with rows, columns with columns."""
    if len(quantity) == len(variable) == 2:
        return [(quantity[0], variable[0]), (quantity[1], variable[1])]
    if len(quantity) == 1 and len(variable) == 2:
        return [(quantity[0], variable[0]), (variable[1],)]
    return []


def _groups(body: Node) -> list[Node]:
    """The factors of a product that have no summed index in common."""
    if not isinstance(body, Contract) or body.out:
        return [body]
    found: list[tuple[set[int], list[int]]] = []
    for i, own in enumerate(body.labels):
        labels, members = {*own}, [i]
        for group in [g for g in found if g[0] & labels]:
            found.remove(group)
            labels |= group[0]
            members = [*group[1], *members]
        found.append((labels, members))
    return [
        contract([body.operands[i] for i in m], [body.labels[i] for i in m], ()) for _, m in found
    ]


def _factor(
    pair: tuple[str, ...], ties: Sequence[Pair], groups: Sequence[Node], size: dict[str, Whole]
) -> Node | None:
    """The matrix (or row) of a Kronecker product that these letters index."""
    own = [g for g in groups if g.free & {*pair}]
    if any(not g.free & size.keys() <= {*pair} for g in own):
        return None
    tied = len(pair) == 2 and any({*t} == {*pair} for t in ties)
    if tied:
        return None if own else identity(size[pair[0]])
    if not own or (len(pair) == 2 and any(t in pair for tie in ties for t in tie)):
        return None
    product = contract(own, [()] * len(own), ())
    return build(pair, tuple(size[letter] for letter in pair), product)


def _left_over(body: Node, pairs: Sequence[tuple[str, ...]], ties: Sequence[Pair]) -> bool:
    """Whether something other than numbers belongs to no factor, or a tie crosses them."""
    letters = {letter for pair in pairs for letter in pair}
    if any(not any({*tie} == {*pair} for pair in pairs) for tie in ties):
        return True
    plain = [g for g in _groups(body) if not g.free & letters]
    return any(split_coefficient(g)[1].children or g.shape != () for g in plain)


def _times(number: Fraction, text: str) -> str:
    """`−(Yᵀ ⊗ Y)`."""
    sign = {1: "", -1: "−"}.get(int(number) if number in (1, -1) else 0, f"{number} ")
    return f"{sign}({text})".replace(" -", " −") if sign else text


def _named(part: Node, simplify: Simplifier) -> str:
    """A factor as written; a vector stands for a row."""
    plain = as_arrays(part)
    text = to_unicode(written(simplify(plain)))
    if PRE in text:  # a name of the derivation's own
        text = to_unicode(written(plain))
    if not text.isalnum() and not (text[:-1].isalnum() and text.endswith("ᵀ")):
        text = f"({text})"
    return text if part.rank == 2 else text + "ᵀ"
