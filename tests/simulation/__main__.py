"""`python -m tests.simulation --semillas N [--desde K]`: play seeds K, K+1, …; exit status 1 if any finds something."""

import argparse
import sys
import time

from tests.simulation.correr import correr, correr_muchas


def main() -> int:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--semillas", type=int, default=100, help="how many")
    parser.add_argument("--desde", type=int, default=1, help="the first")
    arguments = parser.parse_args()
    seeds = range(arguments.desde, arguments.desde + arguments.semillas)
    started = time.perf_counter()
    failed = 0
    for corrida in map(correr, seeds) if len(seeds) == 1 else correr_muchas(seeds):
        if corrida.problemas or len(seeds) == 1:
            print(corrida, flush=True)
        failed += bool(corrida.problemas)
    print(f"{len(seeds)} semillas, {failed} con problemas, {time.perf_counter() - started:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
