"""`python -m services.ingesta`: runs the service as a process, configured by its environment."""

import asyncio

from kernel import logging
from services.ingesta.bootstrap import build
from services.ingesta.settings import IngestaSettings


def main() -> None:
    """Run until SIGTERM."""
    settings = IngestaSettings()
    logging.configure("ingesta", settings.log_level)
    asyncio.run(build(settings).run())


if __name__ == "__main__":
    main()
