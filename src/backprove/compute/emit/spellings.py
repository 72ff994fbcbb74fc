"""How NumPy, PyTorch and JAX spell the same operations: one table, and the few differences.

`NUMPY` is complete; the other two say only where they differ. A spelling is a template with the
arguments in order; `{m}` is the module (`np`, `torch`, `jnp`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: elementwise functions
FUNCTIONS = {
    "exp": "{m}.exp({0})",
    "log": "{m}.log({0})",
    "tanh": "{m}.tanh({0})",
    "sigmoid": "_sigmoid({0})",
    "relu": "{m}.maximum({0}, 0)",
    "softplus": "{m}.logaddexp({0}, 0)",
    "gelu": "_gelu({0})",
    "silu": "_silu({0})",
    "erf": "_erf({0})",
    "sin": "{m}.sin({0})",
    "cos": "{m}.cos({0})",
    "sinh": "{m}.sinh({0})",
    "cosh": "{m}.cosh({0})",
    "abs": "{m}.abs({0})",
    "sign": "{m}.sign({0})",
    "step": "{m}.where({0} > 0, 1.0, 0.0)",
    "max": "{m}.maximum({0}, {1})",
    "min": "{m}.minimum({0}, {1})",
    "greater": "{m}.where({0} > {1}, 1.0, 0.0)",
    "greater-equal": "{m}.where({0} >= {1}, 1.0, 0.0)",
    "equal": "{m}.where({0} == {1}, 1.0, 0.0)",
}
#: the same of plain Python numbers
OF_NUMBERS = {
    "exp": "math.exp({0})",
    "log": "math.log({0})",
    "tanh": "math.tanh({0})",
    "sigmoid": "(1 / (1 + math.exp(-({0}))))",
    "relu": "max({0}, 0)",
    "softplus": "math.log1p(math.exp({0}))",
    "gelu": "(({0}) * (1 + math.erf(({0}) / math.sqrt(2))) / 2)",
    "silu": "(({0}) / (1 + math.exp(-({0}))))",
    "erf": "math.erf({0})",
    "sin": "math.sin({0})",
    "cos": "math.cos({0})",
    "sinh": "math.sinh({0})",
    "cosh": "math.cosh({0})",
    "abs": "abs({0})",
    "sign": "(({0} > 0) - ({0} < 0))",
    "step": "float({0} > 0)",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "greater": "float({0} > {1})",
    "greater-equal": "float({0} >= {1})",
    "equal": "float({0} == {1})",
}
#: small functions that stand above the emitted one where it needs them
HELPERS = {
    "_sigmoid": """def _sigmoid(x):
    # exp of a number that is not positive, so that nothing overflows
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)""",
    "_erf": """_erf = np.vectorize(math.erf, otypes=[float])""",
    "_gelu": """def _gelu(x):
    return x * (1 + _erf(x * math.sqrt(0.5))) / 2""",
    "_silu": """def _silu(x):
    return x * _sigmoid(x)""",
    "_softmax": """def _softmax(x, axis):
    weights = np.exp(x - x.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)""",
    "_logsumexp": """def _logsumexp(x, axis):
    top = x.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(x - top).sum(axis=axis))""",
}
NEEDS = {"_gelu": ["_erf"], "_silu": ["_sigmoid"]}


@dataclass(frozen=True)
class Target:
    """A library to write for."""

    name: str
    module: str
    imports: tuple[str, ...]
    functions: dict[str, str]
    helpers: dict[str, str] = field(default_factory=dict[str, str])
    #: other spellings, by operation
    words: dict[str, str] = field(default_factory=dict[str, str])
    #: the line above the function
    decorator: str = ""

    def word(self, key: str, *args: object) -> str:
        """An operation's text."""
        return self.words.get(key, WORDS[key]).format(*args, m=self.module)


