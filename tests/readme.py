"""The DAG of the README, as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
DAG_ID = "read_scan"


def write_readme_dag(folder: Path) -> Path:
    """Write the DAG into a folder, with the scan that it reads, and return its file.

    :param folder: the folder of DAGs.
    """
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (text,) = [block for block in blocks if f'DAG("{DAG_ID}"' in block]
    path = folder / f"{DAG_ID}.py"
    path.write_text(text)
    shutil.copy(SCAN, folder)
    return path
