"""How things may be spelled. Tables only: a new spelling is a new entry here, not new code."""

from __future__ import annotations

# --- letters -------------------------------------------------------------------------------------

GREEK: dict[str, str] = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "θ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "varrho": "ρ",
    "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip

ACCENTS: dict[str, str] = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
    "tilde": "\u0303", "widetilde": "\u0303", "dot": "\u0307", "ddot": "\u0308",
    "check": "\u030c", "breve": "\u0306", "acute": "\u0301", "grave": "\u0300",
    "mathring": "\u030a", "vec": "\u20d7", "underline": "\u0332",
}  # fmt: skip

# --- functions: canonical name, then other spellings ---------------------------------------------

_FUNCTIONS = """
exp
log ln
sqrt
tanh
sinh
cosh
sin
cos
sigmoid σ logistic
relu
softplus
gelu
silu swish
erf
abs
sign sgn
step heaviside
max
min
softmax softargmax
log_softmax logsoftmax
logsumexp lse
mean
var
norm
tr Tr trace
det
logdet
diag
vec
sum
prod
conv
conv_transpose
conv_size
conv_transpose_size
conv_matrix
conv_transpose_matrix
iou
giou
sech
csch
coth
tan
sec
csc
cot
precision
recall
average_precision
interpolated_precision
receptive_field
parameters
"""

FUNCTIONS: dict[str, str] = {
    spelling: line.split()[0]
    for line in _FUNCTIONS.split("\n")
    if line
    for spelling in line.split()
}
"""Every spelling, to its canonical name. Words of three letters or more are read in any case."""

QUOTIENTS: dict[str, tuple[str, str]] = {
    "sech": ("", "cosh"), "csch": ("", "sinh"), "coth": ("cosh", "sinh"),
    "tan": ("sin", "cos"), "sec": ("", "cos"), "csc": ("", "sin"), "cot": ("cos", "sin"),
}  # fmt: skip
"""Functions that are read as quotients of others (or of 1)."""

LONG_HEADS = frozenset(name.split("_")[0] for name in FUNCTIONS if "_" in name)
"""First words of the function names that hold underscores."""

WITH_HITS = frozenset({"precision", "recall", "interpolated_precision", "average_precision"})
"""Functions whose first argument is a word of T and F."""

# --- LaTeX commands: token kind and value --------------------------------------------------------

