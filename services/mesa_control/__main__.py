"""`python -m services.mesa_control`: one process of the service."""

import asyncio

from kernel import logging
from services.mesa_control.bootstrap import build
from services.mesa_control.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("mesa_control", settings.log_level)
    asyncio.run(build(settings).run())


if __name__ == "__main__":
    main()
