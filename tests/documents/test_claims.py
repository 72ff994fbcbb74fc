"""Which formulas of a document become claims, and from which lines."""

from __future__ import annotations

import time

import pytest

from backprove.documents.passage import Passage
from backprove.documents.scanner import scan


def claims(text: str) -> list[Passage]:
    return [passage for passage in scan(text) if passage.kind == "claim"]


def texts(text: str) -> list[str]:
    return [claim.text for claim in claims(text)]


class TestMarks:
    @pytest.mark.parametrize(
        "text",
        [
            "$$a = b + c$$",
            "Then $a = b + c$.",
            "Then $a = b + c$, of course.",
            r"\[a = b + c\]",
            r"Then \(a = b + c\) holds.",
            "$$\na = b + c\n$$",
            "$$\n\na = b + c\n\n$$",
            "```\na = b + c\n```",
            "```math\na = b + c\n```",
            "a = b + c",
            "- a = b + c",
            "⇒ a = b + c //",
            r"$$\Rightarrow a = b + c$$",
            r"$$\therefore \quad a = b + c.$$",
            "Hence a = b + c.",
            "\\begin{equation}\na = b + c\n\\end{equation}",
            "\\begin{align*}\na &= b + c\n\\end{align*}",
            r"$$a = b + c \tag{3}$$",
            r"$$a = b + c \quad (3)$$",
            "It follows: a = b + c",
            "> $a = b + c$",
            "~~no:~~ $a = b + c$",
        ],
    )
    def test_every_way_of_writing_gives_the_claim(self, text: str) -> None:
        assert texts(text) == ["a = b + c"]

    def test_several_displays_in_a_line(self) -> None:
        assert texts("$$a = 1$$ and $$b = 2$$") == ["a = 1", "b = 2"]

    def test_several_inline_formulas_in_a_line(self) -> None:
        assert texts("with $a = 1$ $b = 2$, $c = 3$") == ["a = 1", "b = 2", "c = 3"]

    def test_an_inline_formula_that_runs_over_a_line_end(self) -> None:
        (claim,) = claims("we get $a =\nb + c$ here")
        assert claim.text == "a = b + c"

    def test_plain_text_in_unicode_and_ascii(self) -> None:
        assert texts("∂E/∂W = δ hᵀ") == ["∂E/∂W = δ hᵀ"]
        assert texts("dE/dW = sum_{t=1}^{3} delta_t h_{t-1}^T for t = 1..3") == [
            "dE/dW = sum_{t=1}^{3} delta_t h_{t-1}^T for t = 1..3"
        ]
        assert texts("W in R^{m x n}") == ["W in R^{m x n}"]

    def test_a_formula_partly_marked(self) -> None:
        assert texts(r"The rate is $\frac{1}{8}$ = 0.125") == [r"\frac{1}{8} = 0.125"]

    def test_money_is_no_mathematics(self) -> None:
        assert texts("It costs $5 and n = $10 more") == []

    def test_a_lost_dollar_swallows_nothing(self) -> None:
        assert texts("$$a = \n\ntext\n\n$$b = 2$$") == ["b = 2"]
        assert texts("one $ only\n\n$b = 2$") == ["b = 2"]

    def test_code_is_no_mathematics(self) -> None:
        assert texts("```python\nx = 3\n```") == []


class TestWhatIsNoClaim:
    @pytest.mark.parametrize(
        "text",
        [
            "The state $h_t$ depends on $h_{t-1}$.",
            "$$h_t$$",
            r"$$\frac{\partial h}{\partial x} \propto f(x)$$",
            r"$$\text{because } h \leq 1$$",
            "The gradients get small, so learning is slow.",
            "I = the input, W = the weights of a layer",
            "where S = stride and P = padding",
            "see https://example.org/?a=b for more",
            "If x > 0 then we stop.",
            "a == b",
            "x => y",
            "========",
            "- - -",
            "The size is 3.",
            "Marks: 3",
            "output = [1 3 2 4]",
        ],
    )
    def test_words_and_formulas_without_a_relation(self, text: str) -> None:
        assert texts(text) == []

    def test_a_bound_is_no_relation(self) -> None:
        assert texts(r"$$\sum_{k=1}^{n} x_k$$") == []
        assert texts(r"$$\sum (k=1 \text{ to } k=5) x_k$$") == []


class TestDressing:
    def test_words_on_the_left_go(self) -> None:
        assert texts("First loss = ln(10) = 2.303") == ["ln(10) = 2.303"]

    def test_an_abbreviation_stands_for_its_words(self) -> None:
        assert texts(r"$$\text{Binary loss (BL)} = -\log p$$") == [r"BL = -\log p"]

    def test_a_name_may_be_a_word(self) -> None:
        assert texts("loss = 0.5 (y - t)^2") == ["loss = 0.5 (y - t)^2"]

    @pytest.mark.parametrize("label", ["(i)", "(ii) \\quad", "iii)", "(b)"])
    def test_a_label_is_set_apart(self, label: str) -> None:
        (claim,) = claims(f"$${label} a = b$$")
        assert claim.text == "a = b"
        assert claim.label == label.split(")")[0].strip("(")

    def test_a_bracket_is_no_label(self) -> None:
        assert texts("$$(a) \\cdot b = c$$") == ["(a) \\cdot b = c"]

    def test_a_remark_behind_an_arrow_goes(self) -> None:
        assert texts(r"$$f = (1-p)^2 \log p \rightarrow 0$$") == [r"f = (1-p)^2 \log p"]

    def test_an_arrow_of_conclusion_makes_two_claims(self) -> None:
        assert texts(r"$$a = b \Rightarrow b = a$$") == ["a = b", "b = a"]

    def test_let_and_where_stay(self) -> None:
        assert texts("where $z = W x$") == ["where z = W x"]
        assert texts("Let $z = W x$ be given") == ["let z = W x"]


