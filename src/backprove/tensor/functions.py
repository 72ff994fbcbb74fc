"""The elementwise functions and their derivatives, side by side.

`derivative(function, args, k, value)` is the partial derivative by the k-th argument as an
expression of the same shape; where a function has a derivative in terms of its own value
(tanh, sigmoid, exp), that form is used, as on paper. At a kink the value given is the usual one
(relu' = 0 at 0), as NOTATION says.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from backprove.tensor.build import (
    add,
    apply,
    constant,
    hadamard,
    literal,
    ones,
    power,
    reciprocal,
    scale,
    square,
    times,
    zero,
)
from backprove.tensor.nodes import Node

Rule = Callable[[Node, tuple[Node, ...]], tuple[Node, ...]]


def _one_minus(node: Node) -> Node:
    return add([(1, ones(node.shape)), (-1, node)])


def _gelu(value: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    # gelu(x) = x Φ(x), so gelu' = Φ(x) + x φ(x)  (Hendrycks and Gimpel 2016, section 2)
    x = args[0]
    root_half = power(literal(Fraction(1, 2)), literal(Fraction(1, 2)))
    cdf = scale(Fraction(1, 2), add([(1, ones(x.shape)), (1, apply("erf", times(root_half, x)))]))
    norm = power(scale(2, constant("π")), literal(Fraction(-1, 2)))
    density = times(norm, apply("exp", scale(Fraction(-1, 2), square(x))))
    return (add([(1, cdf), (1, hadamard(x, density))]),)


def _silu(value: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    x = args[0]
    s = apply("sigmoid", x)
    return (add([(1, s), (1, hadamard(hadamard(x, s), _one_minus(s)))]),)


def _erf(value: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    x = args[0]
    front = scale(2, power(constant("π"), literal(Fraction(-1, 2))))
    return (times(front, apply("exp", scale(-1, square(x)))),)


def _flat(value: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(zero(a.shape) for a in args)


RULES: dict[str, Rule] = {
    "exp": lambda y, a: (y,),
    "log": lambda y, a: (reciprocal(a[0]),),
    "tanh": lambda y, a: (_one_minus(square(y)),),
    "sigmoid": lambda y, a: (hadamard(y, _one_minus(y)),),
    "relu": lambda y, a: (apply("step", a[0]),),
    "softplus": lambda y, a: (apply("sigmoid", a[0]),),
    "gelu": _gelu,
    "silu": _silu,
    "erf": _erf,
    "sin": lambda y, a: (apply("cos", a[0]),),
    "cos": lambda y, a: (scale(-1, apply("sin", a[0])),),
    "sinh": lambda y, a: (apply("cosh", a[0]),),
    "cosh": lambda y, a: (apply("sinh", a[0]),),
    "abs": lambda y, a: (apply("sign", a[0]),),
    "sign": _flat,
    "step": _flat,
    # max(a, b) and min(a, b): the side that is taken; greater(a, b) is 1 where a > b
    "max": lambda y, a: (apply("greater", a[0], a[1]), apply("greater", a[1], a[0])),
    "min": lambda y, a: (apply("greater", a[1], a[0]), apply("greater", a[0], a[1])),
    "greater": _flat,
    "greater-equal": _flat,
    "equal": _flat,
}


def partials(function: str, value: Node, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The partial derivatives of `value = function(*args)`, elementwise, each of its shape."""
    return RULES[function](value, args)
