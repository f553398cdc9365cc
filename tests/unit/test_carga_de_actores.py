"""`apoyo load-actores`, killed at each of its writes and repeated: every actor once, and everybody's data can be opened."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from apoyo.actores import Archivo, cargar
from kernel.clock import SystemClock
from kernel.documents import Documents, MemoryDocuments
from kernel.hpke import X25519, Private
from kernel.sealing import KeyRing, unseal
from kernel.stream import TopicSpec, connect
from schemas.actores import CON_DERECHO_A_AUXILIAR, DatosAuxiliar, contexto_de_auxiliar
from schemas.envelope import Evento, leer
from schemas.eventos import POR_TIPO, AuxiliarRegistrado, LlaveProceso, ProcesoRegistrado
from schemas.perfil import PERFIL_P
from tests.support.ejemplos import ejemplo
from tests.support.muerte import BitacoraDe, DocumentosDe, Muerte, Vida

PRIVADAS = {name: Private.generate(X25519) for name in {"portal", *CON_DERECHO_A_AUXILIAR}}
LLAVES: list[LlaveProceso] = ejemplo(ProcesoRegistrado).llaves


def _auxiliar(n: int, **mas: Any) -> dict[str, Any]:
    publica = base64.b64encode(bytes([n])).decode()
    dispositivos = [{"dispositivo": f"{n:012x}", "publica": publica}]
    return {
        "auxiliar": f"A{n:04d}",
        "nombre": f"Persona {n}",
        "correo": f"p{n}@ejemplo.mx",
        "dispositivos": dispositivos,
        **mas,
    }


ARCHIVO = Archivo.model_validate(
    {
        "proceso": "CI26",
        "tipo": ejemplo(ProcesoRegistrado).tipo,
        "denominacion": "Proceso",
        "entidad": None,
        "inicio": datetime(2026, 11, 1, tzinfo=UTC),
        "fin": datetime(2026, 12, 1, tzinfo=UTC),
        "perfil": PERFIL_P,
        "solicitudes": [
            {
                "solicitud": "CI26-0001",
                "denominacion": "Rumbo Nuevo",
                "entidad": None,
                "auxiliares": [
                    _auxiliar(1),
                    _auxiliar(2, baja={"desde": datetime(2026, 11, 9, tzinfo=UTC), "por": "ine", "motivo": "Lo pidió"}),
                ],
            }
        ],
    }
)


CORREOS = ["p1@ejemplo.mx", "p2@ejemplo.mx"]


class Instalado:
    """A log and keys that outlive the command."""

    def __init__(self) -> None:
        self.stream = connect("memory:", "prueba")
        self.llaves = MemoryDocuments()

    async def cargar(self, vida: Vida, archivo: Archivo = ARCHIVO) -> int:
        """The command, in one process."""
        await self.stream.start()
        await self.stream.create_topics([TopicSpec("actores", 1)])
        stream: Any = BitacoraDe(vida, self.stream)
        return await cargar(
            archivo, LLAVES, stream, self.llavero("portal", DocumentosDe(vida, self.llaves)), SystemClock()
        )

    def llavero(self, servicio: str, documentos: Documents) -> KeyRing:
        return KeyRing(documentos, servicio, PRIVADAS[servicio], {name: key.public() for name, key in PRIVADAS.items()})

    async def eventos(self) -> list[Evento]:
        return [leer(POR_TIPO, r.headers, r.value).evento async for r in self.stream.read("actores")]

    async def dichos(self) -> list[tuple[str, str, int]]:
        return [(e.nombre, e.asunto, e.version) for e in await self.eventos()]

    async def correos(self) -> list[str]:
        """What a service that writes to the auxiliares opens."""
        llavero = self.llavero("notificaciones", self.llaves)
        correos = []
        for e in await self.eventos():
            if isinstance(e, AuxiliarRegistrado):
                sellados = base64.b64decode(e.datos_sellados)
                llave = await llavero.open(e.llave)
                datos = unseal(llave, sellados, contexto_de_auxiliar(e.solicitud, e.auxiliar))
                correos.append(DatosAuxiliar.model_validate_json(datos).correo)
        return correos


async def test_una_muerte_en_cualquier_escritura_y_repetir_deja_a_cada_actor_una_vez() -> None:
    sano, vida = Instalado(), Vida()
    assert await sano.cargar(vida) == len(await sano.dichos())
    assert {version for _, _, version in await sano.dichos()} == {1}
    assert vida.escrituras == len(await sano.dichos()) + len(CORREOS)  # a key for each auxiliar
    for numero in range(1, vida.escrituras + 1):
        caido = Instalado()
        with pytest.raises(Muerte):
            await caido.cargar(Vida(muere_en=numero))
        dichos = len(await caido.dichos())
        assert await caido.cargar(Vida()) == len(await sano.dichos()) - dichos
        assert await caido.dichos() == await sano.dichos(), numero
        assert await caido.correos() == CORREOS
        assert await caido.cargar(Vida()) == 0


async def test_quien_cambia_de_correo_tiene_otra_version_y_los_demas_ninguna() -> None:
    instalado = Instalado()
    await instalado.cargar(Vida())
    antes = await instalado.dichos()
    (solicitud,) = ARCHIVO.solicitudes
    uno, otro = solicitud.auxiliares
    cambiada = solicitud.model_copy(update={"auxiliares": [uno.model_copy(update={"correo": "otro@ejemplo.mx"}), otro]})
    archivo = ARCHIVO.model_copy(update={"solicitudes": [cambiada]})
    assert await instalado.cargar(Vida(), archivo) == 1
    assert (await instalado.dichos())[len(antes) :] == [("auxiliar_registrado", "auxiliar/CI26-0001/A0001", 2)]
    assert await instalado.correos() == [*CORREOS, "otro@ejemplo.mx"]
    assert await instalado.cargar(Vida(), archivo) == 0
