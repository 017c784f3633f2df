"""`python -m tests.fuzz`: thousands of requests made of the description, every check on."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.run import fuzz
from tests.fuzz.server import fuzzed_server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--examples", type=int, default=300, help="generated requests for each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--away", choices=["postgres", "redis"], help="a store that is killed before")
    parser.add_argument("--only", help="paths, as a regular expression: '^/v1/(leads|loops)'")
    options = parser.parse_args()
    with fuzzed_server() as server:
        found = fuzz(
            server, examples=options.examples, seed=options.seed, away=options.away, only=options.only
        )
    print(found.text)
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
