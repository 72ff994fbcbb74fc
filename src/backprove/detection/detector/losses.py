"""The losses that are compared: where the box is, and what is in it."""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

#: distances in pixels are compared by L2 in units of so many, about a flower's radius
UNIT = 8.0


def l2(found: Tensor, true: Tensor) -> Tensor:
    """The mean squared difference of the four distances, (n, 4) each: (n,)."""
    return ((found - true) / UNIT).square().mean(dim=-1)


def _areas(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Intersection, union and hull of boxes around one place, given by their four distances."""

    def area(d: Tensor) -> Tensor:
        return (d[..., 0] + d[..., 2]) * (d[..., 1] + d[..., 3])

    common = area(torch.minimum(found, true))
    return common, area(found) + area(true) - common, area(torch.maximum(found, true))


def iou_loss(found: Tensor, true: Tensor) -> Tensor:
    """1 − IoU."""
    common, union, _ = _areas(found, true)
    return 1 - common / union


def giou_loss(found: Tensor, true: Tensor) -> Tensor:
    """1 − GIoU."""
    common, union, hull = _areas(found, true)
    return 1 - common / union + (hull - union) / hull


def cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    """−log of the probability given to what is the case, class by class."""
    return binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def focal(logits: Tensor, wanted: Tensor, gamma: float = 2.0, alpha: float = 0.25) -> Tensor:
    """Focal loss (Lin et al. 2017): −α (1 − p)^γ log p, p given to what is the case.

    α weighs what is there, 1 − α what is not. With γ = 0 and α = 1/2 it is half of cross-entropy.
    """
    p = torch.sigmoid(logits)
    right = p * wanted + (1 - p) * (1 - wanted)
    weight = alpha * wanted + (1 - alpha) * (1 - wanted)
    return weight * (1 - right) ** gamma * cross_entropy(logits, wanted)


Loss = Callable[[Tensor, Tensor], Tensor]
LOCALISATION: dict[str, Loss] = {"l2": l2, "iou": iou_loss, "giou": giou_loss}
CLASSIFICATION: dict[str, Loss] = {"cross-entropy": cross_entropy, "focal": focal}


def total(
    logits: Tensor,
    distances: Tensor,
    kind: Tensor,
    edges: Tensor,
    localisation: Loss,
    classification: Loss,
) -> Tensor:
    """Both losses of a batch, over the number of places that have a box.

    `logits` (n, classes, c, c) and `distances` (n, 4, c, c) are the network's, `kind` and
    `edges` the targets.
    """
    classes = logits.shape[1]
    counts = kind >= 0
    there = counts & (kind < classes)
    number = there.sum().clamp(min=1)
    wanted = torch.nn.functional.one_hot(kind.clamp(min=0), classes + 1)[..., :classes]
    by_class = classification(logits.permute(0, 2, 3, 1), wanted.to(logits))
    named = (by_class.sum(dim=-1) * counts).sum() / number
    found, true = (d.permute(0, 2, 3, 1)[there] for d in (distances, edges))
    return named + localisation(found, true).sum() / number
