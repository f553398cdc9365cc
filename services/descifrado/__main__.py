"""`python -m services.descifrado`: runs the service as a process, configured by its environment."""

from kernel import logging
from kernel.service import run
from services.descifrado.bootstrap import build
from services.descifrado.settings import Settings


def main() -> None:
    """Run until SIGTERM."""
    settings = Settings()
    logging.configure("descifrado", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
