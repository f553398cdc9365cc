"""Contact sheets, for a person to look at what is drawn: `python -m dispositivo.poblacion.dibujo.hoja SHEET.png`."""

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from dispositivo.poblacion.dibujo import Imagenes, dibujar
from dispositivo.poblacion.dibujo.lienzo import Imagen, reducir
from dispositivo.poblacion.plan import Captura, Defecto, Solicitud, equipos_sinteticos, planear

_CARD, _PHOTO, _SIGNATURE = (480, 304), (228, 304), (360, 135)


def hoja(capturas: Iterable[Captura]) -> Imagen:
    """One row per capture: front, back, photo and signature, with its number and defect."""
    return np.vstack([_fila(c, dibujar(c)) for c in capturas])


def una_de_cada_defecto(semilla: int, cuantas: int = 3000) -> list[Captura]:
    """The first capture of each defect in a plan, in the order of `Defecto`."""
    solicitudes = [Solicitud("DEMO-0001", None, "Ejemplo nacional"), Solicitud("DEMO-0002", "09", "Ejemplo local")]
    inicio, fin = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)
    plan = planear(semilla, cuantas, solicitudes, equipos_sinteticos(semilla, solicitudes), inicio, fin)
    first: dict[Defecto, Captura] = {}
    for c in plan.capturas:
        first.setdefault(c.defecto, c)
    return [first[d] for d in Defecto if d in first]


def _fila(c: Captura, images: Imagenes) -> Imagen:
    cells = [
        _celda(data, size)
        for data, size in (
            (images.anverso, _CARD),
            (images.reverso, _CARD),
            (images.foto, _PHOTO),
            (images.firma, _SIGNATURE),
        )
    ]
    row = np.asarray(np.hstack(cells), dtype=np.uint8)
    cv2.putText(row, f"{c.numero} {c.modelo} {c.defecto}", (1200, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 200), 1)
    return row


def _celda(data: bytes, size: tuple[int, int]) -> Imagen:
    """One image at its size, on grey; grey alone when it is not an image."""
    cell = np.full((_CARD[1] + 8, size[0] + 8, 3), 120, np.uint8)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is not None:
        top = (cell.shape[0] - size[1]) // 2
        cell[top : top + size[1], 4 : 4 + size[0]] = reducir(np.asarray(picture, dtype=np.uint8), *size)
    return cell


def main() -> None:
    """Write a contact sheet with one capture of each defect."""
    parser = argparse.ArgumentParser(description="Hoja de contacto: una captura de cada defecto")
    parser.add_argument("salida", type=Path)
    parser.add_argument("--semilla", type=int, default=1)
    args = parser.parse_args()
    cv2.imwrite(str(args.salida), hoja(una_de_cada_defecto(args.semilla)))


if __name__ == "__main__":
    main()
