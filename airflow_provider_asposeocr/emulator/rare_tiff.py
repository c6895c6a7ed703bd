"""TIFF files that Pillow cannot decode or decodes wrongly: unusual sample formats, written by instruments.

OpenCV decodes them, but does not tell what the samples mean. So only files are accepted whose meaning is
clear: grey, or red, green and blue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from airflow_provider_asposeocr.emulator.limits import UnreadableImageError

WIDTH, HEIGHT, PHOTOMETRIC = 256, 257, 262
_BITS, _COMPRESSION, _SAMPLES, _PLANAR, _EXTRA_SAMPLES, _SUBSAMPLING = 258, 259, 277, 284, 338, 530
_STRIP_OFFSETS, _STRIP_SIZES = 273, 279
_UNCOMPRESSED = 1
_COMPRESSIONS = (_UNCOMPRESSED, 5, 8, 32773, 32946)
"""None, LZW, deflate, PackBits: with any other compression OpenCV returns an empty image."""

_GREYS, _RGB, _YCBCR = (0, 1), 2, 6
_SEPARATE_PLANES = 2
_BIG = 43
_SIXTEEN_BITS = (16, 16, 16)


def tags_of(file: IO[bytes]) -> ImageFileDirectory_v2:
    """Return the tags of the first page of a TIFF.

    :param file: the TIFF.
    """
    file.seek(0)
    head = file.read(8)
    tags = ImageFileDirectory_v2(head + file.read(8) if head[2] == _BIG else head)
    file.seek(tags.next)
    tags.load(file)
    return tags


def is_misread(tags: Mapping[int, Any]) -> bool:
    """Return whether Pillow misinterprets a TIFF.

    :param tags: the tags of its first page.
    """
    if tags.get(_COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED:
        return False
    if _is_planar(tags):
        return True
    return tags.get(PHOTOMETRIC) == _YCBCR and tuple(tags.get(_SUBSAMPLING, (2, 2))) != (1, 1)


def samples_of(file: IO[bytes], tags: ImageFileDirectory_v2) -> npt.NDArray[Any]:
    """Decode a TIFF in grey, or in red, green and blue.

    :param file: the TIFF.
    :param tags: the tags of its first page; its size has been checked.
    :return: rows, columns and, for colours, channels.
    """
    if PHOTOMETRIC not in tags:
        raise UnreadableImageError("The file is not an image, or is damaged.")
    if _is_planar(tags):
        return _joined(file, tags)
    channels, photometric = tags.get(_SAMPLES, 1), tags.get(PHOTOMETRIC)
    is_plain = (channels == 1 and photometric in _GREYS) or (channels == 3 and photometric in (_RGB, _YCBCR))
    samples = None
    if (
        is_plain
        and tags.get(_COMPRESSION, _UNCOMPRESSED) in _COMPRESSIONS
        and not tags.get(_EXTRA_SAMPLES)
        and tags.get(_PLANAR) != _SEPARATE_PLANES
    ):
        file.seek(0)
        samples = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise UnreadableImageError(
            "The file is not an image that can be read here: it is a TIFF whose pixels have"
            f" {channels} x {max(tags.get(_BITS, (1,)))} bits."
        )
    return samples[:, :, ::-1] if samples.ndim == 3 else samples


def _is_planar(tags: Mapping[int, Any]) -> bool:
    """Return whether the channels are stored one after the other (planar), with 16 bits per sample."""
    is_deep = tags.get(_BITS) == _SIXTEEN_BITS and tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED
    return is_deep and tags.get(_PLANAR) == _SEPARATE_PLANES and _STRIP_OFFSETS in tags


def _joined(file: IO[bytes], tags: ImageFileDirectory_v2) -> npt.NDArray[Any]:
    kind = np.dtype(np.uint16).newbyteorder("<" if tags.prefix == b"II" else ">")
    channels = np.zeros((3, tags[HEIGHT], tags[WIDTH]), kind)
    target, place = channels.view(np.uint8).reshape(-1), 0
    for offset, size in zip(tags[_STRIP_OFFSETS], tags[_STRIP_SIZES], strict=True):
        file.seek(offset)
        data = np.frombuffer(file.read(min(size, len(target) - place)), np.uint8)
        target[place : place + len(data)] = data
        place += len(data)
    if place < len(target):
        raise UnreadableImageError("The file is not an image, or is damaged: it ends too early.")
    return channels.transpose(1, 2, 0).astype(np.uint16)
