"""Claims, line by line, to verdicts: as `backprove check` gives them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from backprove.course.checking import ClaimResult, DocumentReport
from backprove.judge.session import Session, records
from backprove.judge.verdict import Verdict
from backprove.report import html, markdown
from backprove.report.data import finite
from backprove.report.summary import Counts, words
from backprove.report.typeset import typeset
from backprove.web.messages import CheckAnswer, CheckRequest, Claim, ReportAnswer, ReportRequest
from backprove.web.ready import ready

#: seconds that one claim is given
BUDGET = 1.0


def check(asked: CheckRequest) -> CheckAnswer:
    """The verdict on every claim; raises `ModelError` where the model has no meaning."""
    results, definitions = _judged(asked.model, asked.claims, asked.repairs)
    counts = Counts.of(result.verdict for result in results)
    shown = ""
    if asked.html:
        entries = sorted(
            [(r.line, r, None) for r in results]
            + [(line, None, typeset(text)) for line, text in definitions],
            key=lambda entry: entry[0],
        )
        shown = html.environment().get_template("live.html").render(entries=entries, counts=counts)
    return CheckAnswer(
        claims=[_claim(result.line, result.text, result.verdict) for result in results],
        definitions=[line for line, _ in definitions],
        counts=str(counts),
        html=shown,
    )


def report(asked: ReportRequest) -> ReportAnswer:
    """Claims with their verdicts as a page, and as Markdown, to keep."""
    results, _ = _judged(asked.model, asked.claims)
    made = DocumentReport(Path("backprove"), asked.title, tuple(results))
    return ReportAnswer(html=html.page(made), markdown=markdown.written(made, asked.model))


def _judged(
    model: str, claims: str, repairs: bool = True
) -> tuple[list[ClaimResult], list[tuple[int, str]]]:
    """The links of all claims with their lines, and the lines that only define names."""
    world = ready(model).world
    world.tidy()
    session = Session(world, BUDGET, repairs=repairs)
    results: list[ClaimResult] = []
    definitions: list[tuple[int, str]] = []
    for line, text in records(claims):
        verdict = session.check(text)
        if verdict is None:
            definitions.append((line, text))
            continue
        several = verdict.links if len(verdict.links) > 1 else (verdict,)
        results += [ClaimResult(line, "", link.claim, link) for link in several]
    return results, definitions


def _claim(line: int, text: str, verdict: Verdict) -> Claim:
    evidence = verdict.evidence
    return Claim(
        line=line,
        text=text,
        verdict=str(verdict.verdict),
        accepted=verdict.accepted,
        words=words(verdict),
        reason=verdict.reason,
        mistake=verdict.mistake,
        reading=verdict.reading,
        corrected=verdict.corrected,
        place=None if verdict.place is None else list(verdict.place),
        repairs=list(verdict.repairs),
        evidence=None if evidence is None else finite(asdict(evidence)),
    )
