"""A derivation step by step: which rule was used on which line, in words.

Backpropagation goes through the definitions from the quantity to the variable. At each name it
says through what the adjoint came, and what it is then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backprove.calculus.adjoint import Key
from backprove.calculus.lines import Line, View, Writing
from backprove.calculus.prepare import PRE
from backprove.calculus.pullback import NoDerivative
from backprove.model.entity import Entity, member, with_body
from backprove.model.write import NoMatrixForm, written
from backprove.notation.syntax import Expr
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import (
    add,
    literal,
    power,
    replace,
    split_coefficient,
    substitute,
    symbol,
    times,
)
from backprove.tensor.functions import partials
from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Concat,
    Contract,
    Determinant,
    Fold,
    Inverse,
    Node,
    Power,
    Reshape,
    Select,
    Stack,
    Symbol,
    Where,
    walk,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is done and why, and the line that it gives."""

    words: str
    lines: tuple[Line, ...] = ()

    def __str__(self) -> str:
        shown = str(View(self.lines)).split("\n") if self.lines else []
        return "\n    ".join([self.words, *shown])


@dataclass(frozen=True, slots=True)
class Steps:
    """A derivation step by step; `str` numbers the steps."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join(f"{n}. {step}" for n, step in enumerate(self.steps, 1))

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)


class Telling:
    """Tells the steps of one derivation, with the letters of its model."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self.derived = writing.derived
        self.raw = self.derived.raw
        assert self.raw.system.base is not None
        assert self.raw.families is not None
        self.model = self.raw.system.base
        self.families = self.raw.families
        self.hidden = {
            e.name: e.body
            for e in self.model.all()
            if e.name.startswith(PRE) and e.body is not None
        }

    def steps(self, left: Expr) -> Steps:
        """The steps to the derivative that is written `left`."""
        found = [Step(self._start())]
        adjoints = {e.name: e for group in self.raw.system.entities.values() for e in group}
        of = self.derived.of
        start = self.families.key(of) if isinstance(of, Symbol) else None
        for key, name in self.raw.names.items():
            if name in adjoints and key != start:
                found.append(self._step(key, adjoints[name]))
        by = self.derived.by
        words = self._arrives(self.families.key(by)) if isinstance(by, Symbol) else ""
        lines = self.writing.view(left).lines
        together = "So the derivative is" if len(lines) == 1 else "Put together, the derivative is"
        found.append(Step(f"{words} {together}".strip(), lines))
        return Steps(tuple(found))

    def _start(self) -> str:
        of = self._text(self.derived.of)
        if self.derived.of.shape:
            return f"Start at {of}: its derivative by itself is the identity."
        return f"Start at {of}: its derivative by itself is 1."

    def _step(self, key: Key, adjoint: Entity) -> Step:
        words = self._arrives(key)
        assert adjoint.body is not None
        body = self._shown(self.derived.simplify(replace(adjoint.body, self._plain(adjoint.body))))
        try:
            line = self.writing.line(with_body(self._named(adjoint), body))
        except NoDerivative:
            return Step(words)
        return Step(words, (line,))

    def _plain(self, node: Node) -> dict[Node, Node]:
        """Adjoints that are a number or the identity, such as L̄ = 1, as that."""
        table: dict[Node, Node] = {}
        for part in walk(node):
            for e in self.raw.system.entities.get(getattr(part, "name", ""), []):
                if e.body is not None and not split_coefficient(e.body)[1].children:
                    table[part] = replace(e.body, self._plain(e.body))
        return table

    # --- words ---

    def _arrives(self, key: Key) -> str:
        """Through what an adjoint comes to a name."""
        parts: list[str] = []
        users: list[str] = []
        for entity in self.model.all():
            if entity.body is None or self.families.key(entity) not in self.raw.names:
                continue
            roads = list(self._roads(entity, key))
            if not roads:
                continue
            users.append(self._text(member(entity)))
            for words in dict.fromkeys(roads):
                parts.append(f"In {self._definition(entity)}: {words}")
        if isinstance(self.derived.of, Symbol) and not parts and not users:
            return ""
        target = self._label_of(key)
        if len(users) > 1:
            names = " and ".join((", ".join(users[:-1]), users[-1]))
            parts.append(f"{target} is used in {names}: what comes back along each is added.")
        return " ".join(parts)

    def _roads(self, entity: Entity, key: Key) -> Iterator[str]:
        """In words, each way from a definition's top down to a name."""
        assert entity.body is not None

        def visit(node: Node, said: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
            if isinstance(node, Symbol):
                if self.families.key(node) == key:
                    yield said
                return
            for child in dict.fromkeys(node.children):
                yield from visit(child, (*said, *self._rule(node, child, entity)))

        for said in visit(entity.body, ()):
            words = list(dict.fromkeys(said)) or ["passed on as it is"]
            yield "; then ".join(words) + "."

    def _rule(self, node: Node, child: Node, entity: Entity) -> Iterator[str]:
        value = member(entity) if node is entity.body else node
        match node:
            case Apply():
                place = node.args.index(child)
                slope = partials(node.function, value, node.args)[place]
                yield f"through {node.function}, multiply by {self._text(slope)}"
            case Power() if child is node.base:
                lower = add([(1, node.exponent), (-1, literal(1))])
                slope = times(node.exponent, power(node.base, lower))
                yield f"through the power, multiply by {self._text(slope)}"
            case Power():
                yield "through the exponent, multiply by the power and the logarithm of its base"
            case Add() if len(node.terms) == 1:
                yield f"times {self._text(literal(node.terms[0][0]))}"
            case Contract() if len(node.operands) > 1:
                others = [self._text(n) for n in dict.fromkeys(node.operands) if n is not child]
                if others:
                    factors = "factors" if len(others) > 1 else "factor"
                    yield f"a product: multiply by the other {factors} {', '.join(others)}"
                else:
                    yield "a product with itself: each factor in its turn"
            case Contract():
                yield "each entry of the sum gets the same"
            case Along(function="softmax"):
                p = self._text(value)
                yield f"through softmax, whose Jacobian is diag({p}) − {p} {p}ᵀ"
            case Along(function="logsumexp"):
                yield "through logsumexp, multiply by the softmax"
            case Along():
                yield f"through {node.function}, only the entry that is taken counts"
            case Inverse():
                yield "through the inverse, d(A⁻¹) = −A⁻¹ dA A⁻¹"
            case Determinant():
                yield "by Jacobi's formula, d log det A = tr(A⁻¹ dA)"
            case Fold(op="sum") | Build():
                yield "each term of the sum gets its own"
            case Fold():
                yield "each factor gets the product of all the others"
            case Select():
                yield "only this component counts"
            case Where():
                yield "where the condition holds"
            case Concat() | Stack() | Reshape():
                yield "entries go back to their places"
            case _:
                return

    # --- how things are written ---

    def _text(self, node: Node) -> str:
        """An expression in a sentence."""
        try:
            return to_unicode(written(self._shown(self.derived.simplify(node))))
        except NoMatrixForm:
            return "its derivative"

    def _definition(self, entity: Entity) -> str:
        """A definition line as the model has it; a pre-activation has no name there."""
        body = self._shown(entity.body or member(entity))
        try:
            right = to_unicode(written(body))
        except NoMatrixForm:
            return self._text(member(entity))
        return right if entity.name in self.hidden else f"{self._text(member(entity))} = {right}"

    def _label_of(self, key: Key) -> str:
        found = [e for e in self.model.named(key[0]) if self.families.key(e) == key]
        entity = next((e for e in found if e.ranges), found[0] if found else None)
        return key[0] if entity is None else self._text(member(entity))

    def _named(self, entity: Entity) -> Entity:
        return Entity(
            self._adjoint_name(entity.name),
            entity.index,
            entity.ranges,
            entity.shape,
            body=entity.body,
            zero_outside=True,
        )

    def _adjoint_name(self, name: str) -> str:
        return self.derived.renamed.get(name, name)

    def _shown(self, node: Node) -> Node:
        """With the names that a reader sees: pre-activations written out, adjoints renamed."""
        table: dict[Node, Node] = {}
        for part in walk(node):
            if not isinstance(part, Symbol):
                continue
            if part.name in self.derived.renamed:
                table[part] = symbol(self._adjoint_name(part.name), part.shape, part.index)
            for e in self.model.named(part.name) if part.name in self.hidden else []:
                names = [w.name or "" for w in e.index]
                at = dict(zip(names, part.index, strict=True))
                if e.body is not None and (e.ranges or e.index == part.index):
                    table[part] = substitute(e.body, {n: w for n, w in at.items() if n})
        return replace(node, table) if table else node
