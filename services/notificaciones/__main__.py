"""`python -m services.notificaciones`: one process of the service."""

from kernel import logging
from kernel.service import run
from services.notificaciones.bootstrap import build
from services.notificaciones.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("notificaciones", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
