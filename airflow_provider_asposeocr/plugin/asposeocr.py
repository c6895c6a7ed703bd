"""The plugin that adds the result page to Airflow's UI, from Airflow 3.1 on, once it is switched on.

``[asposeocr] result_page_roots`` lists what the page may read; without it there is no page, tab or link. The
page of a task instance is at ``/asposeocr/dags/<dag id>/runs/<run id>/tasks/<task id>/<map index>``, below
the path of ``[api] base_url``; the map index of a task that is not mapped is -1. Below a page are its files,
``/files/source`` and ``/files/<number of the result>``, and of a batch the pages of its items,
``/items/<line of the report>``.

.. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/plugins.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_asposeocr.plugin.links import URL_PREFIX, ResultPageLink, base_path

log = logging.getLogger(__name__)

_LABEL = "OCR result"


class AsposeOcrPlugin(AirflowPlugin):
    """Add the result page: an application of the API server, a tab of the task instance, and a link.

    All of it is made when Airflow asks for it, which workers do not, and none of it can fail: an option that
    cannot be read switches the page off, with a line in the log.
    """

    name = "asposeocr"

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The application, if the page is on."""
        if not self._roots:
            return []
        try:
            # Loaded in API servers alone.
            from airflow_provider_asposeocr.plugin.app import result_app

            app = result_app(self._roots)
        except Exception as error:
            # An API server without this page is better than none.
            log.error("The result page of Aspose.OCR Cloud is off: %s: %s", type(error).__name__, error)
            return []
        return [{"app": app, "url_prefix": URL_PREFIX, "name": "Aspose.OCR Cloud: result page"}]

    @cached_property
    def external_views(self) -> list[Any]:  # type: ignore[override]
        """The tab, if the page is on."""
        if not self._roots:
            return []
        return [
            {
                "name": _LABEL,
                "href": f"{base_path()}/dags/{{DAG_ID}}/runs/{{RUN_ID}}/tasks/{{TASK_ID}}/{{MAP_INDEX}}",
                "destination": "task_instance",
                "url_route": "asposeocr_result",
                "icon": f"{base_path()}/static/icon.svg",
            }
        ]

    @cached_property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]
        """The link of the operators, if the page is on.

        It is the plugin's and not the operators' own: those a worker has to fill, so that no task with one
        could end in the triggerer.
        """
        return [ResultPageLink()] if self._roots else []

    @cached_property
    def _roots(self) -> Iterable[Any]:
        if not AIRFLOW_V_3_1_PLUS:
            return ()
        from airflow.configuration import conf

        value = conf.get("asposeocr", "result_page_roots", fallback="")
        if not value or not value.strip():
            return ()
        try:
            from airflow_provider_asposeocr.plugin.roots import read_roots

            return read_roots(value)
        except Exception as error:
            log.error("The result page is off: [asposeocr] result_page_roots cannot be read: %s", error)
            return ()