COMMANDS: dict[str, tuple[str, str]] = {
    **{name: ("name", letter) for name, letter in GREEK.items()},
    **{name: ("accent", mark) for name, mark in ACCENTS.items() if name != "vec"},
    "vec": ("accent", ACCENTS["vec"]),
    "cdot": ("·", "·"), "bullet": ("·", "·"), "times": ("×", "×"), "ast": ("*", "*"),
    "odot": ("⊙", "⊙"), "circ": ("⊙", "⊙"), "otimes": ("⊗", "⊗"), "oslash": ("⊘", "⊘"),
    "div": ("/", "/"), "over": ("over", ""),
    "le": ("≤", "≤"), "leq": ("≤", "≤"), "leqslant": ("≤", "≤"), "lt": ("<", "<"),
    "ge": ("≥", "≥"), "geq": ("≥", "≥"), "geqslant": ("≥", "≥"), "gt": (">", ">"),
    "ne": ("≠", "≠"), "neq": ("≠", "≠"), "approx": ("≈", "≈"), "simeq": ("≈", "≈"),
    "equiv": ("=", "="), "triangleq": ("=", "="), "coloneqq": ("=", "="), "doteq": ("=", "="),
    "in": ("∈", "∈"), "partial": ("∂", "∂"), "nabla": ("∇", "∇"),
    "sum": ("big", "sum"), "prod": ("big", "prod"),
    "frac": ("frac", ""), "dfrac": ("frac", ""), "tfrac": ("frac", ""), "cfrac": ("frac", ""),
    "nicefrac": ("frac", ""), "sfrac": ("frac", ""),
    "langle": ("⟨", "⟨"), "rangle": ("⟩", "⟩"), "|": ("‖", "‖"), "Vert": ("‖", "‖"),
    "lVert": ("‖", "‖"), "rVert": ("‖", "‖"), "vert": ("|", "|"), "lvert": ("|", "|"),
    "rvert": ("|", "|"), "mid": ("|", "|"),
    "lbrace": ("⦃", "\\{"), "rbrace": ("⦄", "\\}"), "{": ("⦃", "\\{"), "}": ("⦄", "\\}"),
    "lbrack": ("[", "["), "rbrack": ("]", "]"), "lparen": ("(", "("), "rparen": (")", ")"),
    "top": ("top", "⊤"), "intercal": ("top", "⊤"), "prime": ("'", "'"), "colon": (":", ":"),
    "dots": ("..", ".."), "ldots": ("..", ".."), "cdots": ("..", ".."), "dotsc": ("..", ".."),
    "forall": ("∀", "∀"), "Rightarrow": ("⇒", "⇒"), "implies": ("⇒", "⇒"),
    "therefore": ("⇒", "⇒"), "rightarrow": ("⇒", "⇒"), "to": ("⇒", "⇒"),
    "Longrightarrow": ("⇒", "⇒"), "longrightarrow": ("⇒", "⇒"), "iff": ("⇒", "⇒"),
    "ell": ("name", "ℓ"), "R": ("name", "ℝ"), "N": ("name", "ℕ"), "reals": ("name", "ℝ"),
    "land": ("name", "and"), "wedge": ("name", "and"), "infty": ("name", "∞"),
    "%": ("%", "%"), "_": ("_", "_"), "checkmark": ("✓", "✓"), "qed": ("✓", "✓"),
    "quad": ("quad", ""), "qquad": ("quad", ""), "newline": ("\\\\", ""), "\\": ("\\\\", ""),
    "imath": ("name", "ı"), "hbar": ("name", "ħ"),
}  # fmt: skip

DRESSING = frozenset(
    [
        "left",
        "right",
        "middle",
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "bigr",
        "Bigl",
        "Bigr",
        "biggl",
        "biggr",
        "Biggl",
        "Biggr",
        "bigm",
        "Bigm",
        "displaystyle",
        "textstyle",
        "scriptstyle",
        "limits",
        "nolimits",
        "nonumber",
        "notag",
        "rm",
        "bf",
        "it",
        "cal",
        "sf",
        "mathrm",
        "mathbf",
        "mathit",
        "mathsf",
        "mathcal",
        "mathfrak",
        "mathscr",
        "mathtt",
        "mathnormal",
        "boldsymbol",
        "bm",
        "pmb",
        "operatorname",
        "operatorname*",
        "mathop",
        "mathbin",
        "mathrel",
        "mathord",
        "text",
        "textrm",
        "textbf",
        "textit",
        "mbox",
        "textnormal",
        "mathbb",
        "mathds",
        "bold",
        "ensuremath",
        "boxed",
        "underbrace",
        "hfill",
        "noindent",
        "strut",
        ",",
        ";",
        ":",
        "!",
        ">",
        "[",
        "]",
        "(",
        ")",
        "-",
        "/",
    ]
) | {" ", "\t", "\n"}
"""Commands that mean nothing."""

# --- single signs --------------------------------------------------------------------------------

