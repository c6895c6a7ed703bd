"""A worker that runs one try of a batch, to be killed: sources, destination, folder of records, width."""

from __future__ import annotations

import sys

from tests.batch.support import batch
from tests.running import run

if __name__ == "__main__":
    sources, destination, records, in_flight = sys.argv[1:]
    run(batch(sources, destination, durable_path=records, max_in_flight=in_flight))
