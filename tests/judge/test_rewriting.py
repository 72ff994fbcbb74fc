"""A true claim stays accepted however it is rewritten; with a single mistake it never is.

A claim is held as a sum of products, which can be rewritten by algebra (terms in another order,
bound indices renamed, brackets moved, sums multiplied out, transposed twice, doubled and halved) or
spoilt by one mistake (a sign, a factor, a transposition, an index, a term left out).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

SQUARE = """
x, b, u in R^n
M, A, B in R^{n x n}
z = tanh(M x)
E = sum(z)
q = x^T M x + b^T x
r = A x - b
s = 1/2 r^T r + u^T x
X in R^{n x n}
f = tr(A X B)
g = u^T A (B x)
"""
RNN = """
x_t in R^n, y_t in R^k one-hot        for t = 1..3
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..3
o_t = softmax(V h_t)                  for t = 1..3
E_t = -sum(y_t * log(o_t))            for t = 1..3
E   = sum_{t=1}^{3} E_t
"""

Term = tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class Claim:
    """`left = Σ_index (terms)`, a term being a sign and factors.

    `squares` are square matrices in it (their transpose fits, but is a mistake), `steps` names with
    an index that another index could be mistaken for.
    """

    model: str
    left: str
    terms: tuple[Term, ...]
    index: str = ""
    bounds: tuple[str, str] = ("1", "3")
    squares: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        body = ""
        for sign, factors in self.terms:
            body += (" - " if sign < 0 else " + ") + " ".join(factors)
        body = body.removeprefix(" + ").strip()
        if self.index:
            low, high = self.bounds
            body = f"sum_{{{self.index}={low}}}^{{{high}}} ({body})"
        return f"{self.left} = {body}"

    def with_factor(self, at: tuple[int, int], *texts: str) -> Claim:
        """With other factors in the place of one."""
        i, j = at
        sign, factors = self.terms[i]
        term = (sign, (*factors[:j], *texts, *factors[j + 1 :]))
        return replace(self, terms=(*self.terms[:i], term, *self.terms[i + 1 :]))

    def places(self) -> list[tuple[int, int]]:
        return [(i, j) for i, (_, factors) in enumerate(self.terms) for j in range(len(factors))]

    def at(self, place: tuple[int, int]) -> str:
        return self.terms[place[0]][1][place[1]]


CLAIMS = [
    Claim(SQUARE, "∂E/∂x", ((1, ("M^T", "(1 - z^2)")),), squares=("M",)),
    Claim(SQUARE, "∂z/∂x", ((1, ("diag(1 - z^2)", "M")),), squares=("M",)),
    Claim(SQUARE, "∂q/∂x", ((1, ("M", "x")), (1, ("M^T", "x")), (1, ("b",))), squares=("M",)),
    Claim(SQUARE, "∂s/∂x", ((1, ("A^T", "(A x - b)")), (1, ("u",))), squares=("A",)),
    Claim(
        SQUARE, "∂s/∂x", ((1, ("A^T", "A", "x")), (-1, ("A^T", "b")), (1, ("u",))), squares=("A",)
    ),
    Claim(SQUARE, "∂s/∂A", ((1, ("(A x - b)", "x^T")),)),
    Claim(SQUARE, "∂f/∂X", ((1, ("A^T", "B^T")),), squares=("A", "B")),
    Claim(SQUARE, "∂g/∂x", ((1, ("B^T", "A^T", "u")),), squares=("A", "B")),
    Claim(SQUARE, "∂E/∂x_j", ((1, ("(1 - z_i^2)", "M_{ij}")),), "i", ("1", "n")),
    Claim(RNN, "∂E/∂V", ((1, ("(o_t - y_t)", "h_t^T")),), "t", steps=("h_t", "o_t", "y_t")),
    Claim(
        RNN,
        "∂E/∂W",
        ((1, ("diag(1 - h_t^2)", "∂E/∂h_t", "h_{t-1}^T")),),
        "t",
        steps=("h_t", "h_{t-1}"),
    ),
    Claim(
        RNN,
        "∂E/∂h_2",
        (
            (1, ("V^T", "(o_2 - y_2)")),
            (1, ("W^T", "diag(1 - h_3^2)", "V^T", "(o_3 - y_3)")),
        ),
        squares=("W",),
        steps=("h_3", "o_3", "y_2"),
    ),
    Claim(
        RNN,
        "∂h_3/∂h_1",
        ((1, ("diag(1 - h_3^2)", "W", "diag(1 - h_2^2)", "W")),),
        squares=("W",),
        steps=("h_3", "h_2"),
    ),
]
LINEAR = "x, c in R^n, t in R^m\nW in R^{m x n}\ny = W x\nL = 1/2 sum((y - t)^2) + c^T x"
#: the same, written carelessly: as it stands it has no meaning, or another one, but a reading has
CARELESS = [
    Claim(LINEAR, "∂L/∂W", ((1, ("(y - t)", "x")),)),
    Claim(LINEAR, "∂L/∂x", ((1, ("W", "(y - t)")), (1, ("c",)))),
    Claim(LINEAR, "∂L/∂x", ((1, ("c",)), (1, ("y", "W")), (-1, ("t", "W")))),
    Claim(SQUARE, "∂z/∂x", ((1, ("(1 - z^2)", "M")),)),
    Claim(RNN, "∂E/∂V", ((1, ("h_t", "(o_t - y_t)")),), "t", steps=("h_t", "o_t", "y_t")),
    Claim(
        RNN,
        "∂E/∂U",
        ((1, ("∂E/∂h_t", "(1 - h_t^2)", "x_t")),),
        "t",
        steps=("h_t",),
    ),
    Claim(
        RNN,
        "∂E/∂h_2",
        ((1, ("V", "(o_2 - y_2)")), (1, ("W^T", "((1 - h_3^2) ⊙ ∂E/∂h_3)"))),
        steps=("o_2", "y_2"),
    ),
]
claims = st.sampled_from(CLAIMS)
all_claims = st.sampled_from(CLAIMS + CARELESS)
Draw = Any


# --- rewriting by algebra -------------------------------------------------------------------------


def other_order(claim: Claim, draw: Draw) -> Claim:
    return replace(claim, terms=tuple(draw(st.permutations(claim.terms))))


def other_index(claim: Claim, draw: Draw) -> Claim:
    if not claim.index:
        return claim
    fresh = draw(st.sampled_from(["k", "l", "s", "τ"]))
    text = re.compile(rf"(?<=_){claim.index}(?![a-z])|(?<=_\{{){claim.index}")
    terms = tuple((s, tuple(text.sub(fresh, f) for f in factors)) for s, factors in claim.terms)
    return replace(claim, terms=terms, index=fresh)


def turned_twice(claim: Claim, draw: Draw) -> Claim:
    place = draw(st.sampled_from(claim.places()))
    return claim.with_factor(place, f"(({claim.at(place)})^T)^T")


def doubled_and_halved(claim: Claim, draw: Draw) -> Claim:
    place = draw(st.sampled_from(claim.places()))
    text = claim.at(place)
    way = draw(st.sampled_from(["1/2 (2 {0})", "1/2 ({0} + {0})", "(3 {0} - 2 {0})", "(-(-{0}))"]))
    return claim.with_factor(place, f"({way.format(text)})")


def bracketed_anew(claim: Claim, draw: Draw) -> Claim:
    i = draw(st.integers(0, len(claim.terms) - 1))
    sign, factors = claim.terms[i]
    if len(factors) < 2 or any(f.startswith("∂") for f in factors):
        return claim
    cut = draw(st.integers(1, len(factors) - 1))
    left, right = " ".join(factors[:cut]), " ".join(factors[cut:])
    term = (sign, (f"({left})", f"({right})"))
    return replace(claim, terms=(*claim.terms[:i], term, *claim.terms[i + 1 :]))


def multiplied_out(claim: Claim, draw: Draw) -> Claim:
    sums = [
        p for p in claim.places() if re.fullmatch(r"\((A x|[a-z]_\w) - [a-z](_\w)?\)", claim.at(p))
    ]
    if not sums:
        return claim
    i, j = place = draw(st.sampled_from(sums))
    first, second = claim.at(place)[1:-1].split(" - ")
    sign, factors = claim.terms[i]
    terms = (
        (sign, (*factors[:j], f"({first})" if " " in first else first, *factors[j + 1 :])),
        (-sign, (*factors[:j], second, *factors[j + 1 :])),
    )
    return replace(claim, terms=(*claim.terms[:i], *terms, *claim.terms[i + 1 :]))


REWRITINGS = [
    other_order, multiplied_out, other_index, turned_twice, doubled_and_halved, bracketed_anew,
]  # fmt: skip


def rewritten(claim: Claim, data: Any) -> Claim:
    """A few of these, in the order above (each knows what the ones before it leave)."""
    chosen = data.draw(st.sets(st.sampled_from(range(len(REWRITINGS))), min_size=1))
    for number in sorted(chosen):
        claim = REWRITINGS[number](claim, data.draw)
    return claim


@settings(max_examples=120, deadline=None)
@given(claims, st.data())
def test_a_true_claim_stays_accepted(judge, claim, data):
    text = str(rewritten(claim, data))
    verdict = judge(claim.model, text)
    assert verdict.accepted, f"{text}: {verdict.verdict} {verdict.reason}"


def test_as_they_stand_the_claims_are_correct(judge):
    for claim in CLAIMS:
        assert judge(claim.model, str(claim)).verdict == "correct", str(claim)
    for claim in CARELESS:
        assert judge(claim.model, str(claim)).verdict == "notation", str(claim)


# --- one mistake ----------------------------------------------------------------------------------


def flipped_sign(claim: Claim, draw: Draw) -> Claim | None:
    i = draw(st.integers(0, len(claim.terms) - 1))
    sign, factors = claim.terms[i]
    return replace(claim, terms=(*claim.terms[:i], (-sign, factors), *claim.terms[i + 1 :]))


def factor_two(claim: Claim, draw: Draw) -> Claim | None:
    i = draw(st.integers(0, len(claim.terms) - 1))
    sign, factors = claim.terms[i]
    two = draw(st.sampled_from(["2", "1/2"]))
    return replace(claim, terms=(*claim.terms[:i], (sign, (two, *factors)), *claim.terms[i + 1 :]))


def transposed_square(claim: Claim, draw: Draw) -> Claim | None:
    places = [p for p in claim.places() if claim.at(p).removesuffix("^T") in claim.squares]
    if not places:
        return None
    place = draw(st.sampled_from(places))
    text = claim.at(place)
    return claim.with_factor(place, text[:-2] if text.endswith("^T") else text + "^T")


def shifted_index(claim: Claim, draw: Draw) -> Claim | None:
    if not claim.steps:
        return None
    step = draw(st.sampled_from(claim.steps))
    base, index = step.split("_")
    back = {"t": "{t-1}", "{t-1}": "t", "3": "2", "2": "1"}[index]
    if index == "t" and base in "oy":  # there is no o_0
        back = "1"
    places = [p for p in claim.places() if step in claim.at(p) and "∂" not in claim.at(p)]
    place = draw(st.sampled_from(places))
    return claim.with_factor(place, claim.at(place).replace(step, f"{base}_{back}"))


def dropped_term(claim: Claim, draw: Draw) -> Claim | None:
    if len(claim.terms) < 2:
        return None
    i = draw(st.integers(0, len(claim.terms) - 1))
    return replace(claim, terms=claim.terms[:i] + claim.terms[i + 1 :])


def dropped_step(claim: Claim, draw: Draw) -> Claim | None:
    if claim.bounds != ("1", "3") or not claim.index:
        return None
    return replace(claim, bounds=draw(st.sampled_from([("2", "3"), ("1", "2")])))


MISTAKES = [
    flipped_sign, factor_two, transposed_square, shifted_index, dropped_term, dropped_step,
]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(all_claims, st.sampled_from(MISTAKES), st.data())
def test_with_one_mistake_it_is_never_accepted(judge, claim, mistake, data):
    spoilt = mistake(claim, data.draw)
    if spoilt is None:
        return
    if data.draw(st.booleans()):
        spoilt = rewritten(spoilt, data)
    verdict = judge(claim.model, str(spoilt))
    assert not verdict.accepted, f"{spoilt}: read as {verdict.reading}"
