"""What goes wrong on the way to the service and back, in bulk: a matrix, a soak, and sign-ins at once."""

from __future__ import annotations

import os
import sys
import tempfile

# The programs of this package have no conftest that gives them a private Airflow home.
if "airflow" not in sys.modules and "pytest" not in sys.modules:
    _HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
    os.environ["AIRFLOW_HOME"] = _HOME.name
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
