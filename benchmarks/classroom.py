"""Twenty models with true claims about them, as a class would meet them: for measuring only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from writing import (
    Big,
    D,
    Either,
    Fn,
    Mul,
    Num,
    Over,
    Part,
    Pow,
    Scaled,
    Style,
    Sum,
    Sym,
    Times,
    Tree,
    mistaken,
    sides,
)

ONE = Num("1")


@dataclass(frozen=True)
class Fact:
    """A true equality; `extras` have the shape of its sides and may be added to both."""

    left: Tree
    right: Tree
    extras: tuple[Tree, ...] = ()


@dataclass(frozen=True)
class Lesson:
    name: str
    model: str
    facts: tuple[Fact, ...]
    #: letters that are not free for bound indices
    taken: str
    #: its claims are equalities between scalars, and their right sides need no model
    scalar: bool = False


def sym(text: str) -> tuple[Sym, ...]:
    return tuple(Sym(*part.split("_", 1)) if "_" in part else Sym(part) for part in text.split())


def d(of: Tree, by: Tree, plus: bool = False) -> D:
    return D(of, by, plus)


def tanh_slope(h: Tree) -> Either:
    return Either((ONE - Pow(h), Times((ONE - h, ONE + h))), (ONE - h, ONE + Pow(h)))


def sigmoid_slope(y: Tree, kind: type[Times] = Times) -> Either:
    return Either((kind((y, ONE - y)), y - Pow(y)), (ONE - Pow(y), Pow(ONE - y)))


def _dense() -> Lesson:
    E, x, t, y, h = sym("E x t y h")
    W1, W2, b1, b2 = sym("W_1 W_2 b_1 b_2")
    r = y - t
    back = tanh_slope(h) * (W2.T @ r)
    return Lesson(
        "dense tanh network",
        "x in R^n, t in R^k\nW_1 in R^{m x n}, b_1 in R^m\nW_2 in R^{k x m}, b_2 in R^k\n"
        "h = tanh(W_1 x + b_1)\ny = W_2 h + b_2\nE = (1/2) sum((y - t)^2)",
        (
            Fact(d(E, W2), r @ h.T, (W2,)),
            Fact(d(E, b2), r, (y, t, b2)),
            Fact(d(E, h), W2.T @ r, (h, b1)),
            Fact(d(E, b1), back, (h, b1)),
            Fact(d(E, W1), back @ x.T, (W1, h @ x.T)),
            Fact(d(E, x), W1.T @ back, (x,)),
        ),
        "xtyhbWEnmkeid",
    )


def _logistic() -> Lesson:
    L, X, y, w, b, p = sym("L X y w b p")
    r = p - y
    n = "1/N"
    return Lesson(
        "logistic regression",
        "X ∈ ℝ^{N×d}, y ∈ ℝ^N\nw ∈ ℝ^d, b ∈ ℝ\np = σ(X w + b)\n"
        "L = -(1/N) sum(y ⊙ log(p) + (1 - y) ⊙ log(1 - p))",
        (
            Fact(d(L, w), Scaled(n, X.T @ r), (w,)),
            Fact(d(L, b), Scaled(n, Fn("sum", r)), (b,)),
            Fact(d(L, p), Scaled(n, Over(r, p * (ONE - p))), (p, y)),
            Fact(d(p, b), sigmoid_slope(p), (p, y)),
        ),
        "XywbpLNdei",
    )


def _softmax() -> Lesson:
    L, x, t, W, z, p, b = sym("L x t W z p b")
    r = p - t
    return Lesson(
        "softmax and cross entropy",
        "x \\in \\mathbb{R}^n, t \\in \\mathbb{R}^m one-hot\n"
        "W \\in \\mathbb{R}^{m \\times n}, b \\in \\mathbb{R}^m\n"
        "z = W x + b\np = \\mathrm{softmax}(z)\nL = -\\sum_{i=1}^{m} t_i \\log(p_i)",
        (
            Fact(d(L, z), r, (z, p, b)),
            Fact(d(L, W), r @ x.T, (W, z @ x.T)),
            Fact(d(L, x), W.T @ r, (x,)),
            Fact(d(L, b), r, (z, p, b)),
            Fact(d(p, z), Fn("diag", p) - p @ p.T, (z @ p.T,)),
            Fact(d(L, p), -Over(t, p), (z, p, b)),
        ),
        "xtWzpbLmneid",
    )


def _simplex() -> Lesson:
    J, h, s, V, q, a = sym("J h s V q a")
    r = q - s
    back = sigmoid_slope(h) * (V.T @ r)
    return Lesson(
        "soft labels",
        "a in R^u, s in R^c simplex\nA in R^{l x u}, V in R^{c x l}\nh = sigmoid(A a)\n"
        "q = softmax(V h)\nJ = -sum(s * log(q))",
        (
            Fact(d(J, V), r @ h.T, (V,)),
            Fact(d(J, h), V.T @ r, (h,)),
            Fact(d(J, Sym("A")), back @ a.T, (Sym("A"),)),
            Fact(d(J, a), Sym("A").T @ back, (a,)),
        ),
        "ahsVqcAJule id",
    )


def _rnn() -> Lesson:
    E, U, W, V = sym("E U W V")
    h = [Sym("h", str(k)) for k in range(4)]
    x = [Sym("x", str(k)) for k in range(4)]
    o = [Sym("o", str(k)) for k in range(4)]
    y = [Sym("y", str(k)) for k in range(4)]
    e = [Sym("E", str(k)) for k in range(4)]
    r = [a - b for a, b in zip(o, y, strict=True)]
    s3 = tanh_slope(h[3]) * (V.T @ r[3])
    s2 = tanh_slope(h[2]) * (W.T @ s3)
    s1 = tanh_slope(h[1]) * (W.T @ s2)
    return Lesson(
        "recurrent network",
        "x_t in R^n, y_t in R^k one-hot        for t = 1..3\nh_0 in R^m\n"
        "U in R^{m x n}, W in R^{m x m}, V in R^{k x m}\n"
        "h_t = tanh(U x_t + W h_{t-1})         for t = 1..3\n"
        "o_t = softmax(V h_t)                  for t = 1..3\n"
        "E_t = -sum(y_t * log(o_t))            for t = 1..3\nE   = sum_{t=1}^{3} E_t",
        (
            Fact(d(E, V), r[1] @ h[1].T + r[2] @ h[2].T + r[3] @ h[3].T, (V,)),
            Fact(d(e[3], h[3]), V.T @ r[3], (h[1], h[2])),
            Fact(d(e[3], h[2]), W.T @ s3, (h[1], h[3])),
            Fact(d(e[3], W), s3 @ h[2].T + s2 @ h[1].T + s1 @ h[0].T, (W,)),
            Fact(d(e[3], U), s3 @ x[3].T + s2 @ x[2].T + s1 @ x[1].T, (U,)),
            Fact(d(h[2], h[1], True), Fn("diag", tanh_slope(h[2])) @ W, (W,)),
            Fact(d(h[3], h[2]), Fn("diag", tanh_slope(h[3])) @ W, (W,)),
            Fact(d(e[2], x[2]), U.T @ (tanh_slope(h[2]) * (V.T @ r[2])), (x[1], x[3])),
        ),
        "xyhUWVtoEnmkeid",
    )


def _scalar_rnn() -> Lesson:
    L, u, w, v = sym("L u w v")
    s = [Sym("s", str(k)) for k in range(3)]
    x = [Sym("x", str(k)) for k in range(3)]
    y, g = sym("y g")
    r = y - g
    s2 = Mul((r, v, tanh_slope2(s[2])))
    return Lesson(
        "scalar recurrent network",
        "x_1, x_2, s_0, g in R\nu, w, v in R\ns_t = tanh(u x_t + w s_{t-1})  for t = 1..2\n"
        "y = v s_2\nL = (1/2) (y - g)^2",
        (
            Fact(d(L, v), Mul((r, s[2])), (v, y)),
            Fact(d(L, s[1]), Mul((r, v, tanh_slope2(s[2]), w)), (s[1], y)),
            Fact(
                d(L, w),
                Mul((s2, Sum(((1, s[1]), (1, Mul((w, tanh_slope2(s[1]), s[0]))))))),
                (w, Mul((w, v))),
            ),
            Fact(
                d(L, u),
                Mul((s2, Sum(((1, x[2]), (1, Mul((w, tanh_slope2(s[1]), x[1]))))))),
                (u, Mul((w, v))),
            ),
        ),
        "xsguwvytLeid",
        True,
    )


def tanh_slope2(h: Tree) -> Either:
    return Either((ONE - Pow(h), Mul((ONE - h, ONE + h))), (ONE - h, ONE + Pow(h)))


def _gated() -> Lesson:
    E, W, Wc, y = sym("E W_x W_c y")
    h = [Sym("h", str(k)) for k in range(3)]
    x = [Sym("x", str(k)) for k in range(3)]
    c = [Sym("c", str(k)) for k in range(3)]
    u = [Sym("u", str(k)) for k in range(3)]
    r = h[2] - y
    keep = [ONE - a for a in c]
    return Lesson(
        "gated unit",
        "x_t in R^n for t = 1..2\nh_0, y in R^m\nW_c, W_x in R^{m x n}\n"
        "c_t = sigmoid(W_c x_t) for t = 1..2\nu_t = tanh(W_x x_t) for t = 1..2\n"
        "h_t = c_t ⊙ h_{t-1} + (1 - c_t) ⊙ u_t for t = 1..2\nE = (1/2) ‖h_2 - y‖^2",
        (
            Fact(d(E, h[2]), r, (y, h[1])),
            Fact(d(E, h[1]), c[2] * r, (y, h[2])),
            Fact(d(E, c[2]), r * (h[1] - u[2]), (y, h[2])),
            Fact(
                d(E, W),
                (keep[2] * tanh_slope(u[2]) * r) @ x[2].T
                + (keep[1] * tanh_slope(u[1]) * c[2] * r) @ x[1].T,
                (Wc, W),
            ),
            Fact(
                d(E, Wc),
                (r * (h[1] - u[2]) * sigmoid_slope(c[2])) @ x[2].T
                + (c[2] * r * (h[0] - u[1]) * sigmoid_slope(c[1])) @ x[1].T,
                (Wc, W),
            ),
            Fact(d(E, h[0]), c[1] * c[2] * r, (y, h[2])),
        ),
        "xhyWcutEnmeid",
    )


def _attention() -> Lesson:
    L, q, K, V, a, o, g, s = sym("L q K V a o g s")
    r = o - g
    slope = Fn("diag", a) - a @ a.T
    return Lesson(
        "attention of one query",
        "q ∈ ℝ^d\nK ∈ ℝ^{n×d}, V ∈ ℝ^{n×e}\ng ∈ ℝ^e\ns = K q\na = softmax(s)\n"
        "o = Vᵀ a\nL = (1/2) ‖o − g‖²",
        (
            Fact(d(L, o), r, (o, g)),
            Fact(d(L, a), V @ r, (a, s)),
            Fact(d(L, V), a @ r.T, (V, s @ g.T)),
            Fact(d(L, s), slope @ V @ r, (a, s)),
            Fact(d(L, q), K.T @ slope @ V @ r, (q,)),
            Fact(d(o, a), V.T),
        ),
        "qKVaogsLdnei",
    )


def _self_attention() -> Lesson:
    L, A, V, out, Y, S, X, C = sym("L A V O Y S X C")
    r = out - Y
    return Lesson(
        "self-attention",
        "X in R^{n x d}, Y in R^{n x e}\nB in R^{d x d}, C in R^{d x e}\nS = X B X^T\n"
        "A = softmax(S)\nV = X C\nO = A V\nL = (1/2) ‖O - Y‖_F^2",
        (
            Fact(d(L, V), A.T @ r, (V, out)),
            Fact(d(L, C), X.T @ A.T @ r, (C,)),
            Fact(d(L, A), r @ V.T, (A, S)),
            Fact(d(L, out), r, (V, out)),
        ),
        "XYBCSAVOLndei",
    )


def _convolution() -> Lesson:
    E, b = sym("E b")
    error = Part("s", ("r",)) - Part("g", ("r",))
    return Lesson(
        "convolution with a stride",
        "x in R^9, w in R^3, b in R, g in R^4\n"
        "s[r] = b + sum_{i=1}^{3} x[2(r-1)+i] w[i]  for r = 1..4\n"
        "E = (1/2) sum((s - g)^2)",
        (
            Fact(
                d(E, Part("w", ("j",))),
                Big("r", "1", "4", Mul((error, Part("x", ("2r+j-2",))))),
                (Part("w", ("j",)),),
            ),
            Fact(d(E, b), Big("r", "1", "4", error), (b,)),
            Fact(d(E, Sym("s")), Sym("s") - Sym("g"), (Sym("s"), Sym("g"))),
            Fact(d(E, b), Fn("sum", Sym("s") - Sym("g")), (b,)),
        ),
        "xwbgsEeidj",
    )


def _channels() -> Lesson:
    L = Sym("L")
    f = Part("f", ("r", "o"))
    return Lesson(
        "convolution with channels",
        "u in R^{8 x 4}\nV in R^{2 x 4 x 3}\nc in R^2\n"
        "f[r,o] = c[o] + sum_{k=1}^{4} sum_{j=1}^{3} u[2(r-1)+j, k] V[o,k,j]"
        "  for r = 1..3, o = 1..2\n"
        "L = sum(tanh(f))",
        (
            Fact(
                d(L, Part("V", ("o", "k", "j"))),
                Big("r", "1", "3", Mul((tanh_slope2(Fn("tanh", f)), Part("u", ("2r-2+j", "k"))))),
                (Part("V", ("o", "k", "j")),),
            ),
            Fact(
                d(L, Part("c", ("o",))),
                Big("r", "1", "3", tanh_slope2(Fn("tanh", f))),
                (Part("c", ("o",)),),
            ),
            Fact(d(L, f), tanh_slope2(Fn("tanh", f)), (f,)),
        ),
        "uVcfLeidokjr",
    )


def _ridge() -> Lesson:
    L, X, y, w, r = sym("L X y w r")
    return Lesson(
        "ridge regression",
        "X in R^{N x d}, y in R^N, w in R^d\nλ in R positive\nr = X w - y\n"
        "L = (1/N) r^T r + λ w^T w",
        (
            Fact(d(L, w), Scaled("2/N", X.T @ r) + Scaled("2", Mul((Sym("lambda"), w))), (w,)),
            Fact(
                d(L, w),
                Scaled("2/N", X.T @ (X @ w - y)) + Scaled("2", Mul((Sym("lambda"), w))),
                (w,),
            ),
            Fact(d(L, r), Scaled("2/N", r), (r, y)),
            Fact(d(r, w), X, (X,)),
        ),
        "XywrLNdei",
    )


def _gauss() -> Lesson:
    f, x, S, A, c = sym("f x S A c")
    mu = Sym("mu")
    z = x - mu
    return Lesson(
        "quadratic forms",
        "x, μ, c ∈ ℝ^n\nS ∈ ℝ^{n×n} symmetric\nA ∈ ℝ^{n×n}\n"
        "f = (x − μ)ᵀ S (x − μ)\nq = xᵀ A x + cᵀ x",
        (
            Fact(d(f, x), Scaled("2", S @ z), (x, mu, c)),
            Fact(d(f, mu), -Scaled("2", S @ z), (x, mu, c)),
            Fact(d(Sym("q"), x), (A + A.T) @ x + c, (x, mu, c)),
            Fact(d(Sym("q"), A), x @ x.T, (A, S)),
        ),
        "xcSAfqnei",
    )


def _trace() -> Lesson:
    f, g, X, A, B = sym("f g X A B")
    return Lesson(
        "traces",
        "X \\in \\mathbb{R}^{m \\times n}\n"
        "A \\in \\mathbb{R}^{p \\times m}, B \\in \\mathbb{R}^{n \\times p}\n"
        "Y \\in \\mathbb{R}^{m \\times n}\n"
        "f = \\operatorname{tr}(A X B)\ng = \\|X - Y\\|_F^2 + \\operatorname{tr}(X^\\top Y)",
        (
            Fact(d(f, X), A.T @ B.T, (X, Sym("Y"))),
            Fact(d(f, A), B.T @ X.T, (A,)),
            Fact(d(f, B), X.T @ A.T, (B,)),
            Fact(d(g, X), Scaled("2", X - Sym("Y")) + Sym("Y"), (X,)),
            Fact(d(g, Sym("Y")), Scaled("2", Sym("Y") - X) + X, (X,)),
        ),
        "XABYfgmnpei",
    )


def _batch() -> Lesson:
    L, X, W, Z, H, T, V, P = sym("L X W Z H T V P")
    r = P - T
    return Lesson(
        "batch through a ReLU layer",
        "X in R^{N x d}, T in R^{N x k}\nW in R^{d x m}, V in R^{m x k}\nZ = X W\nH = relu(Z)\n"
        "P = H V\nL = (1/2) ‖P - T‖_F^2",
        (
            Fact(d(L, P), r, (P, T)),
            Fact(d(L, V), H.T @ r, (V,)),
            Fact(d(L, H), r @ V.T, (H, Z)),
            Fact(d(L, Z), (r @ V.T) * Fn("step", Z), (H, Z)),
            Fact(d(L, W), X.T @ ((r @ V.T) * Fn("step", Z)), (W,)),
            Fact(d(L, X), ((r @ V.T) * Fn("step", Z)) @ W.T, (X,)),
        ),
        "XTWVZHPLNdkmei",
    )


def _autoencoder() -> Lesson:
    E, x, W, c, r = sym("E x W c r")
    e = r - x
    return Lesson(
        "autoencoder with tied weights",
        "x in R^n\nW in R^{k x n}\nc = tanh(W x)\nr = W^T c\nE = sum((r - x)^2)",
        (
            Fact(d(E, r), Scaled("2", e), (x, r)),
            Fact(d(E, c), Scaled("2", W @ e), (c,)),
            Fact(
                d(E, W),
                Scaled("2", c @ e.T) + Scaled("2", (tanh_slope(c) * (W @ e)) @ x.T),
                (W, c @ x.T),
            ),
        ),
        "xWcrEnkeid",
    )


def _neuron() -> Lesson:
    L, w, b, x, y, t = sym("L w b x y t")
    r = y - t
    slope = Either((Mul((y, ONE - y)), y - Pow(y)), (ONE - Pow(y), Pow(ONE - y)))
    return Lesson(
        "one sigmoid neuron",
        "w, b, x, t in R\ny = sigmoid(w x + b)\nL = (1/2) (y - t)^2",
        (
            Fact(d(L, w), Mul((r, slope, x)), (w, x)),
            Fact(d(L, b), Mul((r, slope)), (b, x)),
            Fact(d(L, x), Mul((r, slope, w)), (b, x)),
            Fact(d(y, w), Mul((slope, x)), (b, x)),
            Fact(d(L, y), r, (w, x)),
        ),
        "wbxytLeid",
        True,
    )


def _losses() -> Lesson:
    Q, y, t = sym("Q y t")
    z = y - t
    return Lesson(
        "losses between vectors",
        "y, t in R^n\na, b in R\nQ = sum(log(cosh(y - t)))\nR = sum(softplus(y))\n"
        "M = (1/n) sum((y - t)^2)\nG = a ‖y‖^2 + b t^T y",
        (
            Fact(d(Q, y), Fn("tanh", z), (y, t)),
            Fact(d(Q, t), -Fn("tanh", z), (y, t)),
            Fact(d(Sym("R"), y), Fn("sigmoid", y), (y, t)),
            Fact(d(Sym("M"), y), Scaled("2/n", z), (y, t)),
            Fact(d(Sym("G"), y), Scaled("2", Mul((Sym("a"), y))) + Mul((Sym("b"), t)), (y, t)),
        ),
        "ytabQRMGnei",
    )


def _residual() -> Lesson:
    E, x, W1, W2, u, y, t = sym("E x W_1 W_2 u y t")
    r = y - t
    back = tanh_slope(u) * (W2.T @ r)
    return Lesson(
        "residual block",
        "x, t in R^n\nW_1 in R^{m x n}, W_2 in R^{n x m}\nu = tanh(W_1 x)\ny = x + W_2 u\n"
        "E = (1/2) sum((y - t)^2)",
        (
            Fact(d(E, x), r + W1.T @ back, (x, t)),
            Fact(d(E, W2), r @ u.T, (W2, x @ u.T)),
            Fact(d(E, W1), back @ x.T, (W1, u @ x.T)),
            Fact(d(E, u), W2.T @ r, (u,)),
        ),
        "xtWuyEnmeid",
    )


def _curves() -> Lesson:
    f, x, a, b, c, g = sym("f x a b c g")
    return Lesson(
        "scalar functions",
        "x, a, b, c in R\nf = a x^3 + b x^2 + c x\ng = (a x + b)^2\nk = exp(a x) (x - b)",
        (
            Fact(
                d(f, x),
                Scaled("3", Mul((a, Pow(x)))) + Scaled("2", Mul((b, x))) + c,
                (a, b, x),
            ),
            Fact(d(g, x), Scaled("2", Mul((a, Mul((a, x)) + b))), (a, b, x)),
            Fact(d(g, a), Scaled("2", Mul((x, Mul((a, x)) + b))), (a, b, x)),
            Fact(
                d(Sym("k"), x),
                Mul((Fn("exp", Mul((a, x))), ONE + Mul((a, x - b)))),
                (a, b, x),
            ),
            Fact(d(Sym("k"), b), -Fn("exp", Mul((a, x))), (a, b, x)),
        ),
        "fxabcgkei",
        True,
    )


LESSONS = tuple(
    make()
    for make in (
        _dense,
        _logistic,
        _softmax,
        _simplex,
        _rnn,
        _scalar_rnn,
        _gated,
        _attention,
        _self_attention,
        _convolution,
        _channels,
        _ridge,
        _gauss,
        _trace,
        _batch,
        _autoencoder,
        _neuron,
        _losses,
        _residual,
        _curves,
    )
)


class Seen:
    """What was written before, in constant memory: now and then something new is taken for old."""

    def __init__(self) -> None:
        self.bits = bytearray(1 << 23)

    def first(self, *texts: str) -> bool:
        byte, bit = divmod(hash(texts) % (8 * len(self.bits)), 8)
        new = not self.bits[byte] >> bit & 1
        self.bits[byte] |= 1 << bit
        return new


def true_claims(
    random: Random, lessons: tuple[Lesson, ...] = LESSONS
) -> Iterator[tuple[Lesson, str]]:
    """Claims that hold, one model after the other, without end and without repetition."""
    seen = Seen()
    while True:
        for lesson in lessons:
            for _ in range(100):
                fact = random.choice(lesson.facts)
                left, right = sides(fact.left, fact.right, fact.extras, random)
                text = Style.some(random, lesson.taken).claim(left, right)
                if seen.first(lesson.name, text):
                    yield lesson, text
                    break


def wrong_claims(
    random: Random, lessons: tuple[Lesson, ...] = LESSONS
) -> Iterator[tuple[Lesson, str, tuple[str, ...]]]:
    """Claims with one mistake, and the kinds that fairly name it."""
    seen = Seen()
    while True:
        for lesson in lessons:
            fact = random.choice(lesson.facts)
            wrong, kinds = mistaken(fact.right, random)
            left, right = sides(fact.left, wrong, fact.extras, random)
            text = Style.some(random, lesson.taken).claim(left, right)
            if seen.first(lesson.name, text):
                yield lesson, text, kinds


def scalar_pairs(random: Random) -> Iterator[tuple[Lesson, str, str, str, bool]]:
    """Scalar claims with the right side's own reference: lesson, claim, truth, answer, holds.

    Truth and answer are the two formulas that a comparer of answers would be given, in LaTeX.
    """
    lessons = tuple(lesson for lesson in LESSONS if lesson.scalar)
    while True:
        for lesson in lessons:
            fact = random.choice(lesson.facts)
            holds = random.random() < 0.5
            right: Tree = fact.right
            if not holds:
                right, _ = mistaken(right, random)
            left, answer = sides(fact.left, right, (), random)
            if left != fact.left:
                continue
            style = Style("latex", random, lesson.taken)
            text = style.text(answer)
            truth = Style("latex", Random(1), lesson.taken).text(fact.right)
            yield lesson, f"{style.text(left)} = {text}", truth, text, holds
