"""`python -m services.notificaciones`: one process of the service."""

import asyncio

from kernel import logging
from services.notificaciones.bootstrap import build
from services.notificaciones.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("notificaciones", settings.log_level)
    asyncio.run(build(settings).run())


if __name__ == "__main__":
    main()
