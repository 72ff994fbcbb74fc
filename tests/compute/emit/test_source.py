"""The emitted source as a reader meets it."""

from __future__ import annotations

import ast
import re

import pytest
from tests.compute.emit.zoo import (
    ALL_BACK,
    GRADIENTS,
    HESSIANS,
    JACOBIANS,
    LAST_STEP,
    LSTM,
    NETWORK,
)

from backprove import BackproveError, Model

LIBRARIES = {"numpy": {"numpy"}, "torch": {"torch"}, "jax": {"jax", "jax.numpy"}}
EVERY = GRADIENTS | JACOBIANS | {f"∂ {name}": case for name, case in HESSIANS.items()}


def emitted(case, target: str) -> str:
    return Model(case.text).derivatives(case.of, case.by).source(target)


@pytest.fixture(params=["numpy", "torch", "jax"])
def library(request) -> str:
    """A target; nothing is run, so the library need not be there."""
    return request.param


@pytest.mark.parametrize("case", EVERY.values(), ids=EVERY.keys())
def test_it_needs_the_library_alone(case, library):
    tree = ast.parse(emitted(case, library))
    imports = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imports <= LIBRARIES[library] | {"math", "functools"}


@pytest.mark.parametrize("case", EVERY.values(), ids=EVERY.keys())
def test_every_argument_and_result_has_its_shape_in_the_docstring(case, library):
    (function,) = (
        node
        for node in ast.parse(emitted(case, library)).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    )
    text = ast.get_docstring(function)
    arguments, returns = text.split("Returns:")
    for argument in function.args.args:
        assert re.search(rf"\n    {argument.arg}: (a number, )?shape \(.*\)", arguments)
    assert len(re.findall(r": (?:a number, )?shape \(.*\)", returns)) == len(case.by)


def test_what_was_computed_is_not_computed_again(library):
    """Every line but those inside loops is another one, and none goes unused."""
    for case in EVERY.values():
        source = emitted(case, library)
        lines = re.findall(r"^    (\w+) = (.*)$", source, re.MULTILINE)
        texts = [text for _, text in lines if not re.match(r"\[None\]|torch.stack|np.empty", text)]
        assert len(texts) == len(set(texts)) or "zeros" in source
        for name, _ in lines:
            assert len(re.findall(rf"\b{name}\b", source)) > 1, (name, source)


class TestRecurrences:
    @pytest.mark.parametrize("target", ["numpy", "torch"])
    def test_are_loops(self, target):
        source = emitted(NETWORK, target)
        assert "for t in range(1, T + 1):" in source
        assert "for t in range(T, 0, -1):" in source

    def test_are_scans(self):
        source = emitted(NETWORK, "jax")
        assert source.count("lax.scan(") == 2
        assert "reverse=True" in source
        assert "for " not in source

    def test_have_as_many_lines_whatever_the_number_of_steps(self):
        sources = [
            Model(NETWORK.text.replace("1..T", f"1..{n}").replace("{T}", f"{{{n}}}"))
            .derive("E", "W")
            .code("numpy")
            for n in (3, 10_000)
        ]
        assert len(sources[0].splitlines()) == len(sources[1].splitlines())

    def test_what_does_not_go_round_stands_outside(self, library):
        """U x_t, the output and its error are products over all steps."""
        source = emitted(NETWORK, library)
        given = (
            r"torch\.matmul\(x, U\.T, out=h\[1:\]\)" if library == "torch" else r"\w+ = x @ U\.T"
        )
        assert re.search(rf"^    {given}$", source, re.MULTILINE)
        assert re.search(r"^    \w+ = h\[1:\] @ V.T$", source, re.MULTILINE)

    def test_sums_of_outer_products_are_one_matrix_product(self, library):
        source = emitted(NETWORK, library)
        assert "d_W = delta_h.T @ h[:-1]" in source
        assert "einsum" not in source

    def test_the_softmax_and_the_cross_entropy_are_one_difference(self, library):
        assert "o - y" in emitted(NETWORK, library)
        assert "log" not in emitted(NETWORK, library)

    def test_that_look_at_all_steps_before_are_loops_as_well(self):
        source = emitted(ALL_BACK, "numpy")
        assert "for t in range(1, 5):" in source
        assert "for t in range(4, 0, -1):" in source

    def test_that_look_ahead_and_back_are_refused(self):
        text = """h_0, h_9 in R
        h_t = tanh(sum_{s=0}^{t-1} h_s + sum_{s=t+1}^{9} h_s) for t = 1..8
        E = h_5"""
        with pytest.raises(BackproveError, match="both earlier and later members"):
            Model(text).derive("E", "h_0").code("numpy")

    def test_the_steps_of_coupled_families_are_one_loop(self):
        assert emitted(LSTM, "numpy").count("for t in") == 2


