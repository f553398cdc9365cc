"""`python -m services.descifrado`: runs the service as a process, configured by its environment."""

from kernel import logging
from kernel.service import run
from kernel.settings import ServiceSettings
from services.descifrado.bootstrap import build


def main() -> None:
    """Run until SIGTERM."""
    settings = ServiceSettings()
    logging.configure("descifrado", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
