"""True claims written in endlessly many ways: formulas as trees, algebra on them, and three styles.

A claim is a pair of trees. `rewritten` gives an equal pair (terms and factors in another order,
products multiplied out, transposes taken, both sides scaled or added to); `mistaken` gives one
that is wrong by one mistake, with the kinds that name it; `Style` writes trees as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "lambda": "λ",
    "mu": "μ",
    "sigma": "σ",
    "theta": "θ",
    "eta": "η",
}


class Tree:
    """A formula; operators build larger ones: `+ -`, `*` elementwise or scaling, `@`, `.T`."""

    def __add__(self, other: Tree) -> Tree:
        return Sum((*_terms(self), *_terms(other)))

    def __sub__(self, other: Tree) -> Tree:
        return Sum((*_terms(self), *((-s, t) for s, t in _terms(other))))

    def __neg__(self) -> Tree:
        return Sum(tuple((-s, t) for s, t in _terms(self)))

    def __mul__(self, other: Tree) -> Tree:
        return Times((*_factors(self, Times), *_factors(other, Times)))

    def __matmul__(self, other: Tree) -> Tree:
        return Chain((*_factors(self, Chain), *_factors(other, Chain)))

    def __rmul__(self, number: str) -> Tree:
        return Scaled(number, self)

    @property
    def T(self) -> Tree:
        return self.of if isinstance(self, Transposed) else Transposed(self)


@dataclass(frozen=True)
class Sym(Tree):
    """A name with a subscript; `at` may be a whole number, an index or a sum such as `t-1`."""

    name: str
    at: str = ""


@dataclass(frozen=True)
class Part(Tree):
    """A component: `x[2r-1, k]`."""

    of: str
    at: tuple[str, ...]


@dataclass(frozen=True)
class Num(Tree):
    text: str


@dataclass(frozen=True)
class Sum(Tree):
    terms: tuple[tuple[int, Tree], ...]


@dataclass(frozen=True)
class Times(Tree):
    """An elementwise product, or one of scalars; factors commute."""

    factors: tuple[Tree, ...]


@dataclass(frozen=True)
class Mul(Times):
    """A product of scalars, of which one factor may be an array: written one after the other."""


@dataclass(frozen=True)
class Chain(Tree):
    """A matrix product."""

    factors: tuple[Tree, ...]


@dataclass(frozen=True)
class Scaled(Tree):
    """A number, or a scalar, times a formula."""

    by: str
    of: Tree


@dataclass(frozen=True)
class Transposed(Tree):
    of: Tree


@dataclass(frozen=True)
class Fn(Tree):
    name: str
    of: Tree


@dataclass(frozen=True)
class Pow(Tree):
    of: Tree
    exponent: str = "2"


@dataclass(frozen=True)
class Over(Tree):
    """A quotient of scalars or of arrays of one shape."""

    top: Tree
    bottom: Tree


@dataclass(frozen=True)
class Big(Tree):
    """A sum over an index; the name of the index is free to choose."""

    index: str
    low: str
    high: str
    body: Tree


@dataclass(frozen=True)
class D(Tree):
    """A derivative; `plus` for an immediate one."""

    of: Tree
    by: Tree
    plus: bool = False


@dataclass(frozen=True)
class Either(Tree):
    """Formulas of one value, any of which may be written; `wrong` are a writer's slips for them."""

    ways: tuple[Tree, ...]
    wrong: tuple[Tree, ...] = ()


def _terms(tree: Tree) -> tuple[tuple[int, Tree], ...]:
    return tree.terms if isinstance(tree, Sum) else ((1, tree),)


def _factors(tree: Tree, kind: type[Times] | type[Chain]) -> tuple[Tree, ...]:
    return tree.factors if isinstance(tree, kind) else (tree,)


def parts(tree: Tree) -> tuple[Tree, ...]:
    match tree:
        case Sum(terms):
            return tuple(t for _, t in terms)
        case Times(factors) | Chain(factors):
            return factors
        case Scaled(_, of) | Transposed(of) | Fn(_, of) | Pow(of):
            return (of,)
        case Over(top, bottom):
            return (top, bottom)
        case Big():
            return (tree.body,)
        case Either(ways):
            return ways
        case _:
            return ()


