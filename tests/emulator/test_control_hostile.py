"""Hostile requests to control endpoints: they are refused and change nothing."""

from __future__ import annotations

import json

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.hostile import (
    Build,
    check,
    check_honest,
    parametrized,
)
from tests.emulator.wire import exchange, request


def control(name: str, body: bytes, content_type: str = "application/json") -> Build:
    return lambda _: request("POST", f"/_emulator/{name}", body, content_type=content_type)


CONTROLS: dict[str, Build] = {
    "nested 200,000 deep": control("options", b"[" * 200_000),
    "an option nested 900 deep": control("options", b'{"client_id": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "half a character": control("options", b'{"client_id": "\\ud800"}'),
    "half a character in a name": control("options", b'{"\\ud800": 1}'),
    "no UTF-8": control("options", b'{"client_id": "\xff"}'),
    "not JSON": control("options", b"{"),
    "a list": control("options", b"[]"),
    "no body": control("options", b""),
    "faults without a body": control("faults", b""),
    "faults that are a number": control("faults", b"[5]"),
    "2,000 faults": control("faults", json.dumps([{"kind": "slow", "times": None}] * 2_000).encode()),
    "a reset with a body that is no JSON": control("reset", b"{"),
    **{
        f"the option {text}": control("options", text.encode())
        for text in (
            '{"token_lifetime": "x"}',
            '{"token_lifetime": 1e400}',
            '{"token_lifetime": -1}',
            '{"lockout_failures": 1.5}',
            '{"retention_seconds": NaN}',
            '{"retention_seconds": -1}',
            '{"result_bytes": 999999999999999999999999999}',
            '{"client_id": 5}',
            '{"client_secret": null}',
            '{"service_seconds": {"median": 0}}',
            '{"service_seconds": {"median": 1, "sigma": 1e308}}',
            '{"service_seconds": {"median": 1, "seed": []}}',
            '{"service_seconds": {"mean": 1}}',
            '{"service_seconds": [1, "2"]}',
            '{"service_seconds": [[1]]}',
            '{"service_seconds": 1e300}',
            '{"service_seconds": null}',
            '{"block_get_seconds": "x"}',
            '{"scripted_text": 5}',
            '{"max_body_bytes": "x"}',
            '{"warnings": 5}',
            '{"warnings": "x"}',
            '{"messages": [5]}',
            '{"transcript_limit": 1e12}',
            '{"gzip": "yes"}',
            '{"id_style": ["guid"]}',
            '{"delete_status": true}',
            '{"unknown_status": 5}',
            '{"completed_after_reads": "x"}',
        )
    },
    **{
        f"the fault {text}": control("faults", text.encode())
        for text in (
            '{"kind": ["status"]}',
            '{"kind": "status", "on": 5}',
            '{"kind": "status", "on": [["poll"]]}',
            '{"kind": "status", "status": 99999}',
            '{"kind": "status", "status": 100}',
            '{"kind": "status", "status": "x"}',
            '{"kind": "slow", "seconds": "x"}',
            '{"kind": "slow", "seconds": -1}',
            '{"kind": "slow", "seconds": 1e300}',
            '{"kind": "status", "after": "x"}',
            '{"kind": "status", "times": 1.5}',
            '{"kind": "status", "probability": 2}',
            '{"kind": "status", "headers": 5}',
            '{"kind": "status", "headers": {"a\\nb": "c"}}',
            '{"kind": "status", "headers": {"a": "b\\r\\nc: d"}}',
            '{"kind": "status", "headers": {"a": "\\u20ac"}}',
            '{"kind": "status", "headers": {"a": 5}}',
            '{"kind": "status", "headers": {"Content-Length": "5"}}',
            '{"kind": "status", "headers": {"transfer-encoding": "chunked"}}',
            '{"kind": "status", "body": 5}',
            '{"kind": "redirect", "location": "\\n"}',
            '{"kind": "status", "early": "x"}',
            '{"kind": "finish_with_error", "messages": 5}',
        )
    },
}


@parametrized(CONTROLS)
def test_control_bodies_that_are_refused(emulator: Emulator, token: str, case: Build) -> None:
    before = repr(emulator.options)
    check(exchange(emulator, case(token)), 400)
    assert repr(emulator.options) == before
    check_honest(emulator, token)
