"""What the faces say alike: a mark for each verdict, its words, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from backprove.judge.verdict import Kind, Verdict

_WORDS = {
    Kind.CORRECT: "correct",
    Kind.CONVENTION: "correct in another layout",
    Kind.NOTATION: "correct as read",
    Kind.SCALAR: "correct for scalars",
    Kind.APPROXIMATE: "rounded on the way",
    Kind.UNREADABLE: "not readable",
    Kind.WRONG: "wrong",
    Kind.WITHHELD: "no verdict",
}


def mark(kind: Kind) -> str:
    """✓ accepted, ~ right in part, ✗ wrong, ? no meaning or no verdict."""
    if kind.accepted:
        return "✓"
    if kind.partly:
        return "~"
    return "✗" if kind is Kind.WRONG else "?"


def words(verdict: Verdict) -> str:
    """The verdict for a person, with the kind of mistake: `wrong: missing path`."""
    said = _WORDS[verdict.verdict]
    return f"{said}: {verdict.mistake.replace('-', ' ')}" if verdict.mistake else said


def sentence(text: str) -> str:
    """The text with a full stop, and a capital unless it begins with a letter of a formula."""
    text = text.strip()
    first = text.split(" ", 1)[0].rstrip(",:;")
    if first.isalpha() and first.islower() and len(first) > 1:
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ":")) or not text else f"{text}."


@dataclass(frozen=True, slots=True)
class Counts:
    """How many claims, how many in each group, and each verdict with its number, best first."""

    claims: int
    accepted: int
    partly: int
    refused: int
    verdicts: tuple[tuple[Kind, int], ...]

    @staticmethod
    def of(verdicts: Iterable[Verdict]) -> Counts:
        found = Counter(verdict.verdict for verdict in verdicts)
        accepted = sum(n for kind, n in found.items() if kind.accepted)
        partly = sum(n for kind, n in found.items() if kind.partly)
        total = sum(found.values())
        return Counts(
            total,
            accepted,
            partly,
            total - accepted - partly,
            tuple((kind, found[kind]) for kind in Kind if found[kind]),
        )

    def __str__(self) -> str:
        noun = "claim" if self.claims == 1 else "claims"
        named = ", ".join(f"{n} {kind}" for kind, n in self.verdicts)
        groups = f"{self.accepted} accepted, {self.partly} partly, {self.refused} not"
        return f"{self.claims} {noun}: {groups}" + (f" ({named})" if named else "")
