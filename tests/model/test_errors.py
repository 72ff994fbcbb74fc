"""What a person gets who wrote something without meaning: the line, a caret, and what is wrong."""

from __future__ import annotations

import pytest

from backprove import BackproveError, Model, ModelError


def error(text: str) -> str:
    with pytest.raises(ModelError) as caught:
        Model(text)
    return str(caught.value)


def caret(message: str) -> str:
    """The text over the caret."""
    _, line, marks = message.split("\n")
    start = marks.index("^")
    return line[start : start + marks.count("^")]


class TestEveryErrorShowsItsPlace:
    @pytest.mark.parametrize(
        ("text", "line", "place"),
        [
            ("x in R^n\ny = A x", 2, "A"),
            ("x in R^n\n\n# a comment\ny = 2 wrong", 4, "wrong"),
            ("A in R^{m x n}\nz = A + A^T", 2, "A + A^T"),
            ("x in R^n, y in R^m\nL = 3 sum(x ⊙ y)", 2, "x ⊙ y"),
            ("A in R^{m x n}\nd = 1 + det(A)", 2, "det(A)"),
            ("x in R^3\ny = x_7 + 1", 2, "x_7"),
        ],
    )
    def test_the_line_and_a_caret(self, text, line, place):
        message = error(text)
        assert message.startswith(f"line {line}: ")
        assert caret(message) == place

    def test_the_line_is_repeated(self):
        assert "    y = A x\n" in error("x in R^n\ny = A x")

    def test_a_long_line_is_cut_around_the_place(self):
        message = error("x in R^n\ny = " + " + ".join(["x"] * 200) + " + unknown + x")
        assert caret(message) == "unknown"
        assert all(len(line) < 160 for line in message.split("\n"))

    def test_a_model_error_is_one_of_ours(self):
        assert issubclass(ModelError, BackproveError)


class TestShapesAreNamed:
    @pytest.mark.parametrize(
        ("line", "first", "second"),
        [
            ("y = A u", "m×n", "k"),
            ("y = A^T x", "n×m", "n"),
            ("y = x + u", "n", "k"),
            ("y = x ⊙ u", "n", "k"),
            ("y = x / u", "n", "k"),
            ("y = A (B u)", "m×n", "m"),
        ],
    )
    def test_both(self, line, first, second):
        message = error("x in R^n, u in R^k\nA in R^{m x n}, B in R^{m x k}\n" + line)
        assert first in message
        assert second in message

    def test_a_transposed_vector_is_called_a_row(self):
        assert "1×n (a row)" in error("x, y in R^n\nz = x + y^T")


class TestNames:
    def test_declared_twice(self):
        message = error("x in R^n\ny in R\nx in R^m")
        assert "x is declared twice (first in line 1)" in message
        assert message.startswith("line 3")

    def test_a_family_beside_an_array_of_its_name(self):
        message = error("x in R^n\nx_t = tanh(x_{t-1}) for t = 1..3")
        assert "the family needs another name" in message
        assert message.startswith("line 2")

    def test_a_member_declared_twice(self):
        assert "twice" in error("x_t in R^n for t = 1..3\nx_2 in R^n")

    def test_defined_after_it_was_declared(self):
        assert "twice" in error("x in R^n\nx = 2")

    def test_an_unknown_name_with_a_hint(self):
        message = error("weights in R^n\nL = sum(wieghts)")
        assert "wieghts is not declared; did you mean weights?" in message

    def test_no_hint_where_nothing_is_near(self):
        assert "did you mean" not in error("x in R^n\nL = sum(zebra)")

    def test_a_name_that_refers_to_itself(self):
        assert "itself" in error("h_0 in R^n\nh_t = tanh(h_t) for t = 1..3")

    def test_names_that_refer_to_each_other(self):
        assert "not declared" in error("a = b\nb = a")

    def test_looking_back_is_no_self_reference(self):
        Model("h_0 in R^n\nh_t = tanh(h_{t-1}) for t = 1..3")

    def test_a_family_needs_its_range(self):
        assert error("x_t in R^n for t = 1..3\nh_t = tanh(x_t)")


class TestForms:
    @pytest.mark.parametrize(
        "text",
        [
            "x in R^n\ny = x +",
            "x in R^n\ny = (x",
            "y = [1, 2",
            "y = 1 = 2",
            "x < 3",
            "just some words",
            "A in R^{m x",
            r"y = \frac{1}{",
            "y = [[1, 2], [3]]",
            "x in Q",
            "x in R^n very-odd",
            "= 3",
            "f(x) = x^2",
            "y = \x00\x01",
            "y = conv_size(9)",
            "x in R^n\ny = max(x, x, x)",
            "y = " + "(" * 5000,
            "y = " + "-" * 5000 + "1",
            "y = " + "\\frac{" * 3000,
        ],
    )
    def test_a_line_that_is_no_mathematics_is_a_model_error(self, text):
        assert error(text)

    def test_an_empty_model_is_a_model(self):
        assert Model("").system.names() == frozenset()
        assert Model("\n \n# nothing\n").system.names() == frozenset()
