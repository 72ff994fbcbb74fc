"""Source code for NumPy, PyTorch and JAX from expressions and definitions."""

from backprove.compute.emit.program import Output, Program, program, source
from backprove.compute.emit.values import NoCode

__all__ = ["NoCode", "Output", "Program", "program", "source"]
