"""Random points: sizes, and values that respect the declared facts."""

from __future__ import annotations

import numpy as np
import pytest

from backprove import BackproveError
from backprove.compute.points import members, sample, sizes_for
from backprove.model.text import read_model
from backprove.tensor.build import count, fold, literal, power, select, symbol, times
from backprove.tensor.whole import Whole, shape


def test_sizes_of_the_network(rnn):
    found = [sizes_for(rnn.system, choice) for choice in range(3)]
    for sizes in found:
        assert sizes.keys() == {"n", "m", "k", "T"}
        assert sizes["T"] in (3, 4)
        assert len({sizes["n"], sizes["m"], sizes["k"]}) == 3
        assert all(2 <= sizes[name] <= 5 for name in "nmk")
    assert found[0] != found[1] != found[2]


def test_fixed_sizes_and_scalars(make_rnn):
    rnn = make_rnn(m=7)
    sizes = sizes_for(rnn.system, 0, frozenset({"n"}))
    assert sizes["m"] == 7
    assert sizes["n"] == 1


def test_sizes_of_a_system_that_stands_on_another(rnn, make_book):
    above = make_book()
    above.system.base = rnn.system
    rnn.system.sizes["m"] = 6
    above.declare("q", "r")
    sizes = sizes_for(above.system, 0)
    assert sizes["m"] == 6
    assert "r" in sizes
    assert "T" in sizes


def test_sizes_in_bodies_and_room_for_shapes(make_book):
    book = make_book()
    book.declare("v", Whole.of("T") - 3)
    n = Whole.of("N")
    book.define("c", times(power(count(n), literal(-1)), fold("sum", "i", 1, n, count("i"))))
    for choice in range(3):
        sizes = sizes_for(book.system, choice)
        assert sizes["T"] >= 4
        assert sizes["N"] in (3, 4)
        assert "i" not in sizes


def test_indices_are_no_sizes(make_book):
    book = make_book()
    v = book.declare("v", "n")
    book.define("f", select(v, ["r"]), index=["r"], over=[("r", 1, "n")])
    assert sizes_for(book.system, 0).keys() == {"n"}


def test_families(rnn):
    sizes = {"n": 3, "m": 4, "k": 2, "T": 3}
    values = sample(rnn.system, sizes, 6, seed=0)
    assert values["x", (1,)].shape == (6, 3)
    assert ("x", (3,)) in values
    assert ("x", (4,)) not in values
    assert ("x", (0,)) not in values
    assert values["h", (0,)].shape == (6, 4)
    assert ("h", (1,)) not in values
    assert values.keys() == sample(rnn.system, sizes, 6, seed=1).keys()


def test_members_of_dependent_ranges(make_book):
    book = make_book()
    book.declare("g", index=["a", "b"], over=[("a", 1, 3), ("b", 1, "a")])
    (entity,) = book.system.all()
    assert list(members(entity, {})) == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]


@pytest.mark.parametrize("seed", range(5))
def test_facts(make_book, seed):
    book = make_book()
    for name, facts in {
        "onehot": ["one-hot"],
        "simplex": ["simplex"],
        "positive": ["positive"],
        "unit": ["in (0,1)"],
        "free": [],
    }.items():
        book.declare(name, "n", facts=facts)
    for name, facts in {
        "symmetric": ["symmetric"],
        "definite": ["positive-definite"],
        "regular": ["invertible"],
        "rows": ["simplex rows"],
        "hot": ["one-hot rows"],
        "both": ["symmetric", "invertible"],
    }.items():
        book.declare(name, "n", "n", facts=facts)
    d = {name: v for (name, _), v in sample(book.system, {"n": 4}, 50, seed).items()}
    for name in ("onehot", "hot"):
        assert set(np.unique(d[name])) == {0.0, 1.0}
        np.testing.assert_array_equal(d[name].sum(-1), np.ones(d[name].shape[:-1]))
    assert d["onehot"].any(axis=0).all()
    for name in ("simplex", "rows"):
        assert (d[name] > 0).all()
        # exactly, so that balls see it
        np.testing.assert_array_equal(d[name].sum(-1), np.ones(d[name].shape[:-1]))
        np.testing.assert_array_equal(d[name] * 1024, np.round(d[name] * 1024))
    assert (d["positive"] >= 0.3).all()
    assert (d["positive"] <= 3).all()
    assert (d["unit"] > 0.1).all()
    assert (d["unit"] < 0.9).all()
    assert (np.abs(d["free"]) >= 0.1).all()
    for name in ("free", "positive", "unit", "symmetric"):
        np.testing.assert_array_equal(d[name] * 64, np.round(d[name] * 64))
    for name in ("symmetric", "definite", "both"):
        np.testing.assert_array_equal(d[name], np.swapaxes(d[name], 1, 2))
    assert (np.linalg.eigvalsh(d["definite"]) >= 0.99).all()
    for name in ("regular", "both"):
        assert (np.abs(np.linalg.det(d[name])) > 1e-3).all()


def test_the_same_seed_gives_the_same_values(rnn):
    sizes = {"n": 3, "m": 4, "k": 2, "T": 3}
    one, two, other = (sample(rnn.system, sizes, 2, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert not np.array_equal(one["W", ()], other["W", ()])


def test_symbols_of_members_share_a_name(make_book):
    book = make_book()
    book.declare("h", "m", index=[0])
    book.declare("h", "m", index=["t"], over=[("t", 1, 2)])
    values = sample(book.system, {"m": 2}, 1, 0)
    assert set(values) == {("h", (0,)), ("h", (1,)), ("h", (2,))}
    assert symbol("h", shape("m"), [1]).rank == 1


def test_an_array_too_large_for_numbers_is_refused_by_name():
    system = read_model("x in R^3\nA in R^{100000 x 100000}\ny = A")
    with pytest.raises(BackproveError, match="A is 100000 × 100000: too many entries"):
        sample(system, {}, 2, 0)
