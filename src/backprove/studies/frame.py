"""What all studies are made of: a question, options, and a result as plain data with pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from backprove.errors import BackproveError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from backprove.calculus.lines import View

#: an entry of a table: text as it stands, numbers rounded where they are shown
Cell = str | int | float | Fraction


@dataclass(frozen=True, slots=True)
class Option:
    """A number that a study can be asked with: its default, and the least and the greatest."""

    name: str
    default: int | float
    help: str
    low: float
    high: float

    def checked(self, value: Any) -> int | float:
        """The value; raises `BackproveError` where it is no number of this kind or out of range."""
        whole = isinstance(self.default, int)
        kind = "a whole number" if whole else "a number"
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not fits or not self.low <= value <= self.high:
            raise BackproveError(
                f"{self.name} must be {kind} from {self.low:g} to {self.high:g}, not {value!r}"
            )
        return value


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a heading; `key` names it in JSON, `title` above it."""

    key: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure for a slide: `draw` fills an empty Matplotlib figure of `size` inches.

    `words` says what is to be seen, for those who cannot see it.
    """

    title: str
    words: str
    draw: Callable[[Canvas], None]
    size: tuple[float, float] = (8.0, 4.5)


@dataclass(frozen=True, slots=True)
class Formula:
    """Derived lines with a few words before them."""

    words: str
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A study's answer. `conclusion` is in plain words, made from the numbers.

    `data` holds every number that the pictures show, beside the tables. What was asked (`name`,
    `question`, `settings`) is put in by `Study.run`.
    """

    conclusion: tuple[str, ...]
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    formulas: tuple[Formula, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    question: str = ""
    settings: Mapping[str, int | float] = field(default_factory=dict[str, "int | float"])

    def as_data(self) -> dict[str, Any]:
        """Everything but the pictures as JSON-ready data; fractions are text such as `1/3`."""
        return {
            "study": self.name,
            "question": self.question,
            "settings": dict(self.settings),
            "conclusion": list(self.conclusion),
            "formulas": [
                {"words": f.words, "unicode": f.view.unicode, "latex": f.view.latex}
                for f in self.formulas
            ],
            "tables": {
                t.key: {"title": t.title, "head": list(t.head), "rows": plain(t.rows)}
                for t in self.tables
            },
            "data": plain(self.data),
        }

    def as_json(self) -> str:
        return json.dumps(self.as_data(), ensure_ascii=False, indent=2, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Study:
    """A question and how it is answered: `answer` is called with a value for every option."""

    name: str
    question: str
    answer: Callable[..., Result]
    options: tuple[Option, ...] = ()

    def run(self, **given: Any) -> Result:
        """The result; raises `BackproveError` for an unknown option or a value that does not fit."""
        known = {option.name: option for option in self.options}
        for name in given:
            if name not in known:
                fits = ", ".join(known) or "none"
                raise BackproveError(f"the study {self.name} has no option {name}; it has {fits}")
        settings = {name: o.checked(given.get(name, o.default)) for name, o in known.items()}
        found = self.answer(**settings)
        return replace(found, name=self.name, question=self.question, settings=settings)


def plain(value: Any) -> Any:
    """JSON-ready data: arrays as lists, fractions and what is not finite as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        entries = cast(Mapping[Any, Any], value)
        return {str(key): plain(entry) for key, entry in entries.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in cast(Sequence[Any], value)]
    return value


def shown(value: Cell, digits: int = 4) -> str:
    """A cell as text: four significant digits, powers of ten where they are needed, true signs."""
    if isinstance(value, str):
        return value
    if isinstance(value, Fraction):
        return str(value).replace("-", "−")
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ").replace("-", "−")
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}g}"
    mantissa, exponent, power = text.partition("e")
    if exponent and 0 < int(power) < 7:
        text, exponent = f"{float(text):.0f}", ""
    if not exponent:
        return text.replace("-", "−")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{raised}".replace("-", "−")
