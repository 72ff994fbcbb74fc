"""Trees as MathML, for pages that show mathematics without scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from backprove.notation.syntax import Expr, Number, Space, Span, Statement
from backprove.notation.write import Writer

_SHOWN = {"*": "∗", "·": "⋅"}
_TOP = "<mo>⊤</mo>"


class MathML(Writer):
    """`place` is the range of characters in the text that was read which is pointed at, if any:
    the largest parts that lie in it have the class `here`.
    """

    def __init__(self, node: object, place: Span | None = None) -> None:
        super().__init__(node)
        self.place = place

    def write(self, node: Expr | Space | Statement) -> str:
        place, (start, end) = self.place, node.span
        if place is None or not (place[0] <= start < end <= place[1]):
            return super().write(node)
        self.place = None
        text = super().write(node)
        self.place = place
        inner = text.removeprefix("<mrow>") if _whole(text, "mrow") else f"{text}</mrow>"
        return f'<mrow class="here">{inner}'

    def number(self, node: Number) -> str:
        text = node.text.replace("\\times", "×").replace("\\cdot", "·").replace("\\%", "%")
        text = re.sub(r"[{}\s]", "", text).replace("-", "−")
        if "e" in text:
            mantissa, exponent = text.split("e")
            text = f"{mantissa}×10^{exponent}"
        if "^" not in text:
            return f"<mn>{escape(text)}</mn>"
        mantissa, exponent = text.split("^")
        plain = mantissa.removesuffix("10").rstrip("×·⋅")
        power = f"<msup><mn>10</mn><mn>{escape(exponent)}</mn></msup>"
        return f"<mrow><mn>{escape(plain)}</mn><mo>×</mo>{power}</mrow>"

    def name(self, text: str) -> str:
        if text == "ones":
            return '<mi mathvariant="normal">𝟏</mi>'
        return f"<mi>{escape(text)}</mi>"

    def below(self, base: str, items: str) -> str:
        return f"<msub>{base}{_row(items)}</msub>"

    def above(self, base: str, content: str) -> str:
        return self._raised(base, _row(content))

    def upright(self, base: str, inverse: bool) -> str:
        return self._raised(base, f"<mrow><mo>−</mo>{_TOP}</mrow>" if inverse else _TOP)

    def tagged(self, base: str, items: str, transposed: bool) -> str:
        shown = f"<mrow><mo>(</mo>{items}<mo>)</mo>{_TOP if transposed else ''}</mrow>"
        return self._raised(base, shown)

    def _raised(self, base: str, content: str) -> str:
        """A superscript; on a subscripted base the two stand one over the other."""
        if base.startswith("<msub>") and _whole(base, "msub"):
            return f"<msubsup>{base[6:-7]}{content}</msubsup>"
        return f"<msup>{base}{content}</msup>"

    def component(self, base: str, items: str) -> str:
        return f"<mrow>{base}<mo>[</mo>{items}<mo>]</mo></mrow>"

    def bracket(self, text: str) -> str:
        return f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"

    def terms(self, terms: Sequence[tuple[int, str]]) -> str:
        (sign, first), *rest = terms
        text = first if sign > 0 else f"<mo>−</mo>{first}"
        text += "".join(f"<mo>{'+' if sign > 0 else '−'}</mo>{term}" for sign, term in rest)
        return f"<mrow>{text}</mrow>"

    def factors(self, factors: Sequence[str], ops: Sequence[str]) -> str:
        text = factors[0]
        for op, factor in zip(ops, factors[1:], strict=True):
            shown = _SHOWN.get(op, op)
            text += (
                f"<mo>{escape(shown)}</mo>{factor}" if op else f'<mspace width="0.17em"/>{factor}'
            )
        return f"<mrow>{text}</mrow>"

    def fraction(self, over: str, under: str) -> str:
        return f"<mfrac>{_row(over)}{_row(under)}</mfrac>"

    def function(self, name: str, args: str, primes: int) -> str:
        if name == "sqrt" and not primes:
            return f"<msqrt>{args}</msqrt>"
        if name == "sigmoid" and "σ" not in self.letters:
            name = "σ"
        shown = f'<mi mathvariant="normal">{escape("log det" if name == "logdet" else name)}</mi>'
        if primes:
            shown = f"<msup>{shown}<mo>{'′' * primes}</mo></msup>"
        return f"<mrow>{shown}<mo>&#x2061;</mo>{self.bracket(args)}</mrow>"

    def option(self, name: str, value: str) -> str:
        return f"<mrow><mtext>{escape(name)}</mtext><mo>=</mo>{value}</mrow>"

    def bars(self, bar: str, text: str) -> str:
        fence = f'<mo fence="true" stretchy="true">{bar}</mo>'
        return f"<mrow>{fence}{text}{fence}</mrow>"

    def angles(self, text: str) -> str:
        return f"<mrow><mo>⟨</mo>{text}<mo>⟩</mo></mrow>"

    def indicator(self, condition: str) -> str:
        return f'<mrow><mi mathvariant="normal">𝟏</mi><mo>[</mo>{condition}<mo>]</mo></mrow>'

    def big(self, op: str, below: str, above: str, body: str) -> str:
        sign = f'<mo largeop="true" movablelimits="false">{"∑" if op == "sum" else "∏"}</mo>'
        if below and above:
            sign = f"<munderover>{sign}{_row(below)}{_row(above)}</munderover>"
        elif below:
            sign = f"<munder>{sign}{_row(below)}</munder>"
        elif above:
            sign = f"<mover>{sign}{_row(above)}</mover>"
        return f"<mrow>{sign}{body}</mrow>"

    def partial(self, of: str, by: Sequence[str], d: str, immediate: bool) -> str:
        sign = f"<mo>{d}</mo>" if d == "∂" else '<mi mathvariant="normal">d</mi>'
        mark = "<mn>2</mn>" if len(by) == 2 else "<mo>+</mo>" if immediate else ""
        over = f"<msup>{sign}{mark}</msup>" if mark else sign
        under = "".join(f"{sign}{variable}" for variable in by)
        return f"<mfrac><mrow>{over}{of}</mrow><mrow>{under}</mrow></mfrac>"

    def nabla(self, of: str, by: str, order: int) -> str:
        sign = f"<msub><mo>∇</mo>{_row(by)}</msub>"
        if order == 2:
            sign = f"<msubsup><mo>∇</mo>{_row(by)}<mn>2</mn></msubsup>"
        return f"<mrow>{sign}{of}</mrow>"

    def vector(self, items: Sequence[str]) -> str:
        return self.matrix([[item] for item in items])

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        body = "".join(
            "<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in row) + "</mtr>" for row in rows
        )
        return f"<mrow><mo>[</mo><mtable>{body}</mtable><mo>]</mo></mrow>"

    def stack(self, parts: Sequence[str]) -> str:
        return self.vector(parts)

    def cases(self, branches: Sequence[tuple[str, str]]) -> str:
        rows = "".join(
            f"<mtr><mtd>{value}</mtd><mtd>{test or '<mtext>otherwise</mtext>'}</mtd></mtr>"
            for value, test in branches
        )
        table = f'<mtable columnalign="left">{rows}</mtable>'
        return f'<mrow><mo fence="true" stretchy="true">{{</mo>{table}</mrow>'

    def relation(self, op: str) -> str:
        return f"<mo>{escape(op)}</mo>"

    def joined(self, parts: Sequence[str], sign: str) -> str:
        shown = '<mo separator="true">,</mo>' if sign == "," else f"<mo>{sign}</mo>"
        return shown.join(parts) if len(parts) < 2 else f"<mrow>{shown.join(parts)}</mrow>"

    def between(self, low: str, high: str) -> str:
        comma = '<mo separator="true">,</mo>'
        return f"<mrow>{low}{comma}<mo>…</mo>{comma}{high}</mrow>"

    def set(self, kind: str, axes: str) -> str:
        letter = f"<mi>{'ℝ' if kind == 'R' else 'ℕ'}</mi>"
        return f"<msup>{letter}{_row(axes)}</msup>" if axes else letter

    def words(self, text: str) -> str:
        before = "&#x2003;" if text == "for" else "&#xa0;"
        return f"<mtext>{before}{escape(text)}&#xa0;</mtext>"

    def line(self, parts: Sequence[str]) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"


def _row(text: str) -> str:
    """Scripts and fractions take one element each."""
    return text if _whole(text) else f"<mrow>{text}</mrow>"


def _whole(text: str, tag: str = "") -> bool:
    """Whether the text is a single element."""
    m = re.match(r"<(\w+)[ >]", text)
    if m is None or (tag and m[1] != tag):
        return False
    depth = 0
    for found in re.finditer(rf"<(/?){m[1]}(?=[ >/])[^>]*?(/?)>", text):
        depth += -1 if found[1] else 0 if found[2] else 1
        if depth == 0:
            return found.end() == len(text)
    return False


def to_mathml(
    node: Expr | Space | Statement, *, display: bool = False, place: Span | None = None
) -> str:
    """A whole `<math>` element; `display` sets it on a line of its own, `place` is pointed at."""
    mode = ' display="block"' if display else ""
    body = MathML(node, place).write(node)
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{mode}>{body}</math>'


__all__ = ["MathML", "to_mathml"]