SIGNS: dict[str, tuple[str, str]] = {
    **{sign: (sign, sign) for sign in "+*·×⊙⊗⊘/=≠<≤>≥≈∈,;:.()[]{}|‖⟨⟩^_'∂∇&∀✓%"},
    **dict.fromkeys("-−–‑‐", ("-", "-")),
    **dict.fromkeys("⋅∙•", ("·", "·")),
    **dict.fromkeys(("∘", "◦", "⨀", "○", ".*"), ("⊙", "⊙")),
    **dict.fromkeys("∕÷", ("/", "/")),
    **dict.fromkeys(("≡", "≜", "≔", ":=", "=="), ("=", "=")),
    **dict.fromkeys("≃≅", ("≈", "≈")),
    **dict.fromkeys(("..", "...", "…", "⋯", "...."), ("..", "..")),
    **dict.fromkeys("⇒→∴⟹⟶", ("⇒", "⇒")),
    **dict.fromkeys("′’`", ("'", "'")),
    "∗": ("*", "*"), "**": ("^", "^"), "@": ("·", "@"),
    "./": ("⊘", "⊘"), "!=": ("≠", "≠"), "<=": ("≤", "≤"), ">=": ("≥", "≥"),
    "⩽": ("≤", "≤"), "⩾": ("≥", "≥"), "∥": ("‖", "‖"), "〈": ("⟨", "⟨"), "〉": ("⟩", "⟩"),
    "∑": ("big", "sum"), "∏": ("big", "prod"), "√": ("name", "sqrt"), "⊤": ("top", "⊤"),
    "𝟏": ("ones", "1"), "𝟙": ("ones", "1"), "✔": ("✓", "✓"), "☑": ("✓", "✓"), "∎": ("✓", "✓"),
    "∧": ("name", "and"), "∞": ("name", "∞"),
    "<sup>": ("^", "^"), "<sub>": ("_", "_"), "</sup>": ("}", "}"), "</sub>": ("}", "}"),
    "½": ("vulgar", "1/2"), "⅓": ("vulgar", "1/3"), "⅔": ("vulgar", "2/3"),
    "¼": ("vulgar", "1/4"), "¾": ("vulgar", "3/4"), "⅕": ("vulgar", "1/5"),
    "⅙": ("vulgar", "1/6"), "⅛": ("vulgar", "1/8"),
}  # fmt: skip

SUPERSCRIPTS = dict(
    zip(
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵀⁿⁱᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵞ",
        "0123456789+-=()Tniabcdefghjklmoprstuvwxyzγ",
        strict=True,
    )
)
SUBSCRIPTS = dict(
    zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-=()aehijklmnoprstuvx", strict=True)
)

# --- words of the language around the formulas ---------------------------------------------------

STOPS = frozenset(
    [
        "for",
        "if",
        "otherwise",
        "else",
        "and",
        "or",
        "to",
        "where",
        "with",
        "when",
        "let",
        "such",
        "forall",
        "so",
        "thus",
        "hence",
    ]
)
"""Words that end an expression, unless a name is declared so."""

INTRODUCTIONS: dict[str, str] = {
    "let": "let", "define": "let", "set": "let", "denote": "let",
    "where": "where", "with": "where", "here": "where",
}  # fmt: skip

FACTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("one", "-", "hot", "rows"), "one-hot rows"),
    (("onehot", "rows"), "one-hot rows"),
    (("one", "-", "hot"), "one-hot"),
    (("onehot",), "one-hot"),
    (("simplex", "rows"), "simplex rows"),
    (("simplex",), "simplex"),
    (("positive", "-", "definite"), "positive-definite"),
    (("positive", "definite"), "positive-definite"),
    (("positive",), "positive"),
    ((">", "0"), "positive"),
    (("∈", "(", "0", ",", "1", ")"), "unit-interval"),
    (("in", "(", "0", ",", "1", ")"), "unit-interval"),
    (("symmetric",), "symmetric"),
    (("invertible",), "invertible"),
    (("nonsingular",), "invertible"),
)
"""Facts as tokens, the longer first, with their canonical spelling."""

MATRICES = frozenset(["matrix", "bmatrix", "pmatrix", "Bmatrix", "smallmatrix", "array"])
CASES = frozenset(["cases", "dcases", "rcases"])
WRAPPERS = frozenset(
    [
        "aligned",
        "align",
        "align*",
        "alignat",
        "split",
        "gather",
        "gather*",
        "gathered",
        "equation",
        "equation*",
        "eqnarray",
        "eqnarray*",
        "multline",
        "multline*",
        "displaymath",
        "math",
    ]
)
"""Environments that only lay out."""