def with_parts(tree: Tree, fresh: Sequence[Tree]) -> Tree:
    match tree:
        case Sum(terms):
            return Sum(tuple((s, t) for (s, _), t in zip(terms, fresh, strict=True)))
        case Times():
            return type(tree)(tuple(fresh))
        case Chain():
            return Chain(tuple(fresh))
        case Scaled(by, _):
            return Scaled(by, fresh[0])
        case Transposed():
            return Transposed(fresh[0])
        case Fn(name, _):
            return Fn(name, fresh[0])
        case Pow(_, exponent):
            return Pow(fresh[0], exponent)
        case Over():
            return Over(fresh[0], fresh[1])
        case Big():
            return replace(tree, body=fresh[0])
        case Either(_, wrong):
            return Either(tuple(fresh), wrong)
        case _:
            return tree


def places(tree: Tree) -> Iterator[tuple[Tree, Callable[[Tree], Tree]]]:
    """Every part with the function that puts another in its place."""
    yield tree, lambda fresh: fresh
    below = parts(tree)
    for position, part in enumerate(below):
        for inner, put in places(part):

            def placed(fresh: Tree, position: int = position, put: object = put) -> Tree:
                changed = list(below)
                changed[position] = put(fresh)  # type: ignore[operator]
                return with_parts(tree, changed)

            yield inner, placed


# --- rewriting --------------------------------------------------------------------------------


def rewritten(tree: Tree, random: Random) -> Tree:
    """An equal formula."""
    if isinstance(tree, Either):
        return rewritten(random.choice(tree.ways), random)
    tree = with_parts(tree, [rewritten(part, random) for part in parts(tree)])
    match tree:
        case Sum(terms):
            flat = [(s * inner, t) for s, part in terms for inner, t in _terms(part)]
            random.shuffle(flat)
            return Sum(tuple(flat))
        case Times(factors):
            shuffled = list(factors)
            random.shuffle(shuffled)
            return _expanded(type(tree), shuffled, random, 0.3)
        case Chain(factors):
            return _expanded(Chain, list(factors), random, 0.3)
        case Transposed(Chain(factors)) if random.random() < 0.5:
            return Chain(tuple(f.T for f in reversed(factors)))
        case Transposed(Sum(terms)) if random.random() < 0.5:
            return Sum(tuple((s, t.T) for s, t in terms))
        case Scaled(by, Sum(terms)) if random.random() < 0.4:
            return Sum(tuple((s, Scaled(by, t)) for s, t in terms))
        case Big(_, _, _, Sum(terms)) if random.random() < 0.3:
            return Sum(tuple((s, replace(tree, body=t)) for s, t in terms))
        case _:
            return tree


def _expanded(
    kind: type[Times] | type[Chain], factors: list[Tree], random: Random, chance: float
) -> Tree:
    """The product, with one of its sums multiplied out."""
    sums = [k for k, f in enumerate(factors) if isinstance(f, Sum)]
    if not sums or random.random() > chance:
        return kind(tuple(factors))
    at = random.choice(sums)
    terms = _terms(factors[at])
    return Sum(tuple((s, kind((*factors[:at], t, *factors[at + 1 :]))) for s, t in terms))


# --- mistakes ---------------------------------------------------------------------------------


def mistaken(tree: Tree, random: Random) -> tuple[Tree, tuple[str, ...]]:
    """The formula with one mistake, and the kinds of NOTATION 6 that fairly name it."""
    found: list[tuple[Tree, tuple[str, ...]]] = []
    if random.random() < 0.3:
        for part, put in places(tree):
            if isinstance(part, Either):
                found += [
                    (put(w), ("wrong-derivative", "missing-factor", "sign")) for w in part.wrong
                ]
    tree = _chosen(tree, random)
    for part, put in places(tree) if not found else ():
        match part:
            case Sum(terms):
                for k, (s, t) in enumerate(terms):
                    turned = Sum((*terms[:k], (-s, t), *terms[k + 1 :]))
                    found.append((put(turned), ("sign", "wrong-derivative")))
                    if len(terms) > 1 and not _is_one(t):
                        rest = (*terms[:k], *terms[k + 1 :])
                        kinds = ("missing-term", "missing-path")
                        if any(_is_one(other) for _, other in terms):
                            kinds = (*kinds, "wrong-derivative", "missing-factor")
                        found.append((put(Sum(rest)), kinds))
            case Times(factors) if len(factors) > 1:
                for k in range(len(factors)):
                    rest = type(part)((*factors[:k], *factors[k + 1 :]))
                    kinds = ("missing-factor", "wrong-derivative")
                    found.append((put(rest), kinds))
            case Scaled(of=of):
                found.append((put(of), ("factor", "missing-factor")))
                found.append((put(Scaled("3", part)), ("factor", "extra-factor")))
            case Sym(name, at) if at.isdigit() and int(at) > 1:
                found.append((put(Sym(name, str(int(at) - 1))), ("wrong-index",)))
            case Big():
                found.append((put(replace(part, high=part.high + "-1")), ("wrong-bounds",)))
            case _:
                pass
    found = found or [(Scaled("2", tree), ("factor", "extra-factor")), (-tree, ("sign",))]
    return random.choice(found)


