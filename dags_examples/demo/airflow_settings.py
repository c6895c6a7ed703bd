"""Settings of a private Airflow that starts fast, reacts fast and keeps to the loopback interface."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

Settings = dict[str, dict[str, str]]


def airflow_settings(version: str, *, home: Path, dags_folder: Path, url: str) -> Settings:
    """Return Airflow's configuration by section and option, with newly generated secrets.

    :param version: version of Airflow
    :param home: its ``AIRFLOW_HOME``
    :param dags_folder: folder of the DAG files
    :param url: address of its API
    """
    special = _airflow_3(url) if int(version.split(".")[0]) >= 3 else _airflow_2()
    common = _common(home, dags_folder)
    return {name: common.get(name, {}) | special.get(name, {}) for name in common | special}


def _common(home: Path, dags_folder: Path) -> Settings:
    return {
        "core": {
            "dags_folder": str(dags_folder),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "parallelism": "4",
            "unit_test_mode": "False",
            # Airflow's default of five minutes is too long for a demo.
            "default_task_retry_delay": "5",
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}",
            "load_default_connections": "False",
        },
        "logging": {"base_log_folder": str(home / "logs"), "logging_level": "INFO"},
        "usage_data_collection": {"enabled": "False"},
        "scheduler": {
            "scheduler_idle_sleep_time": "0.1",
            "scheduler_heartbeat_sec": "1",
            "job_heartbeat_sec": "2",
            "use_job_schedule": "False",
        },
        "triggerer": {"job_heartbeat_sec": "1"},
    }


def _airflow_3(url: str) -> Settings:
    return {
        "core": {
            "executor": "LocalExecutor",
            "execution_api_server_url": f"{url}/execution/",
            "simple_auth_manager_all_admins": "True",
        },
        "api": {"base_url": f"{url}/", "secret_key": secrets.token_urlsafe(32), "workers": "1"},
        "api_auth": {
            "jwt_secret": secrets.token_urlsafe(64),
            # Otherwise Airflow 3.0 omits the issuer, which newer releases of PyJWT refuse.
            "jwt_issuer": "local-airflow",
        },
        # Maximum seconds until a worker notices the end of a task's process. A trigger that fires sooner
        # after the deferral resumes a task that the executor then considers lost: a failed try.
        "workers": {"min_heartbeat_interval": "1"},
        "dag_processor": {
            "min_file_process_interval": "5",
            "refresh_interval": "5",
            "parsing_processes": "1",
            "print_stats_interval": "0",
        },
    }


def _airflow_2() -> Settings:
    return {
        # With SQLite, Airflow 2 allows neither the LocalExecutor nor a separate DAG processor.
        "core": {"executor": "SequentialExecutor"},
        "webserver": {"secret_key": secrets.token_urlsafe(32)},
        "scheduler": {
            "standalone_dag_processor": "False",
            "min_file_process_interval": "5",
            "dag_dir_list_interval": "5",
            "parsing_processes": "1",
        },
        "api": {"auth_backends": "airflow.api.auth.backend.default"},
        "metrics": {"timer_unit_consistency": "True"},
    }
