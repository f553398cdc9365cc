"""`python -m services.resultados`: one process of the service."""

import asyncio

from kernel import logging
from services.resultados.bootstrap import build
from services.resultados.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("resultados", settings.log_level)
    asyncio.run(build(settings).run())


if __name__ == "__main__":
    main()
