"""Sizes and indices are polynomials in names: what is equal as mathematics is equal here."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.tensor.whole import ONE, ZERO, Whole, shape, show_shape

NAMES = ("n", "m", "T")
few = settings(max_examples=60, deadline=None)

wholes = st.recursive(
    st.integers(-20, 100).map(Whole.of) | st.sampled_from(NAMES).map(Whole.of),
    lambda parts: (
        st.tuples(parts, parts).map(lambda p: p[0] + p[1])
        | st.tuples(parts, parts).map(lambda p: p[0] * p[1])
        | parts.map(lambda p: -p)
    ),
    max_leaves=5,
)
points = st.fixed_dictionaries({name: st.integers(-5, 9) for name in NAMES})

n, m, t = Whole.of("n"), Whole.of("m"), Whole.of("t")


@few
@given(wholes, wholes, wholes)
def test_wholes_are_a_commutative_ring(a, b, c):
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a + 0 == a * 1 == a
    assert a * 0 == a - a == ZERO


@few
@given(wholes, wholes, points)
def test_what_is_done_to_wholes_is_done_to_their_values(a, b, point):
    assert (a + b).value(point) == a.value(point) + b.value(point)
    assert (a - b).value(point) == a.value(point) - b.value(point)
    assert (a * b).value(point) == a.value(point) * b.value(point)
    assert (-a).value(point) == -a.value(point)


@few
@given(wholes, wholes, points)
def test_a_whole_put_for_a_name_counts_with_its_value(a, b, point):
    assert a.put({"n": b}).value(point) == a.value({**point, "n": b.value(point)})


@few
@given(wholes)
def test_names_put_in_all_together_do_not_meet(a):
    there = a.put({"n": "m", "m": "n"})
    assert there.put({"n": "m", "m": "n"}) == a


@few
@given(wholes, wholes)
def test_equal_wholes_hash_alike_and_read_alike(a, b):
    same = (a + b) - b
    assert same == a
    assert hash(same) == hash(a)
    assert str(same) == str(a)


@few
@given(wholes, points)
def test_a_whole_without_names_is_its_constant(a, point):
    closed = a.put(point)
    assert closed.constant == a.value(point)
    assert not closed.names


def test_numbers_and_names_are_wholes():
    assert Whole.of(3) == 3
    assert Whole.of("n") == "n"
    assert Whole.of(n) is n
    assert Whole.of(10**9).constant == 10**9
    assert ONE == 1
    assert ZERO == 0
    assert Whole.of("n") != "m"


def test_numbers_may_stand_on_the_left():
    assert 1 + n == n + 1
    assert 1 - n == -(n - 1)
    assert 2 * n == n + n


def test_a_name_is_told_from_what_is_made_of_it():
    assert n.name == "n"
    assert n.constant is None
    assert (n + 1).name is None
    assert (2 * n).name is None
    assert (n * m).name is None
    assert ZERO.name is None


def test_the_coefficient_of_a_name():
    index = 2 * (t - 1) + n
    assert index.coefficient("t") == 2
    assert index.coefficient("m") == 0
    assert (t * n + t).coefficient("t") is None


def test_division_is_exact_and_gives_whole_numbers_back_where_it_can():
    assert (2 * n).divide(2) == n
    assert (n + 1).divide(2).value({"n": 5}) == 3
    assert (n + 1).divide(2).value({"n": 4}) == Fraction(5, 2)


def test_a_value_needs_every_name():
    with pytest.raises(KeyError, match="m"):
        (n + m).value({"n": 1})


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        (ZERO, "0"),
        (n, "n"),
        (-n, "-n"),
        (t - 1, "t - 1"),
        (1 - t, "-t + 1"),
        (2 * (t - 1) + n, "n + 2 t - 2"),
        (m * n, "m n"),
    ],
)
def test_wholes_are_shown_as_people_write_them(whole, text):
    assert str(whole) == text


@pytest.mark.parametrize(
    ("sizes", "text"),
    [((), "scalar"), (("n",), "n"), (("m", "n"), "m×n"), ((t - 1, 3), "(t - 1)×3")],
)
def test_shapes_are_shown_as_people_write_them(sizes, text):
    assert show_shape(shape(*sizes)) == text
