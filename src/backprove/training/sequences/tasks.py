"""Three tasks on sequences: the next word, recall after a lag, and digits read row by row.

Recall is the copy task of S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural
Computation 9 (1997), with one symbol; digits by rows follow Q. V. Le, N. Jaitly, G. E. Hinton,
arXiv:1504.00941 (2015), at the size of scikit-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprove.errors import BackproveError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

TASKS = ("words", "recall", "digits")
#: slots of a sentence with the words that fit, the last slot being decided by the first
SLOTS = (
    ("the", "a", "one"),
    ("use", "see", "take"),
    ("black", "red", "blue"),
    ("color", "paint"),
    ("ball", "cup", "pen"),
)
END = "."
WORDS = (*(word for slot in SLOTS for word in slot), END)
#: the next word is asked for so often in a sentence
STEPS = 10
#: symbols that are to be recalled, and others that come in between
SYMBOLS, NOISE = 8, 4
#: of the training data this share, one in so many, decides on a learning rate
HELD = 6


@dataclass(frozen=True, slots=True)
class Part:
    """Sequences, (n, steps, entries), and class numbers: (n, steps), or (n,) for the end alone."""

    inputs: Floats
    targets: Ints

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True)
class Task:
    """What is learnt: `chance` is the accuracy of an even guess, `best` what can be reached."""

    name: str
    words: str
    train: Part
    test: Part
    classes: int
    best: float = 1.0

    @property
    def steps(self) -> int:
        return self.train.inputs.shape[1]

    @property
    def entries(self) -> int:
        return self.train.inputs.shape[2]

    @property
    def chance(self) -> float:
        return 1 / self.classes

    @property
    def every_step(self) -> bool:
        """Whether there is a target at every step, not at the last alone."""
        return self.train.targets.ndim == 2

    def pilot(self) -> Task:
        """The same on the training data alone, of which a part stands in for the test's."""
        kept = len(self.train) - max(1, len(self.train) // HELD)
        train, held = _split(self.train.inputs, self.train.targets, kept)
        return replace(self, train=train, test=held)


def task(name: str, training: int, test: int, lag: int, seed: int = 0) -> Task:
    """A task by its name with so many sequences; the same seed gives the same.

    `lag` is how long a symbol is to be remembered (recall alone). Digits have 1,797 sequences in
    all, of which a quarter is for the test. Raises `BackproveError` where scikit-learn, which
    brings the digits, is not installed.
    """
    if name == "words":
        return _words(training, test, seed)
    if name == "recall":
        return _recall(training, test, lag, seed)
    if name == "digits":
        return _digits(training, test, seed)
    raise BackproveError(f"there are the tasks {', '.join(TASKS)}, not {name}")


# --- the next word --------------------------------------------------------------------------------


def sentence(random: np.random.Generator) -> list[int]:
    """A sentence of `STEPS` + 1 words: each is said once to three times, as in "the the use black".

    The last word follows from the first: the ball, a cup, one pen. What is left over ends it.
    """
    said: list[int] = []
    first = int(random.integers(len(SLOTS[0])))
    for number, slot in enumerate(SLOTS):
        choice = int(random.integers(len(slot)))
        if number == 0 or number == len(SLOTS) - 1:
            choice = first
        said += [WORDS.index(slot[choice])] * int(random.integers(1, 4))
    said += [WORDS.index(END)] * (STEPS + 1)
    return said[: STEPS + 1]


def _words(training: int, test: int, seed: int) -> Task:
    random = np.random.default_rng(seed)
    said = np.array([sentence(random) for _ in range(training + test)])
    inputs = np.eye(len(WORDS), dtype=np.float32)[said[:, :-1]]
    parts = _split(inputs, said[:, 1:].astype(np.int64), training)
    words = f"the next of {len(WORDS)} words, at each of {STEPS} steps of a sentence that repeats its words"
    return Task("words", words, *parts, len(WORDS), best_guess())


def best_guess() -> float:
    """The accuracy of the best guess of the next word, from the grammar itself.

    Summed over where in a sentence one can be: the slot, how often its word has been said, and
    how many words have been said before. A word said r times (of 1 to 3, alike) is said again
    with probability 2/3, 1/2 and 0; the next slot's word is one of those that fit, alike.
    """
    again = {1: 2 / 3, 2: 1 / 2, 3: 0.0}
    where = {(0, 1): 1.0}
    right = 0.0
    for _ in range(STEPS):
        following: dict[tuple[int, int], float] = {}
        for (slot, said), share in where.items():
            if slot == len(SLOTS):
                right += share
                following[slot, 1] = following.get((slot, 1), 0.0) + share
                continue
            stay = again[said]
            last = slot + 1 >= len(SLOTS) - 1
            known = 1.0 if last else 1 / len(SLOTS[slot + 1])
            right += share * max(stay, (1 - stay) * known)
            if stay:
                following[slot, said + 1] = following.get((slot, said + 1), 0.0) + share * stay
            if stay < 1:
                next_ = (slot + 1, 1)
                following[next_] = following.get(next_, 0.0) + share * (1 - stay)
        where = following
    return right / STEPS


# --- recall -----------------------------------------------------------------------------------------


def _recall(training: int, test: int, lag: int, seed: int) -> Task:
    if lag < 1:
        raise BackproveError(f"the lag must be at least 1, not {lag}")
    random = np.random.default_rng(seed + 1)
    count = training + test
    symbol = random.integers(0, SYMBOLS, count)
    between = SYMBOLS + random.integers(0, NOISE, (count, lag))
    asked = np.full((count, 1), SYMBOLS + NOISE)
    said = np.concatenate([symbol[:, None], between, asked], axis=1)
    inputs = np.eye(SYMBOLS + NOISE + 1, dtype=np.float32)[said]
    parts = _split(inputs, symbol.astype(np.int64), training)
    words = f"one of {SYMBOLS} symbols, asked for after {lag} others"
    return Task("recall", words, *parts, SYMBOLS)


# --- digits -----------------------------------------------------------------------------------------


def _digits(training: int, test: int, seed: int) -> Task:
    try:
        data: Any = import_module("sklearn.datasets").load_digits()
    except ImportError:
        raise BackproveError(
            "the digits are scikit-learn's, which is not installed; pip install 'backprove[studies]' brings it"
        ) from None
    inputs = (data.images / 16).astype(np.float32)
    targets = data.target.astype(np.int64)
    order = np.random.default_rng(seed + 2).permutation(len(inputs))
    count = min(training, len(inputs) * 3 // 4)
    kept = order[: count + min(test, len(inputs) - count)]
    parts = _split(inputs[kept], targets[kept], count)
    return Task("digits", "a digit of 8 × 8 points, read row by row", *parts, 10)


def _split(inputs: Floats, targets: Ints, training: int) -> tuple[Part, Part]:
    return (
        Part(inputs[:training], targets[:training]),
        Part(inputs[training:], targets[training:]),
    )
