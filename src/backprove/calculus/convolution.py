"""What a sum over shifted indices is called: a convolution, or a transposed one.

The gradients of a convolution are convolutions again. For `y[r] = Σ_i w_i x[s(r−1)+i]` that by the
kernel is `Σ_r g_r x[s(r−1)+i]`, in which the stride s has become a dilation, and that by the input
is `Σ_r g_r w[j−s(r−1)]`, the transposed convolution with the same stride.
(Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from backprove.model.write import NoMatrixForm, written
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import apply, is_zero, split_coefficient
from backprove.tensor.nodes import Apply, Contract, Fold, Literal, Node, Select, Symbol, Test, Where
from backprove.tensor.whole import Whole


@dataclass(frozen=True, slots=True)
class Shift:
    """One axis: the array that is shifted, at `along`·r + `across`·i, and the one that stands at r."""

    shifted: Node
    fixed: Node
    along: int
    across: int
    #: by how much the axis of the one that is shifted is longer; None where that is not known
    longer: int | Fraction | None


def called(entry: Node, letters: Sequence[str]) -> str:
    """In words, what convolution an entry of an array at these letters is; '' for none."""
    equations: list[Test] = []
    indices, factors = _opened(entry, equations)
    if equations:
        return _scattered(equations, indices, factors, letters)
    shifts = [s for i in indices for s in _shifts(factors, i, letters)]
    if not shifts or len({(s.shifted, s.fixed) for s in shifts}) > 1:
        return ""
    first = shifts[0]
    names = [_name(n) for n in (first.shifted, first.fixed)]
    if not all(names):
        return ""
    shifted, fixed = names
    along, across = [s.along for s in shifts], [s.across for s in shifts]
    if min(along) > 0 and min(across) > 0:
        words = f"the convolution of {shifted} with {fixed}"
        return words + _turned("stride", "dilation", along) + _turned("dilation", "stride", across)
    if max(along) < 0 and set(across) == {1}:
        rates = [-a for a in along]
        if all((s.longer or 0) > 0 for s in shifts):
            words = f"the transposed convolution of {shifted} with {fixed}"
            return words + _rate("dilation", rates)
        words = f"the transposed convolution of {fixed} with {shifted}"
        return words + _rate("stride", rates)
    if set(along) == {1} and max(across) < 0:
        words = f"the convolution of {fixed} with {shifted}"
        return words + _rate("stride", [-a for a in across])
    return ""


def _scattered(
    equations: Sequence[Test],
    indices: Sequence[str],
    factors: Sequence[Node],
    letters: Sequence[str],
) -> str:
    """A transposed convolution of which no index could be solved for: `s(r−1) + d(i−1) + 1 = j`."""
    pairs: set[tuple[str, str]] = set()
    rates: list[tuple[int, int]] = []
    for equation in equations:
        for letter, sums in ((equation.left, equation.right), (equation.right, equation.left)):
            steps = [(i, sums.coefficient(i)) for i in indices if i in sums.names]
            if letter.name not in letters or len(steps) != 2:
                continue
            names = [_name(a) for i, _ in steps if (a := _holder(factors, i)) is not None]
            whole = [int(rate) for _, rate in steps if isinstance(rate, int) and rate > 0]
            if len(names) == len(whole) == 2 and all(names):
                pairs.add((names[0], names[1]))
                rates.append((whole[0], whole[1]))
    if len(pairs) != 1 or len(rates) != len(equations):
        return ""
    ((spread, kernel),) = pairs
    strides, dilations = zip(*rates, strict=True)
    words = f"the transposed convolution of {spread} with {kernel}"
    return words + _rate("stride", strides) + _rate("dilation", dilations)


def _holder(factors: Sequence[Node], index: str) -> Node | None:
    """The one array among the factors that has this index; None where there are more."""
    found = [a for f in factors if (a := _array(f)) and any(index in w.names for w in _at(f))]
    return found[0] if len(found) == 1 else None


def _rate(name: str, rates: Sequence[int]) -> str:
    """`, stride 2`; nothing where all are 1."""
    if set(rates) == {1}:
        return ""
    shown = str(rates[0]) if len(set(rates)) == 1 else f"({', '.join(map(str, rates))})"
    return f", {name} {shown}"


def _turned(old: str, new: str, rates: Sequence[int]) -> str:
    """`, stride 2 turned into dilation`: what stepped over the input now spreads the kernel."""
    rate = _rate(old, rates)
    return f"{rate} turned into {new}" if rate else ""


def _opened(node: Node, equations: list[Test]) -> tuple[list[str], list[Node]]:
    """The indices of the sums around a product, and its factors.

    Of the conditions only the equations matter, to which those found are added.
    """
    indices: list[str] = []
    while True:
        _, node = split_coefficient(node)
        if isinstance(node, Fold) and node.op == "sum":
            indices.append(node.index)
            node = node.body
        elif isinstance(node, Where) and (is_zero(node.otherwise) or _is_nought(node.otherwise)):
            if isinstance(node.condition, Test) and node.condition.op == "=":
                equations.append(node.condition)
            node = node.then
        elif isinstance(node, Contract) and len(node.operands) == 1 and not node.shape:
            node = node.operands[0]
        else:
            break
    if isinstance(node, Contract) and not node.shape:
        rest = [n for n in node.operands if not isinstance(n, Fold)]
        inner = [n for n in node.operands if isinstance(n, Fold)]
        for fold in inner:
            more, factors = _opened(fold, equations)
            indices += more
            rest += factors
        return indices, rest
    return indices, [node]


def _is_nought(node: Node) -> bool:
    return isinstance(node, Literal) and not node.value


def _shifts(factors: Sequence[Node], index: str, letters: Sequence[str]) -> list[Shift]:
    """Where an index of a sum is added to a letter of the result."""
    found: list[Shift] = []
    fixed = [
        (a, a.shape[axis])
        for f in factors
        for axis, w in enumerate(_at(f))
        if w.name == index and (a := _array(f))
    ]
    for f in factors:
        array = _array(f)
        for axis, place in enumerate(_at(f)):
            for letter in letters:
                rates = place.coefficient(index), place.coefficient(letter)
                if array is not None and all(isinstance(r, int) and r for r in rates) and fixed:
                    other, size = fixed[0]
                    along, across = (int(rate or 0) for rate in rates)
                    longer = (array.shape[axis] - size).constant
                    found.append(Shift(array, other, along, across, longer))
    return found


def _at(node: Node) -> tuple[Whole, ...]:
    """The indices of a component of an array, or of a function of one."""
    if isinstance(node, Select):
        return tuple(w for w in node.at if w is not None)
    return _at(node.args[0]) if isinstance(node, Apply) else ()


def _array(node: Node) -> Node | None:
    """The array of which a factor is a component."""
    if isinstance(node, Select) and not node.shape:
        return node.arg
    if isinstance(node, Apply) and len(node.args) == 1:
        inner = _array(node.args[0])
        return None if inner is None else apply(node.function, inner)
    return None


def _name(node: Node) -> str:
    if not isinstance(node, Symbol | Apply):
        return ""
    try:
        return to_unicode(written(node))
    except NoMatrixForm:
        return ""
