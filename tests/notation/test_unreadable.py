"""What is no mathematics is refused with the place and the reason, and with nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.notation.error import ReadError
from backprove.notation.lexer import LONGEST_LINE
from backprove.notation.reader import read_expression
from backprove.notation.statements import read_line

DECLARED = frozenset({"x", "W", "h", "d", "T", "W_c", "σ_B", "A", "B"})

REFUSED = [
    ("(h_2 + )", 7, "expected a term after +"),
    ("(6 * 1 + 5 * ) / 11", 13, "expected a term after *"),
    ("(a + b", 0, "never closed"),
    ("a + b)", 5, "closes nothing"),
    ("(a + b]", 6, "does not close"),
    ("()", 0, "nothing stands"),
    ("a +", 3, "the end of the line"),
    ("t--1", 2, "expected a term after -"),
    (r"\frac{a}", 8, "a part of a fraction"),
    (r"\foo x", 0, "unknown command"),
    ("2 3", 2, "two numbers"),
    (r"\log + 1", 5, "needs an argument"),
    (r"\log_2 x", 4, "takes no subscript"),
    (r"\tanh^{-1} x", 5, "write which"),
    (r"∇ E", 2, "needs its variable"),
    ("|x", 2, "to close the bars"),
    (r"a \over b", 2, "stands between braces"),
    ("sech'(x)", 0, "write it out"),
    ("x^", 2, "expected an exponent"),
    ("x_", 2, "expected a subscript"),
    ("a ? b", 2, "no mathematics"),
    (r"\sum_{i}", 8, "expected a term"),
    ("conv(X, stride=2, K)", 18, "cannot follow"),
    ("exp()", 4, "needs an argument"),
    ("CE(p, t)", 0, "CE is not a function known here"),
    ("2 (p, t)", 4, "a list is written in [ ]"),
    (r"\begin{bmatrix} a & \end{bmatrix}", 20, "expected a term"),
    (r"\begin{tikz} a \end{tikz}", 0, "an environment tikz"),
    ("x" * (LONGEST_LINE + 1), LONGEST_LINE, "too long"),
]


@pytest.mark.parametrize(("text", "place", "reason"), REFUSED)
def test_the_place_and_the_reason(text: str, place: int, reason: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_expression(text)
    assert reason in caught.value.message
    assert caught.value.span[0] == place


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("E", "expected ="),
        ("E = ", "expected a term after ="),
        ("= 3", "at the beginning"),
        ("x < 3", "an inequality is no claim"),
        ("x in R^", "expected a term"),
        ("x in R^{m x}", "expected a term"),
        ("E = 3 for t =", "expected a term"),
        ("E = 3 if x", "expected the end of the line"),
    ],
)
def test_lines_that_are_no_statements(line: str, reason: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_line(line)
    assert reason in caught.value.message


def test_a_caret_stands_below_the_place() -> None:
    with pytest.raises(ReadError) as caught:
        read_line("∂E_3/∂W = δ_3 (h_2 + )^T")
    line, caret = caught.value.caret().split("\n")
    assert line[caret.index("^")] == ")"


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    with pytest.raises(ReadError) as caught:
        read_expression("a + " * 100 + "(b + ) + c" + " + d" * 100)
    line, caret = caught.value.caret().split("\n")
    assert len(line) < 80
    assert line[caret.index("^")] == ")"


PIECES = [
    "x",
    "W",
    "h",
    "_",
    "^",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\\frac",
    "∂",
    "/",
    "d",
    "E",
    "\\sum",
    "=",
    "<",
    "≤",
    " ",
    "  ",
    ",",
    ";",
    "..",
    "for ",
    "in ",
    "R",
    "1",
    "2",
    "0.5",
    "e",
    "'",
    "|",
    "‖",
    "||",
    "⟨",
    "⟩",
    "²",
    "ᵀ",
    "⁻¹",
    "ₜ",
    "\\left",
    "\\right",
    "\\begin{cases}",
    "\\end{cases}",
    "\\begin{bmatrix}",
    "\\end{bmatrix}",
    "&",
    "\\\\",
    "-",
    "+",
    "*",
    "⊙",
    "\\log",
    "σ",
    "tanh",
    "sum",
    "let ",
    "where ",
    "if ",
    "otherwise",
    "T",
    "\\top",
    "∇",
    "∈",
    "%",
    "\\hat",
    "average_precision(",
    "log_",
    "to ",
    "\\text{",
    "\\mathbf{1}",
    "\\quad ",
    "$",
    "#",
    "½",
    "x_t",
    "\\sqrt",
    "⁺",
    "𝟏",
    "Σ",
    "one-hot",
    "\\{",
    "\\}",
    "×",
    "<sup>",
    "</sup>",
    ".",
    ":",
    "//",
    "\u0302",
    "∀",
    "\\partial",
    "dE/dW",
]


def only_read_errors(text: str) -> None:
    places: list[ReadError] = []
    for names in (frozenset[str](), DECLARED):
        for read in (read_line, read_expression):
            try:
                read(text, names)
            except ReadError as error:
                places.append(error)
    for error in places:
        assert error.span[0] <= error.span[1]
        assert error.message
        assert "\n" in error.caret()


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_scrambled_mathematics_raises_nothing_but_read_errors(text: str) -> None:
    only_read_errors(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_raises_nothing_but_read_errors(text: str) -> None:
    only_read_errors(text)


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "{",
        "[",
        "(a",
        "x_{",
        "x^{",
        "\\frac{",
        "\\sqrt{",
        "-",
        "∂",
        "\\log ",
        "\\sum_i ",
        "|",
        "‖",
        "⟨",
        "\\hat",
        "{a if ",
        "d x[",
        "1[",
        "x'",
        "x^2",
        "a/",
        "a ⊘ ",
        "x_i",
        "∇_x ",
        "dx/",
        "\\text{",
        "1 ",
        "x[i]",
        "W",
        "9",
    ],
)
def test_depth_and_length_cost_nothing(piece: str) -> None:
    """No RecursionError, no slow corner: a hostile line is as quick as any other."""
    text = piece * (LONGEST_LINE // len(piece))
    start = time.perf_counter()
    only_read_errors(text)
    closed = piece * 3000 + "a" + {"(": ")", "{": "}", "[": "]"}.get(piece[-1], "") * 3000
    only_read_errors(closed[:LONGEST_LINE])
    assert time.perf_counter() - start < 10


def test_deep_but_human_nesting_is_read() -> None:
    read_expression("(" * 30 + "a" + " + b)" * 30)
