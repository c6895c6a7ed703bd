"""Put pdf.js beside the scripts of the result page, for a wheel that shows PDFs: ``make pdfjs``.

It is Mozilla's, under the Apache License 2.0, and no part of the repository; a wheel that is built without it
shows the words of a PDF without its pages. ``npm`` fetches it, and what it has fetched is checked.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "5.6.205"
SHA512 = "tlUj+2IDa7G1SbvBNN74UHRLJybZDWYom+k6p5KIZl7huBvsA4APi6mKL+zCxd3tLjN5hOOEE9Tv7VdzO88pfg=="
FOLDER = Path(__file__).parents[1] / "airflow_provider_asposeocr" / "plugin" / "static" / "pdfjs"
FILES = (
    "LICENSE",
    "legacy/build/pdf.min.mjs",
    "legacy/build/pdf.worker.min.mjs",
    *(f"wasm/{name}" for name in ("jbig2.wasm", "openjpeg.wasm", "qcms_bg.wasm")),
    *(f"wasm/LICENSE_{name}" for name in ("JBIG2", "OPENJPEG", "QCMS")),
    *(f"wasm/LICENSE_PDFJS_{name}" for name in ("JBIG2", "OPENJPEG", "QCMS")),
)
"""Members of the package that are taken: its display layer, its worker, and decoders of scans."""


def bundle(archive: Path, folder: Path = FOLDER) -> None:
    """Unpack what the page needs.

    :param archive: the package, as npm has fetched it
    :param folder: where the files go; what was there is replaced
    :raises ValueError: if it is not the package that is expected
    """
    data = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != SHA512:
        raise ValueError(f"{archive.name} is not pdf.js {VERSION}: its SHA-512 is another")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as package:
        for name in FILES:
            member = package.extractfile(f"package/{name}")
            if member is None:
                raise ValueError(f"{archive.name} has no {name}")
            (folder / Path(name).name).write_bytes(member.read())


def main() -> int:
    """Fetch and unpack pdf.js, and return the exit code of the program."""
    with tempfile.TemporaryDirectory(prefix="pdfjs-") as temporary:
        command = ["npm", "pack", "--silent", f"pdfjs-dist@{VERSION}"]
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"npm pack failed:\n{done.stderr}", file=sys.stderr)
            return 1
        bundle(Path(temporary) / done.stdout.split()[-1])
    print(f"pdf.js {VERSION}: {sum(path.stat().st_size for path in FOLDER.iterdir()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
