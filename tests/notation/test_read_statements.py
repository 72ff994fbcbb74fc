"""NOTATION.md, sections 1 and 4: how lines are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backprove.notation.reader import read_expression
from backprove.notation.statements import read_line, read_statement
from backprove.notation.syntax import Declaration, Index, Name, Range, Relation, Space, Statement

DECLARED = frozenset(["x", "y", "h", "W", "V", "E", "L", "f", "p", "z", "t", "a", "b", "o", "T"])


def lines(text: str) -> tuple[Statement, ...]:
    return read_line(text, DECLARED)


def only(text: str) -> Statement:
    (statement,) = lines(text)
    return statement


def space(text: str) -> Space:
    statement = read_statement(f"q in {text}")
    assert isinstance(statement, Declaration)
    return statement.space


def span(name: str, low: str, high: str) -> Range:
    return Range(name, read_expression(low), read_expression(high))


@pytest.mark.parametrize("blank", ["", "   ", "# a comment", "  # x = 1", "$$"])
def test_blank_lines_say_nothing(blank: str) -> None:
    assert lines(blank) == ()
    assert read_statement(blank) is None


# --- declarations --------------------------------------------------


def test_a_declaration_in_three_scripts() -> None:
    expected = Declaration((Name("W"),), Space((Name("m"), Name("n"))))
    for text in (
        r"W \in \mathbb{R}^{m\times n}",
        "W ∈ ℝ^{m×n}",
        "W in R^{m x n}",
        "W in R^{mxn}",
        "W in R^(m x n)",
    ):
        assert only(text) == expected, text


def test_several_names_share_a_set_and_a_range() -> None:
    first, second = lines("x_t in R^n, y_t in R^k one-hot   for t = 1..3")
    ranges = (span("t", "1", "3"),)
    assert first == Declaration((Index(Name("x"), (Name("t"),)),), space("R^n"), (), ranges)
    assert second == Declaration(
        (Index(Name("y"), (Name("t"),)),), space("R^k"), ("one-hot",), ranges
    )
    assert only("U, W in R^{m x m}") == Declaration((Name("U"), Name("W")), space("R^{m x m}"))


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("a in R in (0,1)", ("unit-interval",)),
        (r"y \in \mathbb{R}^N in (0, 1)", ("unit-interval",)),
        ("t in R^m simplex", ("simplex",)),
        ("X in R^{n x k} one-hot rows", ("one-hot rows",)),
        ("X in R^{n x k} simplex rows", ("simplex rows",)),
        ("S in R^{n x n} symmetric, positive-definite", ("symmetric", "positive-definite")),
        (
            r"S \in \mathbb{R}^{n \times n} \text{ symmetric invertible}",
            ("symmetric", "invertible"),
        ),
        (r"y \in \mathbb{R}^{k}\ \text{one-hot}", ("one-hot",)),
        ("a in R positive", ("positive",)),
    ],
)
def test_facts(text: str, facts: tuple[str, ...]) -> None:
    statement = only(text)
    assert isinstance(statement, Declaration)
    assert statement.facts == facts


def test_sets() -> None:
    n = Name("n")
    assert space("R") == space("ℝ") == space(r"\mathbb{R}") == Space()
    assert space("N") == space(r"\mathbb{N}") == Space((), "N")
    assert space("R^{2m x n}") == Space((read_expression("2m"), n))
    grouped = Space((read_expression("3"), tuple(map(read_expression, ("1", "5", "3")))))
    assert (
        space("R^{3×(1×5×3)}") == space(r"\mathbb{R}^{(3) \times (1 \times 5 \times 3)}") == grouped
    )
    assert space("R<sup>3</sup>") == space("R^3") == space("R³")


def test_any_word_may_be_declared() -> None:
    for word in ("step", "var", "e", "σ", "det", "sum"):
        assert only(f"{word} in R") == Declaration((read_name(word),), Space())
    assert only(r"\hat{y}, h' in R^n") == Declaration((Name("ŷ"), Name("h'")), space("R^n"))


def read_name(word: str) -> Name:
    return Name(word)


# --- definitions and claims --------------------------------------------------


def test_a_definition_may_have_the_name_of_a_function() -> None:
    assert only("var = 2") == Relation((Name("var"), read_expression("2")), ("=",))


def test_chains_and_approximations() -> None:
    statement = only("E = a b ≈ 0.35")
    assert isinstance(statement, Relation)
    assert statement.ops == ("=", "≈")
    assert only(r"E \approx 0.35") == only("E ≈ 0.35")
    assert only("E := 3") == only(r"E \triangleq 3") == only("E = 3") == only("E &= 3")


def test_a_shape() -> None:
    for text in (
        r"\frac{\partial f}{\partial W} \in \mathbb{R}^{3 \times (7\times 5)}",
        "∂f/∂W in R^{3 x (7 x 5)}",
    ):
        statement = only(text)
        assert isinstance(statement, Relation)
        assert statement.ops == ("∈",)
        assert statement.sides[1] == space("R^{3×(7×5)}")


def test_the_shape_of_names_that_run_together() -> None:
    (statement,) = read_line("W_cx[t] ∈ R^m", frozenset(["W_c", "x", "t"]))
    assert isinstance(statement, Relation)
    assert statement.sides == (read_expression("W_c x[t]"), space("R^m"))


def test_introductions() -> None:
    assert (
        only("let p = 1") == only("Let p = 1") == only(r"\text{let } p = 1") == only("define p = 1")
    )
    assert only("where p = 1") == replace_intro(only("p = 1"), "where")
    first, second = lines("E = p x, where p = y - t")
    assert isinstance(first, Relation)
    assert isinstance(second, Relation)
    assert (first.intro, second.intro) == ("", "where")


def replace_intro(statement: Statement, intro: str) -> Statement:
    assert isinstance(statement, Relation)
    return replace(statement, intro=intro)


@pytest.mark.parametrize("between", [", ", "; ", r" \quad ", r", \quad ", r" \\ ", " and "])
def test_several_equations_on_a_line(between: str) -> None:
    assert lines(f"a = 1{between}b = 2") == (only("a = 1"), only("b = 2"))


@pytest.mark.parametrize(
    "text",
    [
        "{} for t = 1..3",
        "{}   for t = 1,...,3",
        r"{} \text{{ for }} t = 1, \dots, 3",
        "{}, for t = 1, 2, ..., 3",
        "{} (t = 1..3)",
        "{}, t = 1..3",
        r"{} \quad (t = 1, \ldots, 3)",
        "{} for 1 ≤ t ≤ 3",
        "{} ∀ t ∈ {{1, …, 3}}",
        "{} for t = 1 to 3",
        r"{} \quad \text{{for }} t = 1, 2, 3",
        "for t = 1..3: {}",
        "{} for all t = 1..3",
    ],
)
def test_ranges(text: str) -> None:
    statement = only(text.format("h_t = 1"))
    assert statement.ranges == (span("t", "1", "3"),)


def test_more_ranges() -> None:
    assert only("h_t = 1 for t = 3..1").ranges == (span("t", "3", "1"),)
    assert only("W[i,j] = 1 for i, j = 1..n").ranges == (span("i", "1", "n"), span("j", "1", "n"))
    assert only("W[i,j] = 1 for i = 1..2, j = 1..n").ranges == (
        span("i", "1", "2"),
        span("j", "1", "n"),
    )
    assert only("h_t = 1 for all t").ranges == ()


@pytest.mark.parametrize(
    "text",
    [
        "(i) {}",
        "(a) {}",
        "ii) {}",
        "1. {}",
        "* {}",
        "⇒ {}",
        r"\Rightarrow {}",
        "∴ {}",
        r"\therefore {}",
        "→ {}",
        "Thus, {}",
        "Hence {}",
        "so {}",
        "- {}",
        "(iii) ⇒ {}",
        "{},",
        "{}.",
        "{};",
        "{} //",
        r"{} \\",
        "{} ✓",
        "$${}$$",
        r"\[ {} \]",
        r"{} \qquad (3)",
        "{}   [1]",
        r"{} \tag{{4}}",
        r"\begin{{aligned}} {} \end{{aligned}}",
        "{}   # a remark",
    ],
)
def test_what_stands_around_a_formula_is_dropped(text: str) -> None:
    formula = "∂E/∂W = V (x - y)"
    label = text.format(formula)
    names = DECLARED - {"a"}
    assert read_line(label, names) == read_line(formula, names)


def test_what_may_be_mathematics_is_kept() -> None:
    assert only("-E = 3") == Relation((read_expression("-E"), read_expression("3")), ("=",))
    assert only(r"- \log p = L") == only(r"-\log p = L")
    assert only("(x) y = 3") == Relation((read_expression("x y"), read_expression("3")), ("=",))
    assert only("x = 3 (2)") == Relation((Name("x"), read_expression("3 (2)")), ("=",))


def test_a_display_broken_before_a_sign_goes_on() -> None:
    text = r"\begin{aligned} E &= a \\ &= b \end{aligned}"
    assert only(text) == only("E = a = b")
