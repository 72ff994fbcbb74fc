"""Reading and writing mathematics: text to syntax, and syntax to LaTeX, Unicode and MathML."""

from backprove.notation.error import ReadError
from backprove.notation.reader import read_expression
from backprove.notation.statements import read_line

__all__ = ["ReadError", "read_expression", "read_line"]
