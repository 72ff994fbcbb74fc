"""The detector: a few convolutions, and at every fourth pixel a class and the way to four edges.

Anchor-free, after FCOS (Tian et al. 2019): a place near a flower's middle says what it is and how
far its left, top, right and bottom edges are.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backprove.detection.boxes import Floats
from backprove.detection.data import Truth

STRIDE = 4
#: a place so near to the middle of a box, in strides, is responsible for it
NEAR = 1.5
#: what a place's score starts from, so that the many places of background do not drown the rest
PRIOR = 0.01


class Detector(nn.Module):
    """Pictures (n, 3, s, s) to class logits (n, classes, s/4, s/4) and distances (n, 4, s/4, s/4).

    Distances to the left, top, right and bottom edge are positive, and in pixels.
    """

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _layer(3, width // 2, stride=2),
            _layer(width // 2, width, stride=2),
            _layer(width, width, dilation=2),
            _layer(width, width, dilation=2),
        )
        self.kind = nn.Sequential(_layer(width, width), nn.Conv2d(width, classes, 1))
        self.edges = nn.Sequential(_layer(width, width), nn.Conv2d(width, 4, 1))
        last: Any = self.kind[1]
        nn.init.constant_(last.bias, -float(np.log((1 - PRIOR) / PRIOR)))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(pictures)
        return self.kind(features), 2 * STRIDE * nn.functional.softplus(self.edges(features))


def _layer(before: int, after: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def centres(cells: int) -> Floats:
    """The middles of the places of a map, in pixels: (cells, cells, 2), x before y."""
    middle = (np.arange(cells, dtype=np.float64) + 0.5) * STRIDE
    x, y = np.meshgrid(middle, middle)
    return np.stack([x, y], axis=-1)


def targets(truth: Truth, cells: int) -> tuple[Tensor, Tensor]:
    """What every place should say: its class, (n, cells, cells), and four distances, (n, 4, …).

    A place's class is the number of classes where it is background and −1 where it does not
    count: near the middle of a box that need not be found. The smallest box has a place.
    """
    count, classes = len(truth.images), len(truth.classes)
    kind = np.full((count, cells, cells), classes)
    edges = np.zeros((count, 4, cells, cells), np.float32)
    place = centres(cells)
    area = truth.size[:, 0] * truth.size[:, 1]
    for i in np.argsort(-area, kind="stable"):
        box = truth.edges[i]
        away = np.concatenate([place - box[:2], box[2:] - place], axis=-1)
        middle = np.abs(place - (box[:2] + box[2:]) / 2).max(axis=-1)
        # inside of the box and near its middle; of a tiny box the nearest place
        mine = (away.min(axis=-1) > 0) & (middle < NEAR * STRIDE)
        mine |= middle == middle.min()
        mine &= away.min(axis=-1) > -STRIDE / 2
        ignored = truth.difficult[i] or truth.crowd[i]
        kind[truth.image[i]][mine] = -1 if ignored else truth.label[i]
        edges[truth.image[i]][:, mine] = np.maximum(away[mine], 0.1).T
    return torch.from_numpy(kind), torch.from_numpy(edges)


def decoded(distances: Tensor) -> Tensor:
    """Distances (n, 4, c, c) as xyxy boxes in pixels, (n, c, c, 4)."""
    place = torch.from_numpy(centres(distances.shape[-1])).to(distances)
    d = distances.permute(0, 2, 3, 1)
    return torch.cat([place - d[..., :2], place + d[..., 2:]], dim=-1)
