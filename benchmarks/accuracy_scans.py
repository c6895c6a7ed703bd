"""Scanner of the accuracy benchmark: it skews, blurs and shades what is laid on it."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageFilter


def scanned(
    page: Image.Image, chance: random.Random, *, steep: float = 1.5, noise: float = 12.0, shade: float = 0.3
) -> Image.Image:
    """Return a clean page as a scanner delivers it, as a JPEG.

    :param page: the page, in grey.
    :param chance: the source of randomness.
    :param steep: the maximum skew, in degrees.
    :param noise: the maximum standard deviation of the noise, in grey levels.
    :param shade: the maximum loss of light at the darkest corner, as a share.
    """
    turned = page.rotate(chance.uniform(-steep, steep), Image.Resampling.BICUBIC, fillcolor=255)
    grey = np.asarray(turned.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 0.8))), float)
    down, across = np.mgrid[0.0 : 1.0 : grey.shape[0] * 1j, 0.0 : 1.0 : grey.shape[1] * 1j]
    if chance.random() < 0.5:
        across = 1 - across
    light = 1 - chance.uniform(shade / 2, shade) * across * (0.3 + 0.7 * down)
    grain = np.random.default_rng(chance.randrange(1 << 32)).normal(0, 1, grey.shape)
    lit = grey * light + grain * chance.uniform(noise / 2, noise)
    packed = io.BytesIO()
    Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).save(
        packed, "JPEG", quality=chance.randrange(75, 95)
    )
    return Image.open(packed)
