"""The smart constructors: what does not fit is refused, what is simpler is what comes out."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backprove.tensor.build import (
    UNIT,
    ShapeError,
    add,
    along,
    apply,
    broadcast,
    build,
    concat,
    constant,
    contract,
    count,
    determinant,
    diagonal_matrix,
    fold,
    hadamard,
    identity,
    inverse,
    is_zero,
    literal,
    matmul,
    minus,
    ones,
    outer,
    permute,
    power,
    reciprocal,
    replace,
    reshape,
    scale,
    scatter,
    select,
    square,
    stack,
    substitute,
    sum_axes,
    symbol,
    times,
    transpose,
    unused,
    where,
    with_facts,
    zero,
)
from backprove.tensor.build import test as relation
from backprove.tensor.functions import RULES, partials
from backprove.tensor.nodes import Add, Contract, Fold, Power, Select, walk
from backprove.tensor.whole import Whole, shape

x, y, z = (symbol(name, shape("n")) for name in "xyz")
p = symbol("p", shape("m"))
a, b = symbol("a", ()), symbol("b", ())
A, B = symbol("A", shape("m", "n")), symbol("B", shape("n", "k"))
S = symbol("S", shape("n", "n"))
i, j, t = Whole.of("i"), Whole.of("j"), Whole.of("t")
half = literal(Fraction(1, 2))


class TestWhatDoesNotFit:
    """The error names both shapes."""

    @pytest.mark.parametrize(
        ("make", "first", "second"),
        [
            (lambda: add([(1, x), (1, p)]), "n", "m"),
            (lambda: add([(1, x), (1, A)]), "n", "m×n"),
            (lambda: minus(a, x), "scalar", "n"),
            (lambda: matmul(A, p), "m×n", "m"),
            (lambda: matmul(A, A), "m×n", "m×n"),
            (lambda: hadamard(x, p), "n", "m"),
            (lambda: hadamard(A, S), "m×n", "n×n"),
            (lambda: apply("max", x, p), "n", "m"),
            (lambda: where(a, x, p), "n", "m"),
            (lambda: contract([x, p], ["i", "i"], "i"), "n", "m"),
        ],
    )
    def test_both_shapes_are_named(self, make, first, second):
        with pytest.raises(ShapeError) as error:
            make()
        assert first in str(error.value)
        assert second in str(error.value)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: matmul(a, x),
            lambda: power(x, y),
            lambda: inverse(A),
            lambda: determinant(A),
            lambda: determinant(x),
            lambda: along("softmax", a),
            lambda: select(A, [1]),
            lambda: stack([x, p]),
            lambda: concat([a, a]),
            lambda: concat([A, B]),
            lambda: where(x, y, z),
        ],
    )
    def test_it_cannot_be_built(self, make):
        with pytest.raises(ShapeError):
            make()


class TestEqualExpressionsAreOneObject:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: literal(3),
            lambda: constant("π"),
            lambda: count("n"),
            lambda: symbol("h", shape("m"), [t - 1]),
            lambda: matmul(A, x),
            lambda: apply("tanh", add([(1, matmul(A, x)), (2, p)])),
            lambda: along("softmax", x),
            lambda: fold("sum", "i", 1, "n", select(x, ["i"])),
            lambda: build(["i", "j"], ["n", "n"], times(select(x, ["i"]), select(y, ["j"]))),
            lambda: inverse(S),
        ],
    )
    def test_made_twice(self, make):
        assert make() is make()

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (literal(1), literal(2)),
            (x, symbol("x", shape("m"))),
            (x, symbol("x", shape("n"), facts=frozenset({"positive"}))),
            (symbol("h", shape("m"), [t]), symbol("h", shape("m"), [t - 1])),
            (zero(shape("n")), zero(shape("m"))),
            (apply("sin", x), apply("cos", x)),
            (minus(x, y), minus(y, x)),
            (matmul(S, x), matmul(transpose(S), x)),
        ],
    )
    def test_different_ones_differ(self, one, other):
        assert one is not other

    def test_a_shared_part_is_walked_once(self):
        h = apply("tanh", x)
        parts = list(walk(hadamard(h, add([(1, h), (1, y)]))))
        assert parts.count(h) == 1
        assert parts.index(x) < parts.index(h)


class TestSums:
    def test_like_terms_are_collected(self):
        assert add([(1, x), (2, x)]) is scale(3, x)
        assert add([(1, x), (1, y), (-1, y)]) is x
        assert is_zero(minus(x, x))

    def test_sums_of_sums_are_one_sum(self):
        inner = add([(1, y), (1, z)])
        outcome = add([(1, x), (-2, inner)])
        assert outcome is add([(1, x), (-2, y), (-2, z)])

    def test_numbers_are_added(self):
        assert add([(1, literal(2)), (3, half)]) is literal(Fraction(7, 2))

    def test_a_product_with_a_number_is_a_like_term(self):
        product = hadamard(x, y)
        assert add([(1, hadamard(scale(2, x), y)), (1, product)]) is scale(3, product)

    def test_a_zero_knows_its_shape(self):
        nothing = minus(A, A)
        assert nothing.shape == A.shape
        assert isinstance(nothing, Add)

    def test_a_zero_in_a_product_makes_it_zero(self):
        outcome = matmul(A, minus(x, x))
        assert is_zero(outcome)
        assert outcome.shape == shape("m")


class TestProducts:
    def test_products_of_products_are_one_product(self):
        outcome = matmul(matmul(p, A), matmul(B, symbol("u", shape("k"))))
        assert isinstance(outcome, Contract)
        assert len(outcome.operands) == 4

    def test_how_it_was_bracketed_does_not_matter(self):
        u = symbol("u", shape("k"))
        assert matmul(matmul(A, B), u) is matmul(A, matmul(B, u))

    def test_numbers_move_to_the_front(self):
        assert matmul(scale(2, A), scale(3, x)) is scale(6, matmul(A, x))

    def test_the_transpose_of_a_transpose(self):
        assert transpose(transpose(A)) is A
        assert permute(permute(A, [1, 0]), [1, 0]) is A

    def test_the_shape_of_a_transposed_product(self):
        assert transpose(matmul(A, B)).shape == shape("k", "m")

    def test_sizes_follow_the_letters(self):
        assert matmul(A, B).shape == shape("m", "k")
        assert outer(x, p).shape == shape("n", "m")
        assert diagonal_matrix(x).shape == shape("n", "n")
        assert sum_axes(A, [0]).shape == shape("n")
        assert broadcast(a, shape("m", "n")).shape == shape("m", "n")


class TestIdentity:
    def test_it_vanishes_from_products(self):
        assert matmul(identity("n"), x) is x
        assert matmul(A, identity("n")) is A
        assert matmul(identity("m"), A) is A

    def test_its_trace_is_its_size(self):
        assert contract([identity("n")], ["ii"], "") is count("n")

    def test_its_diagonal_is_ones(self):
        assert contract([identity("n")], ["ii"], "i") is ones(shape("n"))

    def test_its_inverse_and_transpose_are_itself(self):
        assert inverse(identity("n")) is identity("n")
        assert transpose(identity("n")) is identity("n")

    def test_the_inverse_of_an_inverse(self):
        assert inverse(inverse(S)) is S


class TestOnes:
    def test_they_vanish_from_elementwise_products(self):
        assert hadamard(x, ones(shape("n"))) is x

    def test_their_sum_is_their_number(self):
        assert sum_axes(ones(shape("m", "n"))) is times(count("m"), count("n"))
        assert sum_axes(ones(shape(3, 4))) is literal(12)

    def test_a_sum_of_a_vector_is_its_product_with_ones(self):
        assert matmul(ones(shape("n")), x) is sum_axes(x)


class TestPowers:
    def test_powers_of_one_base_meet(self):
        assert hadamard(x, x) is square(x)
        assert hadamard(square(x), x) is power(x, literal(3))
        assert hadamard(x, reciprocal(x)) is ones(shape("n"))
        assert times(power(a, half), power(a, half)) is a

    def test_what_is_left_of_powers_that_cancel_is_dropped(self):
        # Σ_i y_i x_i / x_i is the sum of y
        cancelled = contract([y, x, reciprocal(x)], ["i", "i", "i"], [])
        assert cancelled is sum_axes(y)

    def test_powers_of_different_entries_do_not(self):
        dot, outcome = matmul(x, x), outer(x, x)
        assert not any(isinstance(n, Power) for n in walk(outcome))
        assert dot is sum_axes(square(x))

    def test_a_power_of_a_power(self):
        assert square(square(x)) is power(x, literal(4))
        assert reciprocal(reciprocal(x)) is x

    def test_the_root_of_a_square_is_no_identity(self):
        assert power(square(a), half) is not a

    def test_trivial_exponents(self):
        assert power(x, literal(1)) is x
        assert power(x, literal(0)) is ones(shape("n"))

    def test_numbers_leave_a_power(self):
        assert square(scale(3, x)) is scale(9, square(x))
        assert power(literal(2), literal(-2)) is literal(Fraction(1, 4))


class TestFacts:
    """What is declared of a name is used where a result is tidied, and never before: it does not
    bind a derivative."""

    @pytest.mark.parametrize("fact", ["one-hot", "simplex"])
    def test_a_one_hot_or_simplex_vector_sums_to_one(self, fact):
        total = sum_axes(fact_vector(fact))
        assert total is not UNIT
        assert with_facts(total) is UNIT

    def test_a_softmax_always_does(self):
        assert sum_axes(along("softmax", x)) is UNIT

    def test_inside_a_product_the_rest_stays(self):
        assert with_facts(contract([fact_vector("one-hot"), p], ["i", "j"], "j")) is p

    def test_what_is_used_elsewhere_does_not_vanish(self):
        dot = matmul(fact_vector("one-hot"), x)
        assert with_facts(dot) is dot

    def test_rows_that_sum_to_one(self):
        rows = symbol("Y", shape("m", "n"), facts=frozenset({"simplex rows"}))
        assert with_facts(sum_axes(rows, [1])) is ones(shape("m"))
        assert with_facts(sum_axes(rows)) is count("m")
        assert with_facts(sum_axes(rows, [0])) is sum_axes(rows, [0])

    def test_any_other_vector_keeps_its_sum(self):
        assert with_facts(sum_axes(x)) is sum_axes(x)

    @pytest.mark.parametrize("fact", ["symmetric", "positive-definite"])
    def test_a_symmetric_matrix_is_its_transpose(self, fact):
        sym = symbol("Q", shape("n", "n"), facts=frozenset({fact}))
        assert transpose(sym) is not sym
        assert with_facts(transpose(sym)) is sym
        assert with_facts(matmul(transpose(sym), x)) is matmul(sym, x)


def fact_vector(*facts: str):
    return symbol("y", shape("n"), facts=frozenset(facts))


class TestFunctions:
    def test_the_logarithm_of_an_exponential(self):
        assert apply("log", apply("exp", x)) is x

    @pytest.mark.parametrize("function", sorted(RULES))
    def test_every_function_has_a_partial_derivative_of_its_shape(self, function):
        args = (x, y) if function in {"max", "min"} or function.startswith(("gr", "eq")) else (x,)
        found = partials(function, apply(function, *args), args)
        assert [d.shape for d in found] == [x.shape] * len(args)

    def test_derivatives_use_the_value_where_paper_does(self):
        h = apply("tanh", x)
        assert partials("tanh", h, (x,))[0] is minus(ones(shape("n")), square(h))
        s = apply("sigmoid", x)
        assert partials("sigmoid", s, (x,))[0] is hadamard(s, minus(ones(shape("n")), s))


class TestComponents:
    def test_a_built_array_gives_its_components(self):
        table = build(["i", "j"], [3, 3], times(select(x3(), ["i"]), select(x3(), ["j"])))
        assert select(table, [1, 2]) is times(select(x3(), [1]), select(x3(), [2]))

    def test_components_put_together_are_the_array(self):
        assert build(["i"], ["n"], select(x, ["i"])) is x
        assert build(["i", "j"], ["m", "n"], select(A, ["i", "j"])) is A

    def test_transposed_components_are_not(self):
        assert build(["i", "j"], ["n", "n"], select(S, ["j", "i"])) is not S

    def test_a_stack_gives_its_parts(self):
        assert select(stack([literal(4), literal(5)]), [2]) is literal(5)

    def test_select_and_scatter_know_their_shapes(self):
        assert select(A, ["i", None]).shape == shape("n")
        assert scatter(x, ["i", None], shape("m", "n")).shape == shape("m", "n")
        assert select(A, [None, None]) is A

    def test_joined_parts_add_their_lengths(self):
        assert concat([x, p]).shape == (Whole.of("n") + "m",)

    def test_the_same_shape_is_no_reshaping(self):
        assert reshape(A, A.shape) is A


def x3():
    return symbol("x", shape(3))


class TestFoldsAndConditions:
    def test_an_empty_sum_is_zero_and_an_empty_product_one(self):
        body = select(x, ["i"])
        assert fold("sum", "i", 1, 0, body) is literal(0)
        assert fold("prod", "i", 1, 0, body) is UNIT

    def test_a_bound_index_is_not_free(self):
        total = fold("sum", "i", 1, "n", select(x, ["i"]))
        assert total.free == {"n"}
        assert select(x, ["i"]).free == {"i"}

    def test_a_relation_between_numbers_is_decided(self):
        assert relation("<", 1, 2) is UNIT
        assert relation("≤", t + 1, t) is literal(0)
        assert relation("=", i, i) is UNIT
        assert relation("≥", i, j) is relation("≤", j, i)

    def test_a_decided_condition_chooses(self):
        assert where(UNIT, x, y) is x
        assert where(literal(0), x, y) is y

    def test_a_condition_on_a_factor_is_one_on_the_product(self):
        holds = relation("=", i, j)
        outcome = matmul(A, where(holds, x, zero(x.shape)))
        assert outcome is where(holds, matmul(A, x), zero(shape("m")))

    def test_terms_under_one_condition_stand_under_it_together(self):
        holds = relation("=", i, j)
        nothing = zero(x.shape)
        both = add([(1, where(holds, x, nothing)), (1, where(holds, y, nothing))])
        assert both is where(holds, add([(1, x), (1, y)]), nothing)


class TestSubstitution:
    """An index put in place of another is never caught by a sum that happens to use its letter."""

    def test_an_open_index_is_put_in_everywhere(self):
        h = symbol("h", shape("m"), [t])
        before = symbol("h", shape("m"), [t - 1])
        assert substitute(add([(1, h), (1, before)]), {"t": 3}) is add(
            [(1, symbol("h", shape("m"), [3])), (1, symbol("h", shape("m"), [2]))]
        )

    def test_a_bound_index_stays(self):
        total = fold("sum", "i", 1, "n", select(x, ["i"]))
        assert substitute(total, {"i": 3}) is total

    def test_a_sum_does_not_catch_what_is_put_in(self):
        total = fold("sum", "i", 1, "n", select(S, ["i", "j"]))
        outcome = substitute(total, {"j": "i"})
        assert isinstance(outcome, Fold)
        assert outcome.index != "i"
        assert outcome.body is select(S, [outcome.index, "i"])
        assert outcome.free == {"i", "n"}

    def test_nor_do_components(self):
        row = build(["i"], ["n"], select(S, ["i", "j"]))
        outcome = substitute(row, {"j": i + 1})
        assert outcome.free == {"i", "n"}
        (inner,) = [n for n in walk(outcome) if isinstance(n, Select)]
        assert inner.at[1] == i + 1
        assert inner.at[0] != i

    def test_bounds_of_a_sum_are_outside_of_it(self):
        total = fold("sum", "i", "i", "n", select(x, ["i"]))
        outcome = substitute(total, {"i": 2})
        assert outcome.low == 2
        assert outcome.body is select(x, [outcome.index])

    def test_conditions_are_decided_when_their_numbers_are_known(self):
        term = where(relation("≤", t, 3), x, y)
        assert substitute(term, {"t": 3}) is x
        assert substitute(term, {"t": 4}) is y

    def test_a_new_name_is_not_taken(self):
        assert unused("i", {"j"}) == "i"
        assert unused("i", {"i", "i′"}) not in {"i", "i′"}

    def test_parts_are_replaced_and_the_whole_simplified(self):
        h = apply("tanh", x)
        assert replace(minus(h, y), {h: y}) is zero(y.shape)
