"""OCR tasks that are waited for in the trigger, all on one event loop, as a measured process."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.running import new_trigger, rebuilt

OPERATION = "RecognizeImage"
_PNG = b"\x89PNG\r\n\x1a\n"
_INLINE = 32 * 1024
_PATIENCE = 3600.0


def main(spec: dict[str, Any]) -> None:
    """Run all OCR tasks and print when each was known to be completed.

    :param spec: ``ocr_tasks`` (how many), ``rate`` (a second), ``sizes`` (bytes of sources, one of them is
        drawn for each), ``seed``, ``deferred`` (by an operator, or else started in the triggerer) and
        ``poll_interval``.
    """
    began = time.process_time()
    known = asyncio.run(_all(spec))
    print(json.dumps({"known": known, "cpu_seconds": time.process_time() - began}), flush=True)


async def _all(spec: dict[str, Any]) -> dict[str, float]:
    chance = random.Random(spec["seed"])
    hook = AsposeOcrHook()
    waiting = []
    async with hook.async_session():
        for _ in range(spec["ocr_tasks"]):
            await asyncio.sleep(chance.expovariate(spec["rate"]))
            waiting.append(asyncio.create_task(_one(hook, chance.choice(spec["sizes"]), spec)))
        return dict(await asyncio.gather(*waiting))


async def _one(hook: AsposeOcrHook, size: int, spec: dict[str, Any]) -> tuple[str, float]:
    submitted_at = time.time()
    ocr_task_id = await hook.asubmit(OPERATION, _PNG + bytes(size - len(_PNG)))
    of_operator: dict[str, Any] = {
        "deadline": submitted_at + _PATIENCE,
        "source_bytes": size,
        "submitted_at": submitted_at,
        "api_calls": 1,
    }
    trigger = new_trigger(
        ocr_task_id,
        operation=OPERATION,
        poll_interval=spec["poll_interval"],
        max_inline_bytes=_INLINE,
        **(of_operator if spec["deferred"] else {"deadline": None, "timeout": _PATIENCE}),
    )
    async for event in rebuilt(trigger).run():
        known_at = time.time()
        if event.payload["status"] != "Completed":
            raise RuntimeError(f"an OCR task ended otherwise: {event.payload['status']}")
        return ocr_task_id, known_at
    raise RuntimeError("a trigger ended without an event")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
