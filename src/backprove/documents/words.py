"""Telling words from mathematics in running text, where no dollar sign does.

A chunk (what stands between spaces) is a word when it consists of letters only, is longer than the
products that people write without spaces (`Wx`, `UI`), and is no function, Greek letter or other
word of the notation. Capitals (`AP`, `IoU`) are taken as names.
"""

from __future__ import annotations

import re

_MATHEMATICAL = frozenset(
    """
exp log ln sqrt tanh sinh cosh sin cos sigmoid relu softplus gelu silu erf abs sign step max min
softmax softargmax log_softmax logsumexp mean var norm tr trace det logdet diag vec sum prod ones
conv conv_transpose conv_matrix conv_size conv_transpose_size conv_transpose_matrix iou giou
average_precision interpolated_precision receptive_field
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon
phi chi psi omega
one-hot otherwise simplex Softmax Tanh Sigmoid
""".split()  # noqa: SIM905
)
# The short words that would pass for a product of two names.
_SHORT_WORDS = frozenset(
    """
is of to in on we so as be if at by it an or no do us he me my up go am eq vs th nd st ie eg
""".split()  # noqa: SIM905
)
_LETTERS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_EDGES = " \t.,;:!?()[]{}\"'’“”`|"
_TEXT_COMMAND = re.compile(r"\\(?:text(?:rm|normal|it|bf)?|mbox)\s*\{([^{}]*)\}")


def is_word(chunk: str) -> bool:
    """True of a chunk of running text that is a word and no mathematics."""
    letters = chunk.strip(_EDGES)
    if not _LETTERS.fullmatch(letters) or letters in _MATHEMATICAL:
        return False
    if max(map(len, re.split(r"[-–]", letters))) < 2:  # `p-t` is a difference
        return False
    if letters[:1].lower() + letters[1:] in _SHORT_WORDS:
        return True
    if len(letters) < 3 or not letters.isascii():
        return False
    return letters[1:].lower() == letters[1:]


def only_words(side: str) -> bool:
    """True of a side of a relation that is a phrase: two words or more, and nothing else."""
    plain = _TEXT_COMMAND.sub(r" \1 ", side)
    plain = re.sub(r"\\q?quad\b|\\[,;:! ]", " ", plain)
    plain = re.sub(r"\([^()]*\)\s*$", "", plain)
    chunks = plain.split()
    return (
        len(chunks) > 1
        and any(is_word(chunk) for chunk in chunks)
        and all(_LETTERS.fullmatch(chunk.strip(_EDGES) or "x") for chunk in chunks)
    )