class TestGates:
    """In a batch the products of a cell's gates are parts of one."""

    @staticmethod
    def loops(library: str) -> list[str]:
        question = Model(LSTM.text).derivatives("L", LSTM.by)
        source = question.source(library, batch=["x", "y"])
        start = "def step_" if library == "jax" else "for t in"
        return re.findall(rf"    {start}.*\n((?:        .*\n)+)", source)

    def test_have_one_product_in_each_step(self, library):
        for loop in self.loops(library):
            assert len(re.findall(r" @ |addmm|torch.mm", loop)) == 1

    def test_have_matrices_that_are_joined_once(self, library):
        joined = re.compile(r"(cat|concatenate)\(\[R_\w, R_\w, R_\w, R_\w\], 0\)")
        assert not any(joined.search(loop) for loop in self.loops(library))


class TestLoopsOfTorch:
    """As few calls and as few new tensors in a step as can be."""

    def test_work_in_the_rows_of_what_was_computed_outside(self):
        source = Model(NETWORK.text).derivatives("E", ["W"]).source("torch", batch=["x", "y"])
        assert "h_rows[t].addmm_(h_rows[t - 1], W_T).tanh_()" in source
        assert source.count("W.T") == 1
        assert "stack" not in source

    def test_leave_alone_what_is_needed_again(self):
        """x_t is an argument, and U x_t + b is looked at after the loop as well."""
        model = Model(
            """x_t in R^m for t = 1..T
            h_0, b in R^m
            z_t = x_t + b for t = 1..T
            h_t = tanh(h_{t-1} + x_t) ⊙ cos(z_t) for t = 1..T
            L = sum(h_T) + sum_{t=1}^{T} sum(z_t^3)"""
        )
        source = model.derivatives("L", ["b", "h_0"]).source("torch")
        assert "z_rows[t - 1]." not in source
        assert "x_rows[t - 1]." not in source

    def test_keep_parts_of_one_array_for_the_gates_of_a_cell(self):
        source = Model(LSTM.text).derivatives("L", LSTM.by).source("torch", batch=["x", "y"])
        assert re.search(r"\b(?:[ifgo], ){3}[ifgo] = \w+\.split\(", source)
        assert len(re.findall(r"d_R_\w, d_R_\w, d_R_\w, d_R_\w = \w+\.split\(", source)) == 1


class TestNames:
    def test_are_the_models_own_in_letters_of_python(self):
        model = Model("x̂ in R^n\nλ in R\nW^{(2)} in R^{m x n}\nL = λ sum((W^{(2)} x̂)^2)")
        source = model.derive("L", "W^{(2)}").code("numpy")
        assert "(lambda_, W_2, x_hat)" in source or "(x_hat, lambda_, W_2)" in source

    def test_never_hide_those_of_the_source(self, target, run, close):
        """A model may call its names np, t, range or torch."""
        model = Model("step_1, carry in R\nlax = step_1 * carry^2")
        (found,) = run(
            model.derive("lax", "carry").function(target), {"step_1": 3.0, "carry_": 2.0}
        )
        assert float(found) == 12.0

    def test_are_all_that_reaches_the_source_from_a_model(self, library):
        """Comments and names cannot carry code."""
        model = Model('x in R^n   # """ + __import__("os").abort()\nL = sum(x^2)')
        assert "__import__" not in model.derive("L", "x").code(library)


def test_sizes_that_no_argument_has_are_arguments():
    model = Model("x in R, n in N\nL = sum_{i=1}^{n} i x^2")
    source = model.derive("L", "x").code("numpy")
    assert "def gradient(x, n):" in source
    assert "n: a whole number" in source


def test_an_unknown_library_is_refused():
    with pytest.raises(BackproveError, match="numpy, torch, jax, not for fortran"):
        Model("x in R\nL = x^2").derive("L", "x").code("fortran")


def test_a_function_may_be_named():
    question = Model(LAST_STEP.text).derivatives("E", ["W"])
    assert "def dE_dW(" in question.source("numpy", name="dE_dW")
