"""`python -m services.resultados`: one process of the service."""

from kernel import logging
from kernel.service import run
from services.resultados.bootstrap import build
from services.resultados.settings import Settings


def main() -> None:
    """Read the environment, build, run."""
    settings = Settings()
    logging.configure("resultados", settings.log_level)
    run(build(settings))


if __name__ == "__main__":
    main()
