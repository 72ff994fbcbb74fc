"""The calculus's gradients of the IoU family are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backprove.detection.boxes import CONVENTIONS, BoxError, convert
from backprove.detection.overlap import ciou, diou, giou, iou
from backprove.overlaps import MODELS, overlap_gradient

MEASURES = {"iou": iou, "giou": giou, "diou": diou, "ciou": ciou}


def pairs(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that overlap, lie apart, and lie in each other."""
    random = np.random.default_rng(3)
    low, size = random.uniform(0, 6, (2, count, 2)), random.uniform(0.5, 6, (2, count, 2))
    first, second = np.concatenate([low, low + size], axis=2)
    assert 0.2 < (iou(first, second) > 0).mean() < 0.95
    return first, second


def corners(torch: Any, p: Any, convention: str) -> Any:
    if convention == "xyxy":
        return p.unbind(-1)
    x, y, w, h = p.unbind(-1)
    if convention == "xywh":
        return x, y, x + w, y + h
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def in_torch(torch: Any, measure: str, p: Any, b: Any, convention: str) -> Any:
    x1, y1, x2, y2 = corners(torch, p, convention)
    u1, v1, u2, v2 = b.unbind(-1)
    wide = (torch.minimum(x2, u2) - torch.maximum(x1, u1)).clamp(min=0)
    high = (torch.minimum(y2, v2) - torch.maximum(y1, v1)).clamp(min=0)
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - wide * high
    value = wide * high / union
    if measure == "iou":
        return value
    hull_wide = torch.maximum(x2, u2) - torch.minimum(x1, u1)
    hull_high = torch.maximum(y2, v2) - torch.minimum(y1, v1)
    if measure == "giou":
        return value - (hull_wide * hull_high - union) / (hull_wide * hull_high)
    distance = ((x1 + x2 - u1 - u2) ** 2 + (y1 + y2 - v1 - v2) ** 2) / 4
    near = value - distance / (hull_wide**2 + hull_high**2)
    if measure == "diou":
        return near
    slants = torch.atan((u2 - u1) / (v2 - v1)) - torch.atan((x2 - x1) / (y2 - y1))
    unlike = 4 / torch.pi**2 * slants**2
    return near - unlike**2 / (1 - value + unlike)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("measure", MODELS)
def test_gradients_are_those_of_pytorch(measure: str, convention: str) -> None:
    torch = pytest.importorskip("torch")
    first, second = pairs()
    given = convert(first, "xyxy", convention)
    value, gradient = overlap_gradient(measure, given, second, convention)
    p = torch.tensor(given, requires_grad=True)
    in_torch(torch, measure, p, torch.tensor(second), convention).sum().backward()
    np.testing.assert_allclose(value, MEASURES[measure](first, second), atol=1e-12)
    np.testing.assert_allclose(gradient, p.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_boxes_that_lie_apart_pull_only_where_the_measure_sees_them() -> None:
    apart = np.array([[0.0, 0.0, 1.0, 1.0]]), np.array([[4.0, 5.0, 6.0, 6.0]])
    assert not overlap_gradient("iou", *apart)[1].any()
    assert overlap_gradient("giou", *apart)[1].any()


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(BoxError, match="iou, giou, diou, ciou"):
        overlap_gradient("siou", [[0, 0, 1, 1]], [[0, 0, 1, 1]])
    with pytest.raises(BoxError, match="matched pairs"):
        overlap_gradient("iou", [[0, 0, 1, 1]], [[0, 0, 1, 1]] * 2)
