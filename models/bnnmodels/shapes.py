# SPDX-License-Identifier: MIT
"""Images of our own: ten kinds of shapes, 32x32 pixels, three colours.

Every image has one shape of random colour, place, size and angle on a darker background of two
colours, with clutter (lines and spots of other colours), shading and noise. The same seed gives the same
bytes: everything comes from one numpy generator (PCG64) and is rounded once.
"""
import numpy as np

SIZE = 32
CLASSES = ("disc", "ring", "square", "triangle", "star", "cross", "crescent", "heart", "arrow",
           "bars")
_OVER = 2  # samples per pixel and direction


def _disc(u, v):
    return u * u + v * v < 0.8


def _ring(u, v):
    r = u * u + v * v
    return (r < 1) & (r > 0.36)


def _square(u, v):
    return np.maximum(abs(u), abs(v)) < 0.78


def _triangle(u, v):
    return (v < 0.62) & (1.75 * abs(u) - v < 1.0)


def _star(u, v):
    angle = np.arctan2(u, v) % (2 * np.pi / 5) - np.pi / 5
    return np.hypot(u, v) * (np.cos(angle) + 1.35 * abs(np.sin(angle))) < 0.95 * 0.85


def _cross(u, v):
    return (np.minimum(abs(u), abs(v)) < 0.27) & (np.maximum(abs(u), abs(v)) < 0.95)


def _crescent(u, v):
    return (u * u + v * v < 1) & ((u - 0.45)**2 + v * v > 0.62)


def _heart(u, v):
    x, y = 1.2 * u, -1.2 * v + 0.1
    return (x * x + y * y - 1)**3 < 1.6 * x * x * y**3


def _arrow(u, v):
    shaft = (abs(u) < 0.2) & (v > -0.2) & (v < 0.95)
    head = (v > -0.95) & (v < 0.1) & (abs(u) < 0.8 * (v + 0.95))
    return shaft | head


def _bars(u, v):
    return (np.maximum(abs(u), abs(v)) < 0.9) & (abs((v + 0.9) % 0.72 - 0.18) < 0.18)


_SHAPES = (_disc, _ring, _square, _triangle, _star, _cross, _crescent, _heart, _arrow, _bars)


def _colours(rng):
    """Of the shape, of both ends of the background, which are darker, and of the clutter."""
    while True:
        shape, first, second, clutter = rng.uniform(0, 1, (4, 3))
        first, second = 0.55 * first, 0.55 * second
        if (shape - np.maximum(first, second)).sum() > 0.6:
            return shape, first, second, clutter


def _clutter(rng, x, y):
    """A few thin lines and small spots: where they are."""
    mask = np.zeros(x.shape, bool)
    for _ in range(rng.integers(1, 4)):
        px, py, angle = rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(0, np.pi)
        dx, dy = x - px, y - py
        if rng.uniform() < 0.5:
            mask |= abs(dx * np.sin(angle) - dy * np.cos(angle)) < rng.uniform(0.4, 0.9)
        else:
            mask |= dx * dx + dy * dy < rng.uniform(1.0, 2.5)**2
    return mask


def draw(kind, rng):
    """One image of class @p kind: uint8, colour x row x column."""
    y, x = (np.mgrid[0:SIZE * _OVER, 0:SIZE * _OVER] + 0.5) / _OVER
    shape, first, second, clutter = _colours(rng)
    size, turn = rng.uniform(8.5, 13.0), rng.uniform(-0.45, 0.45)
    cx, cy = SIZE / 2 + rng.uniform(-4, 4, 2)
    stretch = rng.uniform(0.85, 1.18)
    dx, dy = (x - cx) / size, (y - cy) / size
    u = (dx * np.cos(turn) + dy * np.sin(turn)) * stretch
    v = (dy * np.cos(turn) - dx * np.sin(turn)) / stretch

    angle = rng.uniform(0, 2 * np.pi)
    ramp = ((x - 16) * np.cos(angle) + (y - 16) * np.sin(angle)) / 40 + 0.5
    wave = rng.uniform(0, 0.16) * np.sin(rng.uniform(0.3, 1.2) * x + rng.uniform(0.3, 1.2) * y)
    picture = first[:, None, None] * (1 - ramp) + second[:, None, None] * ramp + wave
    behind, before = _clutter(rng, x, y), _clutter(rng, x, y) & (rng.uniform() < 0.4)
    inside = _SHAPES[kind](u, v)
    picture = np.where(behind, clutter[:, None, None], picture)
    shade = 1 + rng.uniform(-0.25, 0.25) * (dx * np.cos(angle) - dy * np.sin(angle))
    picture = np.where(inside, shape[:, None, None] * shade, picture)
    picture = np.where(before, 1 - clutter[:, None, None], picture)
    picture = picture.reshape(3, SIZE, _OVER, SIZE, _OVER).mean((2, 4))
    picture = picture + rng.normal(0, rng.uniform(0.02, 0.09), picture.shape)
    return np.clip(np.floor(picture * 255 + 0.5), 0, 255).astype(np.uint8)


def make(count, seed):
    """@p count images, classes in turn: (uint8 count x 3 x 32 x 32, uint8 labels)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(count) % len(CLASSES)
    rng.shuffle(labels)
    return np.stack([draw(kind, rng) for kind in labels]), labels.astype(np.uint8)
