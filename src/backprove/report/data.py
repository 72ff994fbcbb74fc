"""The report as data, for programs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from backprove.course.checking import DocumentReport


def as_data(report: DocumentReport) -> dict[str, Any]:
    """The report as JSON-ready data: the document, a summary, and an entry for each claim."""
    verdicts = [result.verdict.verdict for result in report.results]
    return {
        "document": str(report.path),
        "title": report.title,
        "summary": {
            "claims": len(verdicts),
            "accepted": sum(kind.accepted for kind in verdicts),
            "partly": sum(kind.partly for kind in verdicts),
            "verdicts": dict(Counter(map(str, verdicts))),
        },
        "claims": [
            {
                "line": result.line,
                "question": result.question,
                "text": result.text,
                **result.verdict.as_dict(),
            }
            for result in report.results
        ],
        "notes": list(report.notes),
    }


def as_json(report: DocumentReport) -> str:
    """The report as one indented JSON document."""
    return json.dumps(finite(as_data(report)), ensure_ascii=False, indent=2, allow_nan=False)


def dumps(data: Mapping[str, Any]) -> str:
    """One JSON object on one line."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(finite(data), ensure_ascii=False, allow_nan=False)


def finite(value: Any) -> Any:
    """JSON knows no infinities and no `nan`: they become text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value)
        return {str(key): finite(entry) for key, entry in items.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in cast(list[Any], value)]
    return value
