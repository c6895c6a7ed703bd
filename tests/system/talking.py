"""Which processes of a local Airflow talk to the service."""

from __future__ import annotations

from urllib.parse import urlsplit

import psutil

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow


def talking(airflow: LocalAirflow, service: Emulator, component: str) -> list[int]:
    """Return the processes of a component that hold connections to the service at this moment.

    :param airflow: the Airflow.
    :param service: the service.
    :param component: the component's name; workers belong to the scheduler.
    """
    port, found = urlsplit(service.url).port, []
    for pid in airflow.pids(component):
        try:
            connections = psutil.Process(pid).net_connections()
        except psutil.Error:
            continue
        if any(one.raddr and one.raddr.port == port for one in connections):
            found.append(pid)
    return found
