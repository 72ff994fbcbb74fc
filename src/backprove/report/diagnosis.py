"""A diagnosed run for the terminal and for programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from backprove.training.diagnosis.doctor import Diagnosis
    from backprove.training.diagnosis.findings import Finding
    from backprove.training.diagnosis.series import Series

_PIPED_WIDTH = 100


def headline(made: Diagnosis) -> str:
    """The verdict in a line."""
    from backprove.training.diagnosis.advice import ADVICE

    primary = made.primary
    if made.short:
        return "Too little is logged to say whether the run is healthy."
    if primary is None and made.findings:
        count = len(made.findings)
        things = "one thing" if count == 1 else f"{count} things"
        return f"Nothing is certainly wrong; {things} to look at."
    if primary is None:
        return "Nothing wrong is to be seen: the run looks healthy."
    others = len([f for f in made.ill if f is not primary])
    more = f" (and {others} more {'finding' if others == 1 else 'findings'})" if others else ""
    return f"{ADVICE[primary.kind].title}{more}."


def about(made: Diagnosis) -> str:
    """What was read."""
    run = made.run
    curves = [f"{role.value} ({len(series)} points)" for role, series in run.series.items()]
    curves += [f"{role.value} of {len(group)} layers" for role, group in run.layers.items()]
    return f"{run.format}, {run.rows} rows: " + ", ".join(curves)


def assumptions(made: Diagnosis) -> list[str]:
    """What was taken for granted, and what the log does not let one judge."""
    lines = [f"{note[0].upper()}{note[1:]}." for note in made.run.notes]
    chance = made.view.chance
    if chance is not None:
        lines.append(f"{chance.classes} classes, {chance.source}.")
    return lines + [f"{line[0].upper()}{line[1:]}." for line in made.silent]


def confidence(finding: Finding) -> str:
    """How sure a finding is, in words with the figure."""
    sure = finding.confidence
    word = (
        "sure"
        if sure >= 0.85
        else "likely"
        if sure >= 0.65
        else "plausible"
        if sure >= 0.5
        else "perhaps"
    )
    return f"{word}, {sure:.2f}"


def follows(finding: Finding) -> str:
    """What a finding follows from, in a sentence."""
    from backprove.training.diagnosis.advice import ADVICE

    if finding.follows_from is None:
        return ""
    return f"Probably a consequence of: {ADVICE[finding.follows_from].title.lower()}."


def show(made: Diagnosis) -> None:
    """Print the verdict, the findings with evidence and advice, and remarks."""
    from backprove.training.diagnosis.advice import ADVICE

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    console.print(Text(made.run.source, "dim"))
    console.print(Text(about(made), "dim"))
    console.print()
    sign = Text("? ") if made.short else Text("✓ ", "green") if made.healthy else Text("✗ ", "red")
    console.print(sign + Text(headline(made), "bold"))
    for number, finding in enumerate(made.findings, 1):
        advice = ADVICE[finding.kind]
        console.print()
        console.print(
            Text(f"{number}. {advice.title}", "bold") + Text(f"  {confidence(finding)}", "dim")
        )
        lines = [finding.summary, *(f"- {line}" for line in finding.evidence)]
        lines += [follows(finding)] if finding.follows_from else []
        for line in lines:
            console.print(Padding(Text(line), (0, 0, 0, 3)))
        if finding.follows_from is None and finding in made.ill:
            for name, told in (("Likely causes", advice.causes), ("Try", advice.tries)):
                console.print(Padding(Text(name, "dim"), (0, 0, 0, 3)))
                for k, line in enumerate(told, 1):
                    console.print(Padding(Text(f"{k}. {line}"), (0, 0, 0, 5)))
    for title, lines in (
        ("Remarks", [f"{remark.summary}" for remark in made.remarks]),
        ("Assumed, and not judged", assumptions(made)),
    ):
        if lines:
            console.print()
            console.print(Text(title, "dim"))
            for line in lines:
                console.print(Padding(Text(line), (0, 0, 0, 3)))


def as_json(made: Diagnosis) -> str:
    """Everything as JSON, with the curves' points. What is not finite is null."""
    run, chance = made.run, made.view.chance
    primary = made.primary
    data: dict[str, Any] = {
        "run": run.source,
        "format": run.format,
        "rows": run.rows,
        "axis": run.axis,
        "columns": run.columns,
        "verdict": "too short" if made.short else "healthy" if primary is None else "ill",
        "primary": None if primary is None else primary.kind.value,
        "findings": [_finding(f, primary) for f in made.findings],
        "remarks": [_finding(f, None) for f in made.remarks],
        "facts": {
            "classes": None
            if chance is None
            else {"value": chance.classes, "source": chance.source},
            "steps_per_epoch": run.period,
            "majority": run.facts.majority,
        },
        "notes": run.notes,
        "not_judged": made.silent,
        "curves": {role.value: _curve(series) for role, series in run.series.items()},
        "layers": {
            role.value: {layer: _curve(series) for layer, series in group.items()}
            for role, group in run.layers.items()
        },
    }
    return json.dumps(_plain(data), ensure_ascii=False, indent=1)


def _finding(finding: Finding, primary: Finding | None) -> dict[str, Any]:
    from backprove.training.diagnosis.advice import ADVICE

    advice = ADVICE[finding.kind]
    return {
        "kind": finding.kind.value,
        "title": advice.title,
        "fault": finding.kind.fault,
        "primary": finding is primary,
        "confidence": round(finding.confidence, 4),
        "summary": finding.summary,
        "evidence": finding.evidence,
        "marks": [
            {"curve": m.curve, "start": m.start, "end": m.end, "value": m.value, "words": m.words}
            for m in finding.marks
        ],
        "follows_from": finding.follows_from,
        "causes": list(advice.causes),
        "try": list(advice.tries),
    }


def _curve(series: Series) -> dict[str, Any]:
    return {
        "column": series.name,
        "x": series.x.tolist(),
        "mean": series.y.tolist(),
        "low": None if series.single else series.low.tolist(),
        "high": None if series.single else series.high.tolist(),
        "points": int(series.count.sum()),
        "not_finite": series.broken,
        "first_not_finite": series.broken_at,
    }


def _plain(data: Any) -> Any:
    """Data as JSON can hold it."""
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float):
        return float(data) if math.isfinite(data) else None
    return data
