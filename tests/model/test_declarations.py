"""NOTATION, section 1: declarations and definitions, sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest

from backprove.errors import BackproveError
from backprove.model.text import read_model
from backprove.tensor.whole import show_shape


def shape_of(text: str, name: str) -> str:
    return show_shape(read_model(text).named(name)[0].shape)


@pytest.mark.parametrize(
    ("line", "name", "shape"),
    [
        ("a in R", "a", "scalar"),
        ("x in R^n", "x", "n"),
        ("A in R^{m x n}", "A", "m×n"),
        ("X in R^{a x b x c}", "X", "a×b×c"),
        ("W in R^{5 x 7}", "W", "5×7"),
        ("x in R^3", "x", "3"),
        ("x in R^{2n}", "x", "2 n"),
        ("x in R^{n+1}", "x", "n + 1"),
    ],
)
def test_a_name_is_in_a_set(line, name, shape):
    assert shape_of(line, name).strip("()") == shape


@pytest.mark.parametrize(
    "line",
    [
        r"W \in \mathbb{R}^{m\times n}",
        "W ∈ ℝ^{m×n}",
        "W in R^{m x n}",
        r"W \in \R^{m \times n}",
        r"\mathbf{W} \in \mathbb{R}^{m \times n}",
    ],
)
def test_latex_unicode_and_ascii_are_one_sentence(line):
    assert shape_of(line, "W") == "m×n"


def test_a_whole_number_is_declared_in_n():
    assert read_model("n in N\nx in R^n").is_size("n")


def test_sizes_need_no_declaration():
    assert read_model("x in R^n").is_size("n")


def test_a_size_may_be_fixed_by_a_line(reader):
    model = reader("T = 4\nx_t in R for t = 1..T\ns = sum_{t=1}^{T} x_t")
    assert model.sizes["T"] == 4
    model.is_worth("s", sum(model.given[f"x_{t}"] for t in range(1, 5)))


def test_several_names_share_one_set():
    model = read_model("U, W in R^{m x m}, b in R^m")
    assert [show_shape(model.named(n)[0].shape) for n in ("U", "W", "b")] == ["m×m", "m×m", "m"]


def test_a_comment_is_no_mathematics():
    assert read_model("# a layer\nx in R^n  # its input").names() == {"x"}


class TestFacts:
    """A declared fact is respected by every value that is tried."""

    def check(self, reader, line, name):
        return reader(line).given[name]

    def test_one_hot(self, reader):
        y = self.check(reader, "y in R^n one-hot", "y")
        assert sorted(y) == [0.0] * (len(y) - 1) + [1.0]

    def test_simplex(self, reader):
        p = self.check(reader, "p in R^n simplex", "p")
        assert (p >= 0).all()
        assert p.sum() == pytest.approx(1)

    def test_positive(self, reader):
        assert (self.check(reader, "x in R^n positive", "x") > 0).all()

    def test_in_the_unit_interval(self, reader):
        x = self.check(reader, "x in R^n in (0,1)", "x")
        assert ((x > 0) & (x < 1)).all()

    def test_symmetric(self, reader):
        a = self.check(reader, "A in R^{n x n} symmetric", "A")
        np.testing.assert_array_equal(a, a.T)

    def test_positive_definite_is_symmetric_too(self, reader):
        a = self.check(reader, "A in R^{n x n} positive-definite", "A")
        np.testing.assert_allclose(a, a.T)
        assert (np.linalg.eigvalsh(a) > 0).all()

    def test_invertible(self, reader):
        a = self.check(reader, "A in R^{n x n} invertible", "A")
        assert abs(np.linalg.det(a)) > 1e-6

    def test_several(self, reader):
        a = self.check(reader, "A in R^{n x n} symmetric invertible", "A")
        np.testing.assert_array_equal(a, a.T)
        assert abs(np.linalg.det(a)) > 1e-6

    def test_rows(self, reader):
        y = self.check(reader, "Y in R^{m x n} one-hot rows", "Y")
        np.testing.assert_array_equal(np.sort(y, axis=1)[:, -1], 1)
        p = self.check(reader, "P in R^{m x n} simplex rows", "P")
        np.testing.assert_allclose(p.sum(axis=1), 1)

    @pytest.mark.parametrize(
        "line",
        [
            "A in R^{m x n} symmetric",
            "x in R^n invertible",
            "A in R^{m x n} one-hot",
            "x in R^n one-hot rows",
        ],
    )
    def test_a_fact_needs_its_shape(self, line):
        with pytest.raises(BackproveError, match=r"needs a"):
            read_model(line)


class TestFamilies:
    MODEL = """