def _chosen(tree: Tree, random: Random) -> Tree:
    """With one way for everything that may be written in several."""
    if isinstance(tree, Either):
        return _chosen(random.choice(tree.ways), random)
    return with_parts(tree, [_chosen(part, random) for part in parts(tree)])


def _is_one(tree: Tree) -> bool:
    return isinstance(tree, Num) and tree.text == "1"


def _without_ones(factors: tuple[Tree, ...]) -> tuple[Tree, ...]:
    return tuple(f for f in factors if not _is_one(f)) or (Num("1"),)


# --- writing ----------------------------------------------------------------------------------


@dataclass
class Style:
    """How one writer writes: `latex`, `unicode` or `ascii`, with a few habits."""

    kind: str
    random: Random
    #: letters that no bound index may have
    taken: str = ""
    bound: dict[str, str] = field(default_factory=dict[str, str])

    @staticmethod
    def some(random: Random, taken: str = "") -> Style:
        return Style(random.choice(("latex", "unicode", "ascii")), random, taken)

    def claim(self, left: Tree, right: Tree) -> str:
        return f"{self.text(left)} = {self.text(right)}"

    def text(self, tree: Tree, tight: int = 0) -> str:
        """In brackets where it stands too tight (1 in a sum, 2 in ⊙, 3 in a run, 4 below ^T)."""
        text, binding = self._text(tree)
        return self._bracket(text) if binding < tight else text

    def _bracket(self, text: str) -> str:
        if self.kind == "latex" and self.random.random() < 0.5:
            return rf"\left({text}\right)"
        return f"({text})"

    def _text(self, tree: Tree) -> tuple[str, int]:
        match tree:
            case Sym(name, at):
                return self.name(name) + (f"_{self._script(at)}" if at else ""), 5
            case Part(of, at):
                inner = ", ".join(self._indices(a) for a in at)
                return f"{self.name(of)}[{inner}]", 5
            case Num(text):
                return self.number(text), 5 if text.isdigit() else 3
            case Sum(terms):
                return self._sum(terms), 1 if len(terms) > 1 or terms[0][0] < 0 else 3
            case Mul(factors):
                factors = _without_ones(factors)
                return " ".join(self.text(f, 3) for f in factors), 3
            case Times(factors):
                return self._times(_without_ones(factors)), 2
            case Chain(factors):
                return " ".join(self.text(f, 3) for f in factors), 3
            case Scaled(by, of):
                while isinstance(of, Sum) and len(of.terms) == 1 and of.terms[0][0] > 0:
                    of = of.terms[0][1]
                tight = 6 if isinstance(of, Scaled | Num) else 3
                return f"{self.number(by)} {self.text(of, tight)}", 3
            case Transposed(of):
                return self.text(of, 5) + self.transpose(), 4
            case Fn(name, of):
                return self.function(name) + f"({self.text(of)})", 5
            case Pow(of, exponent):
                inner = self.text(of, 5)
                if self.kind == "unicode" and exponent == "2":
                    return inner + "²", 4
                return f"{inner}^{self._script(exponent)}", 4
            case Over(top, bottom):
                if self.kind == "latex":
                    return rf"\frac{{{self.text(top)}}}{{{self.text(bottom)}}}", 4
                return f"{self.text(top, 4)} / {self.text(bottom, 4)}", 2
            case Big():
                return self._big(tree), 2
            case D(of, by, plus):
                return self._derivative(of, by, plus), 4
            case Either(ways):
                return self._text(self.random.choice(ways))
            case _:
                raise TypeError(tree)

    def _sum(self, terms: tuple[tuple[int, Tree], ...]) -> str:
        minus = "−" if self.kind == "unicode" and self.random.random() < 0.5 else "-"
        text = ""
        for position, (sign, term) in enumerate(terms):
            mark = (
                ("" if sign > 0 else minus)
                if not position
                else (" + " if sign > 0 else f" {minus} ")
            )
            text += mark + self.text(term, 2)
        return text

    def _times(self, factors: tuple[Tree, ...]) -> str:
        mark = {
            "latex": r" \odot ",
            "unicode": " ⊙ ",
            "ascii": " * ",
        }[self.kind]
        return mark.join(self.text(f, 3) for f in factors)

    def _big(self, tree: Big) -> str:
        taken = {*self.bound.values(), *self.taken}
        before = dict(self.bound)
        name = self.random.choice([c for c in "abcijklpqrsuv" if c not in taken])
        self.bound[tree.index] = name
        body = self.text(tree.body, 2)
        high = self._indices(tree.high)
        self.bound = before
        sign = {"latex": r"\sum", "unicode": "∑", "ascii": "sum"}[self.kind]
        return f"{sign}_{{{name}={tree.low}}}^{{{high}}} {body}"

    def _derivative(self, of: Tree, by: Tree, plus: bool) -> str:
        top, below = self.text(of, 4), self.text(by, 4)
        if self.kind == "latex":
            mark = r"\partial^+" if plus else r"\partial"
            return rf"\frac{{{mark} {top}}}{{\partial {below}}}"
        if self.kind == "ascii" and not plus and len(top) + len(below) < 4:
            return f"d{top}/d{below}"
        return f"∂{'⁺' if plus else ''}{top}/∂{below}"

    def _indices(self, text: str) -> str:
        """Whole-number text with its bound indices renamed."""
        return "".join(self.bound.get(c, c) for c in text)

    def _script(self, text: str) -> str:
        text = self._indices(text)
        return text if len(text) == 1 else f"{{{text}}}"

    def name(self, name: str) -> str:
        if name in GREEK:
            return {"latex": "\\" + name + " ", "ascii": GREEK[name], "unicode": GREEK[name]}[
                self.kind
            ]
        return name

    def function(self, name: str) -> str:
        if self.kind != "latex":
            return "σ" if name == "sigmoid" and self.kind == "unicode" else name
        known = {"sigmoid": r"\sigma", "tanh": r"\tanh", "log": r"\log", "exp": r"\exp"}
        return known.get(name, rf"\operatorname{{{name}}}")

    def number(self, text: str) -> str:
        text = (
            GREEK.get(text, text)
            if self.kind != "latex"
            else ("\\" + text + " " if text in GREEK else text)
        )
        if "/" in text:
            top, bottom = text.split("/")
            return rf"\frac{{{top}}}{{{bottom}}}" if self.kind == "latex" else f"({top}/{bottom})"
        return text

    def transpose(self) -> str:
        if self.kind == "latex":
            return self.random.choice((r"^\top", "^T", r"^{\top}"))
        return self.random.choice(("ᵀ", "^T")) if self.kind == "unicode" else "^T"


def sides(left: Tree, right: Tree, extras: Sequence[Tree], random: Random) -> tuple[Tree, Tree]:
    """An equal pair of sides: rewritten, and perhaps scaled, added to or moved between sides."""
    right = rewritten(right, random)
    chance = random.random()
    if chance < 0.2 and extras:
        extra = random.choice(extras)
        number = random.choice(("2", "3", "1/2", "5"))
        more = Scaled(number, extra) if random.random() < 0.6 else extra
        left, right = (
            (left + more, right + more) if random.random() < 0.5 else (left - more, right - more)
        )
        right = Sum(tuple(random.sample(_terms(right), len(_terms(right)))))
    elif chance < 0.35:
        number = random.choice(("2", "3", "4", "1/2", "1/3", "5"))
        left, right = Scaled(number, left), Scaled(number, right)
    elif chance < 0.4:
        left, right = -left, -right
    elif chance < 0.45:
        left, right = right, left
    return left, right
