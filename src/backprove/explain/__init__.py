"""The named quantities with their working: `explain("conv_size(7, 3, stride=2)")`."""

from backprove.explain.explanation import Explanation
from backprove.explain.question import explain

__all__ = ["Explanation", "explain"]