x_t in R^n for t = 1..T
h_0 in R^m
U in R^{m x n}, W in R^{m x m}
h_t = tanh(U x_t + W h_{t-1}) for t = 1..T
e_t = sum(h_t) for t = 1..T
"""

    def test_it_may_start_from_a_declared_member(self, reader):
        model = reader(self.MODEL)
        g = model.given
        h = np.tanh(g["U"] @ g["x_1"] + g["W"] @ g["h_0"])
        model.is_worth("h_1", h)
        model.is_worth("h_2", np.tanh(g["U"] @ g["x_2"] + g["W"] @ h))

    def test_bracket_and_subscript_are_one(self, reader):
        model = reader(self.MODEL)
        assert model.meaning("x[t]", "t").node is model.meaning("x_t", "t").node
        assert model.meaning("h[t-1]", "t").node is model.meaning("h_{t-1}", "t").node

    def test_its_bound_may_be_a_number_or_a_symbol(self, reader):
        assert "x_3" in reader("x_t in R^n for t = 1..3").given
        assert "x_1" in reader("x_t in R^n for t = 1..T").given

    def test_its_range_may_run_backwards(self, reader):
        model = reader("g_3 in R^n\nW in R^{n x n}\ng_t = W g_{t+1} for t = 2..1")
        w = model.given["W"]
        model.is_worth("g_1", w @ w @ model.given["g_3"])

    def test_a_member_that_is_not_there_is_refused(self, reader):
        with pytest.raises(Exception, match="no member 4"):
            reader("x_t in R^n for t = 1..3").meaning("x_4")

    def test_the_bare_name_of_a_family_of_arrays_is_no_value(self, reader):
        with pytest.raises(Exception, match="family"):
            reader(self.MODEL).meaning("h")

    def test_a_family_of_scalars_is_also_the_vector_of_its_members(self, reader):
        model = reader("a_i in R for i = 1..3\nx in R^3\ns = a^T x")
        a = [model.given[f"a_{i}"] for i in (1, 2, 3)]
        model.is_worth("a", a)
        model.is_worth("s", np.dot(a, model.given["x"]))

    def test_a_subscript_on_a_family_is_a_member_and_one_more_a_component(self, reader):
        model = reader("x_t in R^n for t = 1..3")
        model.is_worth("x_2", model.given["x_2"])
        model.is_worth("x_{2,1}", model.given["x_2"][0])
        model.is_worth("x_2[1]", model.given["x_2"][0])

    def test_several_ranges(self, reader):
        model = reader("x_{a,b} in R for a = 1..2, b = 1..3\ns = sum_{a=1}^2 sum_{b=1}^3 x_{a,b}")
        members = [v for k, v in model.given.items() if k.startswith("x_")]
        assert len(members) == 6
        model.is_worth("s", sum(members))

    def test_coupled_families_may_use_one_another(self, reader):
        model = reader(
            "c_0, h_0 in R^n\nx_t in R^n for t = 1..2\n"
            "c_t = c_{t-1} + x_t ⊙ h_{t-1} for t = 1..2\nh_t = tanh(c_t) for t = 1..2"
        )
        g = model.given
        c1 = g["c_0"] + g["x_1"] * g["h_0"]
        model.is_worth("c_2", c1 + g["x_2"] * np.tanh(c1))

    def test_members_may_differ_in_shape(self, reader):
        model = reader(
            "h_0 in R^n\nW_1 in R^{m x n}, W_2 in R^{k x m}\nh_l = tanh(W_l h_{l-1}) for l = 1..2"
        )
        assert model.shape("h_1") == "m"
        assert model.shape("h_2") == "k"

    def test_one_letter_with_and_without_index_is_two_names(self, reader):
        model = reader("E_t in R for t = 1..2\nE = E_1 + E_2")
        model.is_worth("E", model.given["E_1"] + model.given["E_2"])


class TestDefinitionsByComponents:
    def test_the_convolution_of_the_contract(self, reader):
        model = reader(
            "x in R^{7 x 5}, W in R^{1 x 5 x 3}\n"
            "f[r] = sum_{k=1}^{5} sum_{i=1}^{3} x[2(r-1)+i, k] W[1,k,i]  for r = 1..3"
        )
        x, w = model.given["x"], model.given["W"]
        expected = [np.sum(x[2 * r : 2 * r + 3].T * w[0]) for r in range(3)]
        assert model.shape("f") == "3"
        model.is_worth("f", expected)

    def test_two_indices_make_a_matrix(self, reader):
        model = reader("x, y in R^3\nA[i,j] = x_i y_j + j for i = 1..3, j = 1..3")
        g = model.given
        model.is_worth("A", np.outer(g["x"], g["y"]) + np.arange(1, 4))

    def test_components_count_from_one(self, reader):
        model = reader("x in R^3")
        model.is_worth("x_1", model.given["x"][0])
        model.is_worth("x[3]", model.given["x"][2])
        for text in ("x_0", "x[4]"):
            with pytest.raises(Exception, match="no component"):
                model.meaning(text)

    @pytest.mark.parametrize("text", ["W_{23}", "W[2,3]", "W[2][3]", "W_{2,3}"])
    def test_ways_to_write_a_component(self, reader, text):
        model = reader("W in R^{3 x 4}")
        model.is_worth(text, model.given["W"][1, 2])

    def test_fewer_indices_leave_axes(self, reader):
        model = reader("W in R^{3 x 4}")
        model.is_worth("W[2]", model.given["W"][1])

    def test_there_is_no_summation_convention(self, reader):
        assert reader("A in R^{n x n}, x in R^n").shape("A_{ij} x_j", "i", "j") == "scalar"

    def test_outside_its_array_a_component_does_not_matter_beside_a_condition(self, reader):
        model = reader("x in R^3\ns = sum_{i=1}^{3} 1[i > 1] x[i-1]")
        model.is_worth("s", model.given["x"][:2].sum())

    def test_nor_in_a_case_not_taken(self, reader):
        model = reader("x in R^3\ns = sum_{i=1}^{3} {x[i-1] if i > 1; 0 otherwise}")
        model.is_worth("s", model.given["x"][:2].sum())

    def test_elsewhere_it_has_no_value(self, reader):
        model = reader("x in R^3\ns = sum_{i=1}^{3} x[i-1]")
        assert np.isnan(model.value("s"))


class TestNames:
    def test_a_superscript_in_brackets_belongs_to_the_name(self, reader):
        model = reader(
            "x in R^n\nW^{(1)} in R^{m x n}, W^{(2)} in R^{k x m}\ny = W^{(2)} W^{(1)} x"
        )
        assert model.shape("y") == "k"
        assert model.shape("W^{(2)T}") == "m×k"
        assert model.shape("W^{(2)}") == "k×m"

    def test_layers_are_a_family(self, reader):
        model = reader(
            "a^{(0)} in R^n\nW^{(l)} in R^{n x n} for l = 1..2\n"
            "a^{(l)} = tanh(W^{(l)} a^{(l-1)}) for l = 1..2"
        )
        assert model.shape("a^{(2)}") == "n"

    @pytest.mark.parametrize("text", [r"\hat{y}", "ŷ", r"\hat y"])
    def test_an_accent_is_part_of_the_name(self, reader, text):
        model = reader(r"\hat{y}, y in R^n")
        np.testing.assert_array_equal(model.value(text), model.given["ŷ"])

    @pytest.mark.parametrize("text", [r"σ_B^2", r"\sigma^2_B", r"\sigma_B^2"])
    def test_the_order_of_sub_and_superscript(self, reader, text):
        model = reader(r"\sigma_B in R")
        model.is_worth(text, model.given["σ_B"] ** 2)

    def test_a_letter_subscript_may_be_part_of_a_name(self, reader):
        model = reader("W_c in R^{m x n}, W_h in R^{m x m}")
        assert model.shape("W_c") == "m×n"
        assert model.shape("W_h") == "m×m"

    def test_a_declared_name_wins_over_a_constant(self, reader):
        model = reader("e in R^n")
        assert model.shape("e") == "n"
        assert reader("x in R").value("e") == pytest.approx(np.e)

    def test_a_declared_name_wins_over_an_index(self, reader):
        model = reader("U_i, x in R^n\ns = sum_{i=1}^{n} x_i")
        assert model.shape("U_i") == "n"

    def test_a_bound_index_wins_over_a_size(self, reader):
        model = reader("x in R^n\ns = sum_{n=1}^{2} n")
        model.is_worth("s", 3)

    def test_a_run_of_letters_is_a_product_of_declared_names(self, reader):
        model = reader("A, B, C in R^{n x n}")
        g = model.given
        model.is_worth("ABA^TC", g["A"] @ g["B"] @ g["A"].T @ g["C"])

    def test_a_size_may_be_used_as_a_number(self, reader):
        model = reader("x in R^N\nm = 1/N sum(x)")
        model.is_worth("m", model.given["x"].mean())

    def test_delta_is_kroneckers_unless_it_is_declared(self, reader):
        model = reader("x in R^3\ns = sum_{i=1}^{3} sum_{j=1}^{3} δ_{ij} x_i x_j")
        model.is_worth("s", np.sum(model.given["x"] ** 2))
        other = reader("δ in R^{3 x 3}")
        other.is_worth("δ_{12}", other.given["δ"][0, 1])

    def test_a_bracket_after_a_name_is_a_component_when_it_holds_indices(self, reader):
        model = reader("x in R^3, a in R")
        model.is_worth("x[2]", model.given["x"][1])
        model.is_worth("a[x + x]", 2 * model.given["a"] * model.given["x"])

    def test_a_declared_name_before_a_bracket_is_a_factor(self, reader):
        model = reader("p in R^n")
        p = model.given["p"]
        model.is_worth("p (1-p)", p * (1 - p))
