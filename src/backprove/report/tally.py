"""Counting a collection's answers, and how far they agree with the labels that it carries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from backprove.judge.verdict import Kind

#: misses that are kept to be listed
MOST_MISSES = 10_000


def group(verdict: str) -> str:
    """`accepted`, `partly` or `not`: what a verdict means to the one who wrote the claim."""
    kind = Kind(verdict)
    return "accepted" if kind.accepted else "partly" if kind.partly else "not"


@dataclass(frozen=True, slots=True)
class Miss:
    """An answer that is not the label: what was expected, what came, and the reason given."""

    id: str
    expected: str
    got: str
    reason: str


@dataclass(slots=True)
class Tally:
    """Counts over answers: of verdicts, and of agreements where a record has its `expect`.

    `grouped` counts agreements on accepted, partly or not; `exact` those on the very verdict;
    `named` those on the kind of mistake, among the `wrongs` that were found wrong.
    """

    claims: int = 0
    unusable: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    labelled: int = 0
    grouped: int = 0
    exact: int = 0
    wrongs: int = 0
    named: int = 0
    wrong_accepted: int = 0
    seconds: float = 0.0
    misses: list[Miss] = field(default_factory=list[Miss])

    def add(self, record: str, answer: Mapping[str, Any]) -> None:
        """Count one answer; `record` is the JSON line that it answers."""
        self.claims += 1
        if "verdict" not in answer:
            self.unusable += 1
            return
        verdict = str(answer["verdict"])
        self.verdicts[verdict] += 1
        self.seconds += float(answer.get("seconds") or 0.0)
        label = _label(record)
        if label is not None:
            self._compare(label, verdict, answer)

    def _compare(self, label: Mapping[str, Any], verdict: str, answer: Mapping[str, Any]) -> None:
        expected = str(label["expect"])
        self.labelled += 1
        self.exact += verdict == expected
        agrees = group(verdict) == group(expected)
        self.grouped += agrees
        self.wrong_accepted += expected == "wrong" and group(verdict) == "accepted"
        kinds = _kinds(label)
        mistake = str(answer.get("mistake") or "")
        named = True
        if expected == verdict == "wrong" and kinds:
            self.wrongs += 1
            named = mistake in kinds
            self.named += named
        if (verdict != expected or not named) and len(self.misses) < MOST_MISSES:
            self.misses.append(
                Miss(
                    str(answer.get("id", "")),
                    _with_kind(expected, "|".join(kinds)),
                    _with_kind(verdict, mistake),
                    str(answer.get("reason") or answer.get("reading") or ""),
                )
            )

    def summary(self) -> str:
        """A few lines for a person."""
        order = [str(kind) for kind in Kind]
        found = sorted(self.verdicts.items(), key=lambda item: order.index(item[0]))
        counts = [f"{number} {verdict}" for verdict, number in found]
        if self.unusable:
            counts.append(f"{self.unusable} that could not be used")
        lines = [f"{_plural(self.claims, 'claim')}: {', '.join(counts) or 'none'}"]
        if self.labelled:
            lines.append(
                f"agreement with the labels: {share(self.grouped, self.labelled)} on accepted, "
                f"partly or not; {share(self.exact, self.labelled)} on the verdict; "
                f"{share(self.named, self.wrongs)} on the kind of mistake; "
                f"wrong claims accepted: {self.wrong_accepted}"
            )
        return "\n".join(lines)


def share(part: int, whole: int) -> str:
    """`17/20 (85.0%)`."""
    return f"{part}/{whole} ({100 * part / whole:.1f}%)" if whole else "0/0"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _with_kind(verdict: str, kind: str) -> str:
    return f"{verdict} ({kind})" if kind else verdict


def _label(record: str) -> Mapping[str, Any] | None:
    """The record, where its label is a verdict."""
    try:
        data = json.loads(record)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    label = cast(Mapping[str, Any], data)
    return label if label.get("expect") in list(Kind) else None


def _kinds(label: Mapping[str, Any]) -> list[str]:
    mistake: object = label.get("mistake")
    if mistake is None:
        return []
    if isinstance(mistake, list):
        return [str(kind) for kind in cast(list[object], mistake)]
    return [str(mistake)]
