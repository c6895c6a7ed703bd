"""One operator for each operation that prepares an image. All answer with PNG."""

from __future__ import annotations

from typing import Any

from airflow_provider_asposeocr.operators.base import AsposeOcrOperator


class AsposeOcrBinarizeImageOperator(AsposeOcrOperator):
    """Reduce an image to black and white (``BinarizeImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PNG
    needs a ``destination``; ``source=binarize.output`` hands it to the next task.

    .. seealso:: https://docs.aspose.cloud/ocr/binarize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="BinarizeImage", **kwargs)
