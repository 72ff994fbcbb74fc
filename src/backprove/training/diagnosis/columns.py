"""Which column is what, by the words in its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from backprove.training.diagnosis.errors import LogError


class Role(StrEnum):
    """What a column is; the values are the names for `--columns`."""

    STEP = "step"
    EPOCH = "epoch"
    TRAIN_LOSS = "train_loss"
    VAL_LOSS = "val_loss"
    TRAIN_ACC = "train_acc"
    VAL_ACC = "val_acc"
    VAL_BALANCED = "val_balanced"
    LR = "lr"
    GRAD_NORM = "grad_norm"
    LAYER_GRAD = "layer_grad"
    LAYER_DEAD = "layer_dead"


#: roles of which a run has any number of columns
MANY = frozenset({Role.LAYER_GRAD, Role.LAYER_DEAD})
_TRAIN = frozenset({"train", "training", "tr", "trn", "fit"})
_VALIDATION = frozenset({"val", "valid", "validation", "dev", "eval", "evaluation", "test", "testing",
                         "heldout", "holdout", "cv"})  # fmt: skip
_STEP = frozenset({"step", "steps", "iter", "iters", "iteration", "iterations", "batch", "update",
                   "updates", "globalstep", "it"})  # fmt: skip
_EPOCH = frozenset({"epoch", "epochs", "ep"})
_LOSS = frozenset({"loss", "nll", "crossentropy", "xent", "ce", "bce", "mse", "mae", "rmse", "objective",
                   "cost", "criterion", "logloss", "err", "error"})  # fmt: skip
_ACC = frozenset({"acc", "accuracy", "top1", "acc1", "prec1", "correct", "accu"})
_BALANCED = frozenset({"balanced", "f1", "uar", "recall", "macro"})
_GRADIENT = frozenset({"grad", "grads", "gradient", "gradients", "gnorm", "gradnorm"})
_NORM = frozenset({"norm", "norms", "l2", "total", "global", "all", "mean", "avg", "rms", "abs", "value",
                   "magnitude", "max", "before", "clip", "clipped", "preclip", "2", "0",
                   "overall"})  # fmt: skip
_DEAD = frozenset({"dead", "inactive", "sparsity", "zeros", "zero"})
#: words that make a name no plain metric of the run
_OTHER = frozenset({"time", "seconds", "sec", "runtime", "per", "samples", "best", "min", "std", "var",
                    "scale", "top5", "acc5", "lower", "upper", "memory", "size", "ema", "id"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A column with its role; `layer` for those that are about one, `fine` for per-step columns."""

    name: str
    role: Role
    layer: str = ""
    weight: float = 0.0


def words(name: str) -> list[str]:
    """The words of a name: `trainLoss`, `train/loss` and `Train Loss` are train, loss."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", apart.lower()) if word]


def role_of(name: str) -> Named | None:
    """The role of a column, or None for one that says nothing about training.

    `weight` orders columns that claim the same role: the plainest name has the lowest.
    """
    found = words(name)
    said = set(found)
    split = Role.VAL_LOSS if said & _VALIDATION else Role.TRAIN_LOSS if said & _TRAIN else None
    weight = float(len(found))
    if name.lower() in ("_step", "trainer/global_step"):
        weight = 0.0
    if said & _GRADIENT and not said & {"scaler", "accumulation", "checkpointing", "cosine"}:
        return _gradient(name, found)
    if said & _DEAD and not said & _LOSS:
        layer = _layer(
            name, _DEAD | {"fraction", "share", "frac", "rate", "relu", "relus", "units", "ratio"}
        )
        return Named(name, Role.LAYER_DEAD, layer)
    if "lr" in said or {"learning", "rate"} <= said or "learningrate" in said:
        return Named(name, Role.LR, weight=weight)
    plain = said - {"epoch", "step"}
    if said & _OTHER and not (said & _LOSS and said <= _LOSS | _VALIDATION | _TRAIN | {"min"}):
        return None
    if plain & _BALANCED:
        return None if split is Role.TRAIN_LOSS else Named(name, Role.VAL_BALANCED, weight=weight)
    if plain & _ACC:
        return Named(
            name, Role.VAL_ACC if split is Role.VAL_LOSS else Role.TRAIN_ACC, weight=weight
        )
    if plain & _LOSS or {"cross", "entropy"} <= said:
        # `error` is a loss only where no better word is there
        weight += 0.0 if "loss" in said else 1.5
        return Named(
            name, Role.VAL_LOSS if split is Role.VAL_LOSS else Role.TRAIN_LOSS, weight=weight
        )
    if (
        said & _STEP
        and not split
        and not said - _STEP - {"global", "trainer", "train", "total", "num"}
    ):
        return Named(name, Role.STEP, weight=weight)
    if said & _EPOCH and not said - _EPOCH - {"trainer", "train", "num", "global"}:
        return Named(name, Role.EPOCH, weight=weight)
    return None


def _gradient(name: str, found: list[str]) -> Named:
    rest = [w for w in found if w not in _GRADIENT | _NORM | _TRAIN | {"step", "epoch", "model"}]
    if not rest:
        return Named(name, Role.GRAD_NORM, weight=float(len(found)))
    return Named(name, Role.LAYER_GRAD, _layer(name, _GRADIENT | _NORM | _TRAIN))


def _layer(name: str, leave: frozenset[str] | set[str]) -> str:
    """The layer that a column is about: its name less the words for what is measured."""
    parts = re.split(r"[/: ]+", name)
    kept = [p for p in parts if set(words(p)) - leave]
    inner = "/".join(kept) or name
    # underscores and dots belong to a layer's name, but for measures in front or at the end
    pieces = re.split(r"([_.])", inner)
    while len(pieces) > 2 and pieces[0].lower() in leave - {"0", "2"}:
        pieces = pieces[2:]
    while len(pieces) > 2 and pieces[-1].lower() in leave - {"0"}:
        pieces = pieces[:-2]
    return "".join(pieces)


def overrides(text: str) -> dict[str, Role]:
    """`--columns train_loss=foo,val_loss=bar` as columns' names with their roles.

    Raises:
        LogError: if it is not of that form, or names no role.
    """
    found: dict[str, Role] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, equals, column = part.partition("=")
        if not equals or not column.strip():
            raise LogError(f"--columns: {part!r} is not of the form role=column")
        try:
            found[column.strip()] = Role(role.strip())
        except ValueError:
            raise LogError(f"--columns: there is no role {role.strip()!r}; roles are "
                           f"{', '.join(Role)}") from None  # fmt: skip
    return found
