"""What is said when a line cannot be read: the reason, the place, and a caret below it."""

from __future__ import annotations

from backprove.notation.syntax import Span

_WINDOW = 72


class ReadError(Exception):
    """Text that is no mathematics: `message` says why, `span` where in `text`."""

    def __init__(self, message: str, span: Span, text: str) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.text = text

    def caret(self) -> str:
        """The line with carets below the place; of a long line, the part around it."""
        start, end = self.span
        low = max(0, min(start - _WINDOW // 2, len(self.text) - _WINDOW))
        high = min(len(self.text), low + _WINDOW)
        before = "…" if low else ""
        after = "…" if high < len(self.text) else ""
        shown = "".join(c if c.isprintable() else " " for c in self.text[low:high])
        width = max(1, min(end, high) - start)
        return f"{before}{shown}{after}\n{' ' * (len(before) + start - low)}{'^' * width}"

    def __str__(self) -> str:
        return f"{self.message}\n{self.caret()}"
