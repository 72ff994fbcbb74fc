"""Reading and writing mathematics."""

from backprove.notation.error import ReadError
from backprove.notation.statements import read_line

__all__ = ["ReadError", "read_line"]