class TestChains:
    def test_over_several_displays_with_words_between(self) -> None:
        (claim,) = claims("$$A = B$$\n\nby the chain rule\n\n$$= C$$\n$$= D$$")
        assert claim.text == "A = B = C = D"
        assert (claim.line, claim.last) == (1, 6)
        assert claim.link_lines() == (1, 5, 6)

    def test_from_a_left_side_of_its_own(self) -> None:
        (claim,) = claims("$$A$$\n\n$$= B$$")
        assert claim.text == "A = B"
        assert claim.link_lines() == (3,)

    def test_in_plain_lines(self) -> None:
        (claim,) = claims("size = (3 * 1) - 1 + 7\n\n= 3 + 6\n\n= 9 //")
        assert claim.text == "size = (3 * 1) - 1 + 7 = 3 + 6 = 9"
        assert claim.link_lines() == (1, 3, 5)

    def test_an_operator_goes_on_with_the_last_side(self) -> None:
        (claim,) = claims("$$A = B$$\n\n$$= C$$\n\n$$\\cdot (D)$$\n\n$$+ F$$")
        assert claim.text == "A = B = C \\cdot (D) + F"
        assert claim.link_lines() == (1, 3)

    def test_an_operator_between_displays(self) -> None:
        assert texts("$$A = B$$\n $+$\n\n$$C$$") == ["A = B + C"]
        assert texts("$$A = B +$$\n\n$$C$$") == ["A = B + C"]

    def test_an_operator_after_words_does_not(self) -> None:
        assert texts("$$A = B$$\n\nand now something else\n\n$$+ C$$") == ["A = B"]

    def test_a_heading_ends_a_chain(self) -> None:
        assert texts("$$A = B$$\n\n(b)\n\n$$= C$$") == ["A = B"]

    def test_a_continuation_of_nothing_is_dropped(self) -> None:
        assert texts("$$= C$$") == []
        assert texts("$$= C = D$$") == ["C = D"]

    def test_aligned_rows(self) -> None:
        (claim,) = claims(
            "$$\\begin{aligned} A &= B \\\\\n &= C \\\\\n &\\quad + D \\end{aligned}$$"
        )
        assert claim.text == "A = B = C + D"
        assert claim.link_lines() == (1, 2)

    def test_rows_of_their_own_are_claims_of_their_own(self) -> None:
        assert texts(r"$$\begin{split} a &= b \\ c &= d \end{split}$$") == ["a = b", "c = d"]

    def test_a_matrix_is_not_split(self) -> None:
        matrix = r"M = \begin{bmatrix} a & b \\ c & d \end{bmatrix}"
        assert texts(f"$${matrix}$$") == [matrix]


class TestCases:
    def test_two_displays_with_conditions(self) -> None:
        (claim,) = claims("$$g[i] = W_i, \\text{ when } i > 2$$\n\n$$= 0, \\text{otherwise}$$")
        assert claim.text == "g[i] = {W_i if i > 2; 0 otherwise}"
        assert (claim.line, claim.last) == (1, 3)

    def test_an_interval_of_indices(self) -> None:
        (text,) = texts(
            r"$$g[i]=W_i,\text{ if } i-r\in[1,\,3]$$" "\n" r"$$=0 \quad \text{otherwise}$$"
        )
        assert text == "g[i] = {W_i if 1 ≤ i-r ≤ 3; 0 otherwise}"

    def test_a_column_of_conditions(self) -> None:
        text = r"$$\begin{aligned} J_{ij} &= p & i = j \\ &= q & i \neq j \end{aligned}$$"
        assert texts(text) == [r"J_{ij} = {p if i = j; q if i \neq j}"]

    def test_a_condition_in_words_stays_with_its_claim(self) -> None:
        assert texts("For $i = j$ $J = p$") == [r"J = p, \text{if } i = j"]
        assert texts("Now $J = p$ if $i = j$.") == [r"J = p, \text{if } i = j"]


