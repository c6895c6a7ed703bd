"""Many files through the batch operator, or through a bare loop, as a measured process."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from benchmarks.bare import sign_in
from tests.running import context


def main(spec: dict[str, Any]) -> None:
    """Bring all files to their ends, and print how long that took.

    :param spec: ``client`` (``operator`` or ``bare``), ``connection``, ``sources``, ``destination``,
        ``in_flight`` and ``poll_interval`` (None for learned moments).
    """
    Path(spec["destination"]).mkdir(parents=True, exist_ok=True)
    began, cpu = time.perf_counter(), time.process_time()
    summary = _operator(spec) if spec["client"] == "operator" else _bare(spec)
    taken = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps({**taken, "summary": summary}), flush=True)


def _operator(spec: dict[str, Any]) -> dict[str, Any]:
    operator = AsposeOcrBatchOperator(
        task_id="batch",
        sources=f"{spec['sources']}/",
        destination=f"{spec['destination']}/",
        max_in_flight=spec["in_flight"],
        poll_interval=spec["poll_interval"],
    )
    return dict(operator.execute(context()))


def _bare(spec: dict[str, Any]) -> dict[str, Any]:
    asyncio.run(_loop(spec, sorted(Path(spec["sources"]).iterdir())))
    return {}


async def _loop(spec: dict[str, Any], paths: Sequence[Path]) -> None:
    account, interval, sources = spec["connection"], spec["poll_interval"], iter(paths)
    url = f"{account['host']}/v5.0/ocr/RecognizeImage"
    async with aiohttp.ClientSession() as session:
        headers = await sign_in(session, account)

        async def one(source: Path) -> None:
            # Read and written on the loop: the files are small, and a thread would cost more.
            image = base64.b64encode(source.read_bytes()).decode("ascii")  # noqa: ASYNC240
            body = {"image": image, "settings": {}}
            async with session.post(url, json=body, headers=headers) as answer:
                answer.raise_for_status()
                ocr_task_id = (await answer.text()).strip().strip('"')
            status = ""
            while status != "Completed":
                await asyncio.sleep(interval)
                async with session.get(url, params={"id": ocr_task_id}, headers=headers) as answer:
                    reply = await answer.json()
                status = reply["taskStatus"]
            text = base64.b64decode(reply["results"][0]["data"])
            (Path(spec["destination"]) / f"{source.stem}.txt").write_bytes(text)

        async def work() -> None:
            for source in sources:
                await one(source)

        await asyncio.gather(*(work() for _ in range(spec["in_flight"])))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
