"""How long deriving takes, and how fast the emitted code is beside automatic differentiation.

    python benchmarks/derivatives.py [--only WORD] [--other PYTHON] [--rounds N]

Every case is run by turns with what stands beside it; times are medians of the rounds. `--other`
(or the variable OTHER_SYSTEMS) names a Python that has tensorgrad and SymPy. The tables are printed
and, without `--only`, kept in results/derivatives.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import inspect
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# one thread on either side: with more, what else the machine does decides
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import derivative_cases as cases
import jax
import jax.numpy as jnp
import numpy as np
from derivative_cases import Case, torch

import backprove
from backprove import Model

if torch is not None:
    torch.set_num_threads(1)

RESULT = Path(__file__).resolve().parent / "results" / "derivatives.md"
#: a call is repeated until it takes so many seconds
LEAST = 0.02
#: how far float32 results may be from each other
CLOSE = 2e-3
NOT_THERE = "not installed"

Call = Callable[[], Any]
Row = tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="cases with this word in their name")
    parser.add_argument("--other", default=os.environ.get("OTHER_SYSTEMS", ""))
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    only, rounds = arguments.only, arguments.rounds
    parts = [
        ("Deriving", deriving(only, rounds)),
        ("Deriving, beside other systems", [] if only else beside(arguments.other)),
        ("Gradients in PyTorch, beside eager autograd", gradients("torch", only, rounds)),
        ("Gradients in JAX, beside jit(grad(…))", gradients("jax", only, rounds)),
        (
            "Hessians and Jacobians in JAX, beside jit(hessian(…)), jit(jacrev(…))",
            second(only, rounds),
        ),
    ]
    text = f"# Derivatives\n\n{setting(rounds)}\n"
    for title, rows in parts:
        if len(rows) > 1:
            text += f"\n## {title}\n\n{table(rows)}\n"
    print(text)
    if not only:
        RESULT.write_text(text, encoding="utf-8")


# --- deriving -------------------------------------------------------------------------------------


def deriving(only: str, rounds: int) -> list[Row]:
    """Models are read outside of the measured time; the first run of each is not counted."""
    net = cases.NETWORK
    asked: list[tuple[str, str, str, Sequence[str], str]] = [
        ("network of 3 steps, ∂E/∂W", _steps(net, 3), "E", ("W",), "20 ms"),
        ("network of 10,000 steps, ∂E/∂W", _steps(net, 10_000), "E", ("W",), "as for 3"),
        ("network of T steps, ∂E/∂W", net, "E", ("W",), "as for 3"),
        ("LSTM, by its 12 parameters", cases.LSTM, "L", cases.PARAMETERS, "200 ms"),
        ("two attention blocks, by Q", cases.BLOCKS, "L", ("Q_l",), "300 ms"),
    ]
    rows: list[Row] = [("case", "deriving", "aim", "code for NumPy, from the model")]
    for name, text, of, by, aim in asked:
        if only not in name:
            continue
        model = Model(text)
        model_by = [*by]

        def derive(model: Model = model, of: str = of, by: Sequence[str] = model_by) -> None:
            for variable in by:
                model.derive(of, variable)

        def write(model: Model = model, of: str = of, by: Sequence[str] = model_by) -> None:
            model.derivatives(of, by).source("numpy")

        derive()
        write()
        times = [_median([_seconds(call) for _ in range(rounds)]) for call in (derive, write)]
        rows.append((name, _shown(times[0]), aim, _shown(times[1])))
    return rows


def _steps(text: str, steps: int) -> str:
    return text.replace("1..T", f"1..{steps}").replace("{T}", f"{{{steps}}}")


# tensorgrad: every array has named axes; SymPy has no arrays of tanh, so it is given components
OTHERS = {
    "tensorgrad": """
import json, time
from sympy import symbols
from tensorgrad import Variable
import tensorgrad.functions as F
n, m, k = symbols("n m k")
U, V, W = Variable("U", n, m), Variable("V", m, k), Variable("W", a=m, m=m)
h, total = Variable("h0", m), 0
for t in range(3):
    x, y = Variable(f"x{t}", n), Variable(f"y{t}", k)
    h = F.tanh(U @ x + W @ h.rename(m="a"))
    total = total + F.cross_entropy(V @ h, y, dim="k")
start = time.process_time()
found = total.grad(W).full_simplify()
print(json.dumps([time.process_time() - start, len(str(found))]))
""",
    "sympy": """
import json, time
import sympy as s
U, W, V = (s.Matrix(2, 2, s.symbols(f"{a}:4")) for a in "UWV")
h, total = s.Matrix(s.symbols("h:2")), 0
for t in range(3):
    x, y = s.Matrix(s.symbols(f"x{t}_:2")), s.Matrix(s.symbols(f"y{t}_:2"))
    h = (U * x + W * h).applyfunc(s.tanh)
    z = V * h
    total += s.log(sum(map(s.exp, z))) - (y.T * z)[0]