class TestShapes:
    @pytest.mark.parametrize(
        "text",
        [
            "The dimension of $X$ is $R^{m \\times n}$.",
            "Shape of $X$: $R^{m \\times n}$",
            "the size of $X$ is $m \\times n$",
            "$X$ has shape $(m, n)$",
            "$X$ has dimensions $m \\times n$",
            "$X$ is of size $R^{m \\times n}$",
            "The shape of X is m × n",
        ],
    )
    def test_said_in_words(self, text: str) -> None:
        assert texts(text) == ["X \\in R^{m \\times n}"]

    def test_the_same_as_another(self) -> None:
        text = "The dimension of a[t] is the same as the dimension of $B x$, which is $R^m$"
        assert texts(text) == ["a[t] \\in R^m", "B x \\in R^m"]
        assert texts("$G$ has the same shape as $W$, which is $R^{2}$") == [
            "G \\in R^{2}",
            "W \\in R^{2}",
        ]

    def test_a_lone_number_is_no_shape(self) -> None:
        assert texts("The size of $X$ is $3$") == []


class TestTables:
    def test_are_kept_whole_with_their_marked_formulas(self) -> None:
        passages = scan("| rank | precision |\n|---|---|\n| 1 | $1/2 = 0.5$ |")
        assert [(p.kind, p.line, p.last) for p in passages] == [("table", 1, 3), ("claim", 3, 3)]

    def test_rows_with_tabs(self) -> None:
        assert [p.kind for p in scan("0\t1\t0\n1\t0\t1")] == ["table"]

    def test_bars_of_an_absolute_value_are_no_table(self) -> None:
        assert texts("|a| = |b|") == ["|a| = |b|"]


def test_a_model_block_is_a_passage_at_its_line() -> None:
    model, claim = scan("```model\nx in R\ny = 2 x\n```\n\n$dy/dx = 2$")
    assert (model.kind, model.text, model.line, model.last) == ("model", "x in R\ny = 2 x", 2, 3)
    assert claim.line == 6


def test_prose_lines_are_kept_together() -> None:
    passages = scan("One line.\nAnother line.\n\n$a = b$\n\nA third.")
    assert [(p.kind, p.line, p.last) for p in passages] == [
        ("prose", 1, 2),
        ("claim", 4, 4),
        ("prose", 6, 6),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "$$x = " + "(" * 10_000 + "y" + ")" * 10_000 + "$$",
        "$" * 20_000,
        "$$ " * 5_000,
        r"\[ " * 5_000,
        r"\begin{align} " * 3_000,
        "`" * 20_000,
        "= " * 20_000,
        "x = " * 5_000,
        "$x = $ " * 3_000,
        r"\Rightarrow " * 5_000,
        r"$$a = b " + r"\Rightarrow a = b " * 500 + "$$",
        "(i) " * 5_000,
        "word " * 20_000,
        "shape of " * 5_000,
        "the shape of y is " + "x" * 5_000 + "!",
        "the shape of y is " + "3x" * 5_000 + "!",
        "the size of " + "(" * 20_000,
        "{" * 10_000 + "x = y",
        "\\text{" * 3_000 + " = y",
        "\n".join("$$= b$$" for _ in range(3_000)),
        "\n".join("$$a" for _ in range(3_000)),
        " " * 50_000 + "x = y",
        "<sup>" * 10_000,
        "**" * 10_000,
        "~" * 50_000,
        "a, " * 20_000 + "if",
    ],
    ids=lambda text: repr(text[:14]),
)
def test_hostile_text_takes_no_time(text: str) -> None:
    start = time.perf_counter()
    scan(text)
    assert time.perf_counter() - start < 30


def test_a_difference_in_brackets_is_no_word() -> None:
    found = [p.text for p in scan("(a) ∂L/∂V = (p-t) h^T") if p.kind == "claim"]
    assert found == ["∂L/∂V = (p-t) h^T"]


class TestSentences:
    """What belongs to a formula in the same sentence."""

    def test_a_definition_after_where_says_which_claim_it_explains(self) -> None:
        found = claims("# Q\n\nHere $a = b c$, where $c = d$ and $b = e$.\n\nNow $f = g$.")
        assert [(c.text, c.explains) for c in found] == [
            ("a = b c", 0),
            ("where c = d", 3),
            ("where b = e", 3),
            ("f = g", 0),
        ]

    def test_it_may_stand_on_the_line_below(self) -> None:
        found = claims("$$a = b c$$\nwhere $c = d$.")
        assert [(c.line, c.explains) for c in found] == [(1, 0), (2, 1)]

    def test_words_between_them_part_them(self) -> None:
        found = claims("$$a = b c$$\n\nThis is all there is to say.\n\nwhere $c = d$.")
        assert [c.explains for c in found] == [0, 0]

    def test_a_condition_on_indices_needs_no_word(self) -> None:
        assert texts(r"$i \neq j$ $a_i = b_j$") == [r"a_i = b_j, \text{if } i \neq j"]

    def test_two_sizes_are_no_indices(self) -> None:
        assert texts("$m = n$ $a = b$") == ["m = n", "a = b"]


class TestTorn:
    def test_a_display_without_a_relation_whose_brackets_do_not_match_is_kept(self) -> None:
        (found,) = claims(r"$$\{a (b) c\} / (\sum d^2$$")
        assert found.link_lines() == (1,)

    @pytest.mark.parametrize("text", ["$$a (b + c)$$", "The $f(x$ of it.", r"$$\{a\} / (b)$$"])
    def test_whole_ones_and_inline_ones_are_not(self, text: str) -> None:
        assert claims(text) == []
