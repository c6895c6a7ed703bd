"""One short class for each operation."""

from __future__ import annotations

from typing import Any

from airflow_provider_asposeocr.operators.base import AsposeOcrOperator


class AsposeOcrRecognizeImageOperator(AsposeOcrOperator):
    """Recognize the text of an image (``RecognizeImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``.

    .. seealso:: https://docs.aspose.cloud/ocr/recognize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeImage", **kwargs)


class AsposeOcrRecognizeImageTrialOperator(AsposeOcrOperator):
    """Try the recognition of an image without an account (``RecognizeImageTrial``).

    About a tenth of the words come back as asterisks. Takes the arguments of :class:`.AsposeOcrOperator`
    without ``operation``; the connection needs no login. The id of a trial OCR task opens its result to
    anyone, so it is masked in logs.

    .. seealso:: https://docs.aspose.cloud/ocr/recognize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeImageTrial", **kwargs)


class AsposeOcrBinarizeImageOperator(AsposeOcrOperator):
    """Reduce an image to black and white (``BinarizeImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PNG
    needs a ``destination``; ``source=binarize.output`` hands it to the next task.

    .. seealso:: https://docs.aspose.cloud/ocr/binarize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="BinarizeImage", **kwargs)