#: {r} is replaced by an array whose kind (dtype, device) new arrays have
WORDS = {
    "softmax": "_softmax({0}, {1})",
    "logsumexp": "_logsumexp({0}, {1})",
    "max": "{0}.max(axis={1})",
    "min": "{0}.min(axis={1})",
    "sum": "{0}.sum(axis={1})",
    "total": "{0}.sum()",
    "prod": "{0}.prod(axis={1})",
    "permute": "{0}.transpose({1})",
    "where": "{m}.where({0}, {1}, {2})",
    "sqrt": "{m}.sqrt({0})",
    "zeros": "{m}.zeros({0}, dtype={1}.dtype)",
    "empty": "{m}.empty({0}, dtype={1}.dtype)",
    "ones": "{m}.ones({0}, dtype={1}.dtype)",
    "eye": "{m}.eye({0}, dtype={1}.dtype)",
    "array": "{m}.asarray({0}, dtype={1}.dtype)",
    "arange": "{m}.arange({0}, {1})",
    "clip": "{m}.clip({0}, {1}, {2})",
    "inverse": "{m}.linalg.inv({0})",
    "det": "{m}.linalg.det({0})",
    "logdet": "{m}.linalg.slogdet({0})[1]",
    "tensordot": "{m}.tensordot({0}, {1}, ({2}, {3}))",
    "einsum": '{m}.einsum("{0}", {1})',
    "broadcast": "{m}.broadcast_to({0}, {1})",
    "reshape": "{0}.reshape({1})",
    "stack": "{m}.stack([{0}], {1})",
    "concat": "{m}.concatenate([{0}], {1})",
    "diagonal": "{m}.diagonal({0}, 0, {1}, {2})",
    "square": "{0}**2",
    "and": "({0}) & ({1})",
    "chain": "functools.reduce({m}.matmul, {0})",
    "flip": "{0}[::-1]",
    "contiguous": "{m}.ascontiguousarray({0})",
}

NUMPY = Target("numpy", "np", ("import numpy as np",), FUNCTIONS, HELPERS)

JAX = Target(
    "jax",
    "jnp",
    ("import jax", "import jax.numpy as jnp", "from jax import lax"),
    {
        **FUNCTIONS,
        "sigmoid": "jax.nn.sigmoid({0})",
        "softplus": "jax.nn.softplus({0})",
        "gelu": "jax.nn.gelu({0}, approximate=False)",
        "silu": "jax.nn.silu({0})",
        "erf": "lax.erf({0})",
    },
    words={
        "softmax": "jax.nn.softmax({0}, axis={1})",
        "logsumexp": "jax.nn.logsumexp({0}, axis={1})",
        "contiguous": "{0}",
    },
)

TORCH = Target(
    "torch",
    "torch",
    ("import torch",),
    {
        **FUNCTIONS,
        "sigmoid": "torch.sigmoid({0})",
        "relu": "torch.relu({0})",
        "softplus": "torch.logaddexp({0}, torch.zeros_like({0}))",
        "gelu": "torch.nn.functional.gelu({0})",
        "silu": "torch.nn.functional.silu({0})",
        "erf": "torch.erf({0})",
        "step": "torch.heaviside({0}, torch.zeros_like({0}))",
        "greater": "({0} > {1}).to({0}.dtype)",
        "greater-equal": "({0} >= {1}).to({0}.dtype)",
        "equal": "({0} == {1}).to({0}.dtype)",
    },
    words={
        "softmax": "torch.softmax({0}, {1})",
        "logsumexp": "torch.logsumexp({0}, {1})",
        "max": "{0}.amax({1})",
        "min": "{0}.amin({1})",
        "sum": "{0}.sum({1})",
        "prod": "{0}.prod({1})",
        "permute": "{0}.permute({1})",
        "zeros": "{1}.new_zeros({0})",
        "empty": "{1}.new_empty({0})",
        "ones": "{1}.new_ones({0})",
        "eye": "torch.eye({0}, dtype={1}.dtype, device={1}.device)",
        "array": "torch.as_tensor({0}, dtype={1}.dtype, device={1}.device)",
        "arange": "torch.arange({0}, {1}, device={2}.device)",
        "stack": "torch.stack([{0}], {1})",
        "concat": "torch.cat([{0}], {1})",
        "flip": "{0}.flip(0)",
        "contiguous": "{0}.contiguous()",
    },
    decorator="@torch.no_grad()",
)

TARGETS = {target.name: target for target in (NUMPY, TORCH, JAX)}
