"""Identifiers for emitted code: ASCII, readable, never a keyword, never twice the same.

No text of a user's reaches the source by another way than this one.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

from backprove.tensor.whole import Whole

GREEK = {
    **dict(
        zip(
            "αβγδεζηθικλμνξοπρςστυφχψω",
            [
                "alpha",
                "beta",
                "gamma",
                "delta",
                "epsilon",
                "zeta",
                "eta",
                "theta",
                "iota",
                "kappa",
                "lambda",
                "mu",
                "nu",
                "xi",
                "omicron",
                "pi",
                "rho",
                "sigma",
                "sigma",
                "tau",
                "upsilon",
                "phi",
                "chi",
                "psi",
                "omega",
            ],
            strict=True,
        )
    ),
    **{"ϵ": "epsilon", "ϑ": "theta", "ϕ": "phi", "ϱ": "rho", "ℓ": "ell", "∂": "d", "∇": "nabla"},
}
ACCENTS = {
    "\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar",
    "\u0305": "bar", "\u0307": "dot", "\u0308": "ddot", "\u030c": "check", "\u20d7": "vec",
    "′": "prime", "″": "prime2", "'": "prime", "*": "star", "+": "plus", "-": "minus",
}  # fmt: skip
#: names that the emitted source uses itself
RESERVED = frozenset(
    {
        "np",
        "jnp",
        "jax",
        "lax",
        "torch",
        "math",
        "range",
        "len",
        "batch",
        "step",
        "carry",
        "ctx",
        "_",
    }
)


def identifier(name: str) -> str:
    """A name as a Python identifier: `δ^{(2)}` is `delta_2`, `ŷ` is `y_hat`, `lambda` `lambda_`."""
    parts: list[str] = []
    for sign in unicodedata.normalize("NFKD", name):
        if sign in GREEK:
            parts.append(GREEK[sign])
        elif sign.lower() in GREEK:
            parts.append(GREEK[sign.lower()].capitalize())
        elif sign in ACCENTS:
            parts.append(f"_{ACCENTS[sign]}")
        elif sign.isascii() and sign.isalnum():
            parts.append(sign)
        else:
            parts.append("_")
    found = re.sub(r"__+", "_", "".join(parts)).strip("_")
    if not found or found[0].isdigit():
        found = f"v{found}"
    return f"{found}_" if keyword.iskeyword(found) or found in RESERVED else found


def member_name(name: str, index: Iterable[Whole]) -> str:
    """The identifier of one member of a family: `h_0`, `W_T_minus_1`."""
    return identifier(
        "_".join([name, *(re.sub(r"\W+", "_", str(w).replace("-", " minus ")) for w in index)])
    )


class Names:
    """The identifiers of one function; each thing keeps the one that it was given."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, wish: str) -> str:
        """An identifier like this one that is not taken yet."""
        found, number = wish, 2
        while found in self._taken or found in RESERVED:
            found, number = f"{wish}{'_' if wish[-1:].isdigit() else ''}{number}", number + 1
        self._taken.add(found)
        return found
