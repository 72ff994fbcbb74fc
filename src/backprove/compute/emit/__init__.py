"""Source code for NumPy, PyTorch and JAX from expressions and definitions."""

from backprove.compute.emit.program import Output, Program, program
from backprove.compute.emit.source import source
from backprove.compute.emit.values import NoCode
from backprove.compute.emit.wrappers import wrapped

__all__ = ["NoCode", "Output", "Program", "program", "source", "wrapped"]
