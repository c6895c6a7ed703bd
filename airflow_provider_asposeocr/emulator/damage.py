"""Damaged images: what is there is read when it is most of the image, and how much is there is measured."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL import ImageFile as image_file
from PIL.ImageFile import ImageFile

from airflow_provider_asposeocr.emulator.limits import UnreadableImageError

_MAX_LOST = 0.5
"""An image that lacks more than this share is an error: what is read should be most of what there was."""

_GROUNDS = (0, 255)


def salvage(opener: type[ImageFile], file: IO[bytes]) -> tuple[ImageFile, npt.NDArray[np.bool_]]:
    """Decode what can be decoded of an image.

    No decoder tells how far it came. So the image is decoded twice, over two different grounds: where the
    ground shows through, nothing was decoded.

    :param opener: the class of the image.
    :param file: the encoded image; its size has been checked.
    :return: the image, and which of its pixels are missing.
    """
    over_black, over_white = (_decoded_over(ground, opener, file) for ground in _GROUNDS)
    black, white = np.asarray(over_black), np.asarray(over_white)
    differs = black != white
    lost = differs.any(axis=2) if differs.ndim == 3 else differs
    share = float(lost.mean())
    if share > _MAX_LOST:
        raise UnreadableImageError(
            f"The file is not an image, or is damaged: {share:.0%} of the image cannot be decoded."
        )
    return over_black, lost


def _decoded_over(ground: int, opener: type[ImageFile], file: IO[bytes]) -> ImageFile:
    class Filled(opener):  # type: ignore[misc, valid-type]
        def load_prepare(self) -> None:
            super().load_prepare()
            bands = len(Image.Image.getbands(self))
            colour: Any = ground if bands == 1 else (ground,) * bands
            self.im.paste(colour, (0, 0, *self.im.size))

    file.seek(0)
    image: ImageFile = Filled(file)
    if "progressive" not in image.info:
        # Else Pillow ends a JPEG that has no end, and the decoder makes up what is missing. What there is of
        # a progressive one shows all of the image, only coarser.
        image._ended = True  # type: ignore[attr-defined]
    with _tolerance(), contextlib.suppress(OSError):
        image.load()
    return image


@contextlib.contextmanager
def _tolerance() -> Iterator[None]:
    before = image_file.LOAD_TRUNCATED_IMAGES
    image_file.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        image_file.LOAD_TRUNCATED_IMAGES = before
