"""`python -m services.compulsa`: runs the service. `load-padron` and `discard-padron` load a cut of the roll, or give one up."""

import argparse
import asyncio
import sys
from pathlib import Path

from kernel import logging
from kernel.errors import Unavailable
from kernel.service import run
from services.compulsa.bootstrap import build, cargar_padron, descartar_padron
from services.compulsa.padron import Avance, CargaRechazada
from services.compulsa.settings import CompulsaSettings


def main() -> int:
    """Run until SIGTERM, or until the roll's command is done. Exit status 1: refused or not finished."""
    arguments = _parser().parse_args()
    settings = CompulsaSettings()
    logging.configure("compulsa", settings.log_level)
    if arguments.command is None:
        run(build(settings))
        return 0
    try:
        if arguments.command == "load-padron":
            _load(settings, arguments.file, arguments.corte)
        else:
            asyncio.run(descartar_padron(settings, arguments.corte))
    except CargaRechazada as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except Unavailable as error:
        sys.stderr.write(f"\nLa base de documentos no responde ({error}). Repita la orden: sigue donde quedó.\n")
        return 1
    return 0


def _load(settings: CompulsaSettings, archivo: Path, corte: str) -> None:
    carga = asyncio.run(cargar_padron(settings, archivo, corte, _show))
    sys.stderr.write("\n")
    for rechazo in carga.rechazos:
        sys.stderr.write(f"línea {rechazo.linea}: {rechazo.motivo}\n")
    sys.stdout.write(
        f"Corte {carga.corte} completo: {carga.cargados} registros, {carga.rechazados} rechazados, SHA-256 {carga.sha256}\n"
    )


def _show(avance: Avance) -> None:
    done = 100 * avance.bytes_leidos // max(1, avance.bytes_total)
    sys.stderr.write(f"\r{done:3d} %  {avance.cargados} registros, {avance.rechazados} rechazados")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.compulsa", description="Without a command: the service.")
    commands = parser.add_subparsers(dest="command")
    load = commands.add_parser("load-padron", help="load a cut of the roll; may be interrupted and repeated")
    load.add_argument("file", type=Path)
    discard = commands.add_parser("discard-padron", help="discard an interrupted load, to load another file")
    for command in (load, discard):
        command.add_argument("--corte", required=True, metavar="AAAA-MM-DD")
    return parser


if __name__ == "__main__":
    sys.exit(main())
