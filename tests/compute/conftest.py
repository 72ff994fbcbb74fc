"""Small models, built by hand, for the tests of `compute`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from backprove.model.entity import Entity, IndexRange, System
from backprove.tensor.build import add, along, apply, fold, matmul, scale, symbol
from backprove.tensor.nodes import Node, Symbol
from backprove.tensor.whole import Whole, WholeLike, shape

Range = tuple[str, WholeLike | None, WholeLike | None]


class Book:
    """A system under construction; `declare` and `define` return the symbol of what they add."""

    def __init__(self, **sizes: int) -> None:
        self.system = System(sizes=dict(sizes))

    def declare(
        self,
        name: str,
        *sizes: WholeLike,
        index: Iterable[WholeLike] = (),
        over: Iterable[Range] = (),
        facts: Iterable[str] = (),
    ) -> Symbol:
        return self._put(name, shape(*sizes), index, over, frozenset(facts), None, False)

    def define(
        self,
        name: str,
        body: Node,
        index: Iterable[WholeLike] = (),
        over: Iterable[Range] = (),
        zero_outside: bool = False,
    ) -> Symbol:
        return self._put(name, body.shape, index, over, frozenset(), body, zero_outside)

    def _put(self, name, sizes, index, over, facts, body, zero_outside):
        at = tuple(Whole.of(i) for i in index)
        ranges = tuple(
            IndexRange(
                n, None if low is None else Whole.of(low), None if high is None else Whole.of(high)
            )
            for n, low, high in over
        )
        self.system.add(Entity(name, at, ranges, sizes, facts, body, 0, zero_outside))
        return symbol(name, sizes, at, facts)


def rnn_book(steps: WholeLike = "T", **sizes: int) -> Book:
    """h_t = tanh(U x_t + W h_{t-1}), o_t = softmax(V h_t), E_t = -y_tᵀ log o_t, E = Σ E_t."""
    book = Book(**sizes)
    over = [("t", 1, steps)]
    t = Whole.of("t")
    x = book.declare("x", "n", index=[t], over=over)
    y = book.declare("y", "k", index=[t], over=over, facts=["one-hot"])
    book.declare("h", "m", index=[0])
    u = book.declare("U", "m", "n")
    w = book.declare("W", "m", "m")
    v = book.declare("V", "k", "m")
    before = symbol("h", shape("m"), [t - 1])
    h = book.define("h", apply("tanh", add([(1, matmul(u, x)), (1, matmul(w, before))])), [t], over)
    o = book.define("o", along("softmax", matmul(v, h)), [t], over)
    e = book.define("E", scale(-1, matmul(y, apply("log", o))), [t], over)
    book.define("E", fold("sum", "t", 1, steps, e))
    return book


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def rnn() -> Book:
    """The recurrent network of NOTATION.md, T symbolic."""
    return rnn_book()


@pytest.fixture
def make_rnn():
    """The same with another number of steps."""
    return rnn_book


@pytest.fixture
def make_book():
    return Book
