"""500 seeds, each verified; the same seed is the same schedule; and together they do meet what they are meant to meet."""

import os
import subprocess
import sys
from itertools import islice

import pytest

from schemas.ciclo_de_vida import Estado
from tests.simulation.correr import Corrida, correr, correr_muchas
from tests.simulation.mundo import FIN_CADA, RECONSTRUIBLES

POR_GRUPO = 100
SEMILLAS = range(1, 501)
GRUPOS = SEMILLAS[::POR_GRUPO]

ESCRITURAS = (
    "ingesta.outbox.write",
    "ingesta.outbox.unset",
    "paquetes.put",
    "descifrado.outbox.write",
    "descifrado.outbox.unset",
    "expedientes.put",
    "llaves.write",
    "compulsa.llaves_de_proceso.write",
    "compulsa.folios.write",
    "compulsa.personas.write",
    "compulsa.consultas.write",
    "compulsa.outbox.write",
    "compulsa.outbox.unset",
    "cortes.replace",
    "padron.insertar",
    "mesa.registros.write",
    "mesa.historias.write",
    "mesa_control.outbox.write",
    "mesa_control.outbox.unset",
    "notificaciones.envios.put",
    "notificaciones.envios.replace",
    "notificaciones.desenlaces.put",
    "notificaciones.entregas.put",
    "notificaciones.entregas.replace",
    "resultados.registros.write",
    "correo",
    "publica",
    "confirma",
    "llaves.unset",
    "descifrado.llaves_de_proceso.unset",
    "compulsa.llaves_de_proceso.unset",
    "descifrado.huellas.write",
    "descifrado.huellas.remove",
    "expedientes.delete",
    "paquetes.delete",
)
"""Every kind of write of the six services that it plays."""


class Corridas:
    """The seeds, played in order as far as somebody asks."""

    def __init__(self) -> None:
        self._por_jugar = correr_muchas(SEMILLAS)
        self._jugadas: list[Corrida] = []

    def grupo(self, desde: int) -> list[Corrida]:
        """`POR_GRUPO` of them."""
        hasta = SEMILLAS.index(desde) + POR_GRUPO
        self._jugadas += islice(self._por_jugar, max(0, hasta - len(self._jugadas)))
        return self._jugadas[hasta - POR_GRUPO : hasta]


@pytest.fixture(scope="module")
def corridas() -> Corridas:
    return Corridas()


@pytest.mark.parametrize("desde", GRUPOS)
def test_nada_acusado_se_pierde_ni_cuenta_dos_veces(corridas: Corridas, desde: int) -> None:
    failed = [corrida for corrida in corridas.grupo(desde) if corrida.problemas]
    assert not failed, "\n\n".join(map(str, failed[:3]))


def test_las_semillas_mueren_antes_y_despues_de_cada_escritura_y_llegan_a_cada_estado(corridas: Corridas) -> None:
    seen = {what for desde in GRUPOS for corrida in corridas.grupo(desde) for what in corrida.vistos}
    deaths = {f"muere {when} {write}" for write in ESCRITURAS for when in ("antes de", "después de")}
    wanted = deaths | {f"estado {e}" for e in Estado} | {"folio en conflicto", "decisión reemplazada", "muere sale"}
    wanted |= {"abierto al reintentarlo", "otra vez en cuarentena"}
    wanted |= {"corregido", "corregido otra vez", "se va sin respuesta"}
    wanted |= {"respondida al llegar un corte", "cambio de correo"}
    wanted |= {"confirmación inmediata", "confirmación tras_cedula_firmada"}
    wanted |= {"se ordena destruir lo que nadie ha abierto", "se destruye otra vez", "restaura a media destrucción"}
    wanted |= {f"reconstruye {servicio}" for servicio in RECONSTRUIBLES} | {"muere se detiene"}
    finals = {"estado en_mesa_de_control", "estado para_envio_a_compulsa"}
    assert wanted - finals <= seen, sorted(wanted - finals - seen)
    assert not finals & seen


def test_la_misma_semilla_es_la_misma_corrida_en_otro_proceso_y_con_otros_hashes() -> None:
    seeds = (1, 2, 3, 4, FIN_CADA, 2 * FIN_CADA)
    code = f"from tests.simulation.correr import correr\nfor n in {seeds}: print(correr(n).huella)"
    env = {**os.environ, "PYTHONHASHSEED": "17"}
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert other.stdout.split() == [correr(n).huella for n in seeds] == [correr(n).huella for n in seeds]


def test_otra_semilla_es_otra_corrida() -> None:
    assert correr(3).huella != correr(4).huella
