"""`python -m tests.support.fuzz READER RUNS FOLDER`: bytes that find ever new ways through a reader's code (atheris).

What must hold of each reader is what `tests/property/test_entrada_hostil.py` says; here the bytes are chosen by the code that they
reach. `FOLDER` gets the beginnings and what was found. Ends with another status than 0 at the first input that a reader does not
hold, and prints it in hex.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["credencial", "kernel.images", "schemas.paquete", "services.descifrado"]):
    from tests.property import test_entrada_hostil as lectores


@dataclass(frozen=True)
class Lector:
    """What is fed, and valid inputs to begin with."""

    prueba: Callable[[bytes], None]
    semillas: tuple[bytes, ...]


def _de_texto(prueba: Callable[[str], None]) -> Callable[[bytes], None]:
    return lambda contenido: prueba(contenido.decode("utf-8", "replace"))


def _sin_hypothesis(prueba: Any) -> Any:
    return prueba.hypothesis.inner_test


def _roto(contenido: bytes) -> None:
    """A reader with a fault behind conditions: chance alone would hardly find it."""
    if len(contenido) > 3 and contenido[0] == 73 and contenido[1] == 78 and contenido[2] == 69:
        raise KeyError("planted")


LECTORES: Mapping[str, Lector] = {
    "mostrar": Lector(_sin_hypothesis(lectores.test_una_imagen_se_muestra_o_se_rechaza), lectores.SEMILLAS),
    "dimensiones": Lector(_sin_hypothesis(lectores.test_las_dimensiones_se_acotan_o_se_rechazan), lectores.SEMILLAS),
    "paquete": Lector(_sin_hypothesis(lectores.test_un_paquete_se_lee_o_se_rechaza), (lectores.PAQUETE,)),
    "cuerpo": Lector(_sin_hypothesis(lectores.test_un_cuerpo_se_lee_o_se_rechaza), (lectores.CUERPO,)),
    "formulario": Lector(_sin_hypothesis(lectores.test_un_formulario_se_lee_o_se_rechaza), (lectores.FORMULARIO,)),
    "codigos": Lector(
        _de_texto(_sin_hypothesis(lectores.test_los_codigos_de_la_credencial_se_leen_o_se_rechazan)), lectores.CODIGOS
    ),
    "roto": Lector(atheris.instrument_func(_roto), (b"....",)),
}


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    nombre, veces, carpeta = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    lector = LECTORES[nombre]
    for n, semilla in enumerate(lector.semillas):
        (carpeta / f"semilla-{n}").write_bytes(semilla)

    def uno(contenido: bytes) -> None:
        try:
            lector.prueba(contenido)
        except BaseException:
            print(f"{nombre}: {contenido.hex()}", flush=True)
            raise

    largo = max(1024, *(2 * len(semilla) for semilla in lector.semillas))
    opciones = [f"-runs={veces}", "-seed=1", f"-max_len={largo}", "-timeout=20", f"-artifact_prefix={carpeta}/"]
    atheris.Setup([sys.argv[0], str(carpeta), *opciones], uno)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
