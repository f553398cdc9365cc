"""`python -m services.descifrado`: runs the service as a process, configured by its environment."""

import asyncio

from kernel import logging
from kernel.settings import ServiceSettings
from services.descifrado.bootstrap import build


def main() -> None:
    """Run until SIGTERM."""
    settings = ServiceSettings()
    logging.configure("descifrado", settings.log_level)
    asyncio.run(build(settings).run())


if __name__ == "__main__":
    main()