start = time.process_time()
found = [s.diff(total, w) for w in W]
print(json.dumps([time.process_time() - start, len(str(found))]))
""",
}


def beside(python: str) -> list[Row]:
    rows: list[Row] = [("∂E/∂W of the network of 3 steps", "deriving", "characters of the result")]
    derivation = Model(_steps(cases.NETWORK, 3)).derive("E", "W")
    model = Model(_steps(cases.NETWORK, 3))
    took = _median([_seconds(lambda: model.derive("E", "W")) for _ in range(5)])
    rows.append((f"Backprove {backprove.__version__}", _shown(took), str(len(str(derivation)))))
    for name, code in OTHERS.items():
        try:
            version = _run(python, f"import importlib.metadata as m; print(m.version('{name}'))")
            took, length = json.loads(_run(python, code).splitlines()[-1])
            more = ", by components, all sizes 2" if name == "sympy" else ""
            label = f"{name} {version.strip()}{more}"
            rows.append((label, _shown(took), str(length)))
        except (OSError, subprocess.CalledProcessError):
            rows.append((name, NOT_THERE, ""))
    return rows


def _run(python: str, code: str) -> str:
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [python or sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env=clean, timeout=600,
    ).stdout  # fmt: skip


# --- emitted code ---------------------------------------------------------------------------------


def gradients(library: str, only: str, rounds: int) -> list[Row]:
    name = {"torch": "eager autograd", "jax": "jit(grad)"}[library]
    rows: list[Row] = [("case", "emitted", name, "times as fast", "aim")]
    if library == "torch" and torch is None:
        return [*rows, ("all", NOT_THERE, "", "", "")]
    for case in cases.gradients():
        if only in case.name:
            emitted = Model(case.text).derivatives(case.of, case.by)
            function = emitted.function(library, batch=case.batch)
            pair = (_torch if library == "torch" else _jax)(case, function, jax.grad)
            rows.append(_compared(case, library, *pair, rounds))
    return rows


def second(only: str, rounds: int) -> list[Row]:
    rows: list[Row] = [("case", "emitted", "jit(…)", "times as fast", "aim")]
    for case in cases.hessians():
        if only in case.name:
            by = case.by[0]
            function = Model(case.text).derive(f"∂{case.of}/∂{by}", by).function("jax")
            rows.append(_compared(case, "jax", *_jax(case, function, jax.hessian), rounds))
    for case in cases.jacobians():
        if only in case.name:
            function = Model(case.text).derive(case.of, case.by[0]).function("jax")
            rows.append(_compared(case, "jax", *_jax(case, function, jax.jacrev), rounds))
    return rows


def _torch(case: Case, function: Callable[..., Any], _: Any) -> tuple[Call, Call]:
    given = {n: torch.from_numpy(v) for n, v in case.values().items()}
    used = [given[n] for n in inspect.signature(function).parameters]
    leaves = {n: v.clone().requires_grad_(n in case.by) for n, v in given.items()}
    variables = [leaves[n] for n in case.by]
    space = cases.namespace(leaves)

    def autograd() -> Any:
        return torch.autograd.grad(case.torch(space), variables)

    return lambda: function(*used), autograd


def _jax(case: Case, function: Callable[..., Any], how: Callable[..., Any]) -> tuple[Call, Call]:
    given = {n: jnp.asarray(v) for n, v in case.values().items()}
    used = [given[n] for n in inspect.signature(function).parameters]
    variables = [given[n] for n in case.by]
    fixed = {n: v for n, v in given.items() if n not in case.by}

    def quantity(fixed: dict[str, Any], *variables: Any) -> Any:
        named = dict(zip(case.by, variables, strict=True))
        return case.jax(cases.namespace(fixed | named))

    places = tuple(range(1, 1 + len(variables)))
    own, theirs = jax.jit(function), jax.jit(how(quantity, argnums=places))
    return (
        lambda: jax.block_until_ready(own(*used)),
        lambda: jax.block_until_ready(theirs(fixed, *variables)),
    )


def _compared(case: Case, library: str, emitted: Call, other: Call, rounds: int) -> Row:
    """Both by turns, after a check that they agree."""
    for mine, theirs in zip(_flat(emitted()), _flat(other()), strict=True):
        off = np.abs(mine - theirs).max() / max(1e-6, np.abs(theirs).max())
        if not off < CLOSE:
            raise AssertionError(f"{case.name}: the results differ by {off:.1e}")
    counts = [max(1, round(LEAST / _seconds(call))) for call in (emitted, other)]
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, count, found in zip((emitted, other), counts, times, strict=True):
            start = time.process_time()
            for _ in range(count):
                call()
            found.append((time.process_time() - start) / count)
    mine, theirs = map(_median, times)
    aim = case.aims[library]
    print(f"{library:6} {case.name}: {theirs / mine:.2f}", file=sys.stderr)
    return case.name, _shown(mine), _shown(theirs), f"{theirs / mine:.2f}", f"{aim:g}"


def _flat(found: Any) -> list[np.ndarray]:
    if isinstance(found, tuple | list):
        return [a for part in found for a in _flat(part)]
    return [np.asarray(found)]


# --- the page -------------------------------------------------------------------------------------


def _seconds(call: Call) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _median(times: list[float]) -> float:
    return statistics.median(times)


def _shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def table(rows: list[Row]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def setting(rounds: int) -> str:
    found = {"Backprove": backprove.__version__, "Python": platform.python_version()}
    for name in ("numpy", "torch", "jax"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = NOT_THERE
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    return (
        f"{versions}; {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, no "
        f"accelerator. Times are medians of {rounds} rounds, both sides by turns, in processor time, "
        "since other work went on beside; one thread, float32. The code beside the emitted is "
        "written by hand, with products that do not go round in a loop outside of it, and both "
        "were found to agree."
    )


if __name__ == "__main__":
    main()
