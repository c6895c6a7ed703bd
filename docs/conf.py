"""Build the site with Sphinx: ``make docs``."""

from __future__ import annotations

import os
import tempfile

# Before autodoc imports Airflow, which makes its home where it is not told another.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="asposeocr-docs-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"

from airflow_provider_asposeocr import __version__

project = "airflow-provider-asposeocr"
author = "airflow-provider-asposeocr maintainers"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["benchmarks", "outputs"]

html_theme = "furo"
html_title = f"Aspose.OCR Cloud for Airflow {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Links from a page to the code beside it lead nowhere on a site.
myst_url_schemes = ["http", "https"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_default_options = {"members": True, "show-inheritance": True}

copybutton_prompt_text = "$ "
