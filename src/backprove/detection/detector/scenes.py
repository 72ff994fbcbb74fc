"""Generated scenes: flowers of several species among leaves and stones, with their boxes.

Sizes, colours, tilts and places vary, later things cover earlier ones, and some species are rare.
A seed fixes everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backprove.detection.boxes import Bools, Floats
from backprove.detection.data import Truth, truth

Picture = NDArray[np.uint8]

#: a flower of which less is to be seen need not be found
VISIBLE = 0.4
_SIDE = 64
_RADII = (4.5, 15.0)
#: how much the colours of a species vary: more than some species differ by
_VARIES = 0.2


@dataclass(frozen=True, slots=True)
class Species:
    """How a flower looks: petals, how deep they are cut, colours (RGB), its eye, and how frequent."""

    name: str
    petals: int
    depth: float
    colour: tuple[float, float, float]
    eye: float
    eye_colour: tuple[float, float, float]
    share: float


SPECIES = (
    Species("daisy", 11, 0.45, (0.95, 0.95, 0.92), 0.32, (0.95, 0.80, 0.15), 0.50),
    Species("sunflower", 15, 0.35, (0.95, 0.75, 0.10), 0.50, (0.30, 0.18, 0.08), 0.27),
    Species("violet", 5, 0.50, (0.50, 0.25, 0.70), 0.18, (0.95, 0.85, 0.30), 0.14),
    Species("poppy", 4, 0.15, (0.85, 0.20, 0.12), 0.25, (0.10, 0.08, 0.10), 0.06),
    Species("rose", 5, 0.12, (0.90, 0.45, 0.55), 0.45, (0.70, 0.15, 0.30), 0.03),
)


@dataclass(frozen=True, slots=True)
class Scenes:
    """Pictures (n, side, side, 3), and what is on them."""

    pictures: Picture
    truth: Truth


def scenes(count: int, seed: int, side: int = _SIDE) -> Scenes:
    """So many scenes of `side` × `side` pixels."""
    random = np.random.default_rng(seed)
    pictures = np.zeros((count, side, side, 3), np.uint8)
    image: list[int] = []
    label: list[int] = []
    box: list[list[float]] = []
    hidden: list[bool] = []
    for number in range(count):
        scene = _Scene(random, side)
        pictures[number] = scene.picture()
        for kind, edges, visible in scene.flowers():
            image.append(number)
            label.append(kind)
            box.append(edges)
            hidden.append(visible < VISIBLE)
    names = [f"scene {number}" for number in range(count)]
    found = truth(
        names,
        [species.name for species in SPECIES],
        image,
        label,
        np.array(box).reshape(-1, 4),
        difficult=np.array(hidden, dtype=bool),
        extent=np.full((count, 2), float(side)),
    )
    return Scenes(pictures, found)


class _Scene:
    """One picture in the making: a canvas, and which flower each pixel shows."""

    def __init__(self, random: np.random.Generator, side: int) -> None:
        self.random = random
        self.side = side
        self.y, self.x = np.mgrid[0:side, 0:side] + 0.5
        self.canvas = self._ground()
        self.owner = np.full((side, side), -1)
        self.whole: list[Bools] = []
        self.kinds: list[int] = []
        for _ in range(int(random.integers(2, 6))):
            self._clutter()
        shares = np.array([species.share for species in SPECIES])
        for _ in range(int(random.integers(1, 6))):
            self._flower(int(random.choice(len(SPECIES), p=shares / shares.sum())))
            if random.random() < 0.25:
                self._clutter()

    def picture(self) -> Picture:
        noisy = self.canvas + self.random.normal(0, 0.05, self.canvas.shape)
        return (255 * noisy.clip(0, 1)).astype(np.uint8)

    def flowers(self) -> Iterator[tuple[int, list[float], float]]:
        """Species, box and visible share of every flower that reaches into the picture."""
        for number, (kind, mask) in enumerate(zip(self.kinds, self.whole, strict=True)):
            if mask.sum() < 12:
                continue
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            edges = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            visible = float((self.owner == number).sum() / mask.sum())
            yield kind, [float(edge) for edge in edges], visible

    def _ground(self) -> Floats:
        base = self.random.uniform([0.15, 0.30, 0.08], [0.45, 0.55, 0.28])
        slope = self.random.normal(0, 0.12, (2, 3))
        across, down = self.x[..., None] / self.side - 0.5, self.y[..., None] / self.side - 0.5
        ground = base + across * slope[0] + down * slope[1]
        return ground + self.random.normal(0, 0.06, (self.side, self.side, 1))

    def _polar(self, low: float, high: float) -> tuple[Floats, Floats, float]:
        """Distance and angle from a random place, tilted and turned, and a random radius."""
        random = self.random
        place = random.uniform(0.05 * self.side, 0.95 * self.side, 2)
        radius = float(np.exp(random.uniform(np.log(low), np.log(high)))) * self.side / _SIDE
        turn, tilt = random.uniform(0, 2 * np.pi), random.uniform(0.55, 1)
        dx, dy = self.x - place[0], self.y - place[1]
        u = np.cos(turn) * dx + np.sin(turn) * dy
        v = (np.cos(turn) * dy - np.sin(turn) * dx) / tilt
        return np.hypot(u, v), np.arctan2(v, u) + random.uniform(0, 2 * np.pi), radius

    def _flower(self, kind: int) -> None:
        species, random = SPECIES[kind], self.random
        distance, angle, radius = self._polar(*_RADII)
        wave = np.abs(np.cos(species.petals * angle / 2)) ** 0.7
        mask = distance < radius * (1 - species.depth + species.depth * wave)
        colour = np.array(species.colour) + random.normal(0, _VARIES, 3)
        shade = 0.75 + 0.25 * (distance / radius)[..., None] + 0.12 * (wave[..., None] - 0.5)
        self.canvas = np.where(mask[..., None], colour * shade, self.canvas)
        eye = mask & (distance < species.eye * radius)
        eye_colour = np.array(species.eye_colour) + random.normal(0, _VARIES, 3)
        self.canvas = np.where(eye[..., None], eye_colour, self.canvas)
        self.owner[mask] = len(self.whole)
        self.whole.append(mask)
        self.kinds.append(kind)

    def _clutter(self) -> None:
        """A leaf, a stone, or a lone petal in a flower's colour."""
        random = self.random
        distance, angle, radius = self._polar(2.5, 9)
        which = random.random()
        if which < 0.5:
            mask = distance < radius * (0.35 + 0.65 * np.abs(np.cos(angle)))
            colour = random.uniform([0.08, 0.30, 0.05], [0.30, 0.65, 0.25])
        elif which < 0.7:
            mask = distance < radius * (0.85 + 0.1 * np.cos(3 * angle))
            colour = np.full(3, random.uniform(0.3, 0.75)) + random.normal(0, 0.02, 3)
        else:
            mask = distance < 0.8 * radius
            colour = np.array(SPECIES[int(random.integers(len(SPECIES)))].colour)
            colour = colour + random.normal(0, _VARIES, 3)
        light = 0.8 + 0.3 * (distance / radius)[..., None]
        self.canvas = np.where(mask[..., None], colour * light, self.canvas)
        self.owner[mask] = -1
