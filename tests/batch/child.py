"""A worker that runs one try of a batch, to be killed: its arguments are sources, destination and journal."""

from __future__ import annotations

import sys

from tests.batch.support import batch
from tests.running import run

if __name__ == "__main__":
    sources, destination, journal, in_flight = sys.argv[1:]
    run(batch(sources, destination, durable_path=journal, max_in_flight=in_flight))
