"""Auxiliares in tests: a process with solicitudes, synthetic persons, and a roll that answers the portal's lookups."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from credencial.claves import componer_clave
from kernel.documents import MemoryDocuments
from kernel.outbox import UNIQUE, Outbox
from kernel.sealing import KeyRing, seal, unseal
from schemas.actores import DatosConsulta, RespuestaConsulta, contexto_de_consulta, contexto_de_respuesta
from schemas.autorizacion import Rol
from schemas.eventos import (
    ConsultaRespondida,
    ConsultaSolicitada,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    SituacionRegistral,
    SolicitudRegistrada,
)
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas
from services.portal.domain.auxiliares import CAMPOS
from services.portal.domain.lotes import COLUMNAS
from tests.support.ejemplos import ejemplo
from tests.support.portal import EPOCA, LLAVES, PortalDePrueba

SOLICITUD, OTRA, CIUDADANA = "CI26-0001", "CI26-0002", "RM26-0001"
"""Two of a candidatura independiente, and one of participación ciudadana."""
NACIMIENTO = date(1990, 3, 21)


def persona(n: int, **cambios: str) -> dict[str, str]:
    """Somebody else for each number, as typed."""
    return {
        "nombre": "Xóchitl",
        "paterno": "Ibarra",
        "materno": "Núñez",
        "nacimiento": "21/03/1990",
        "telefono": "6181234567",
        "clave_elector": componer_clave("IBNXXC", NACIMIENTO, f"{n // 1000 % 32 + 1:02d}", "M", f"{n % 1000:03d}"),
        "curp": "",
        "correo": f"persona{n}@example.com",
        "emisor": "google",
        "referencia": "",
    } | cambios


def archivo(personas: Sequence[Mapping[str, str]]) -> bytes:
    """The CSV that registers them."""
    salida = io.StringIO()
    escribir = csv.writer(salida)
    escribir.writerow(COLUMNAS)
    escribir.writerows([p[campo.id] for campo in CAMPOS] for p in personas)
    return salida.getvalue().encode()


async def con_procesos(p: PortalDePrueba, *, activo: bool = True) -> None:
    """A process of each kind with its solicitudes, and accounts of every role that has to do with them."""
    for proceso, perfil, solicitudes in (("CI26", PERFIL_P, (SOLICITUD, OTRA)), ("RM26", PERFIL_D, (CIUDADANA,))):
        await p.publica(
            PerfilRegistrado(version=1, perfil=perfil),
            _proceso(proceso, perfil, activo=activo),
            *(
                ejemplo(SolicitudRegistrada, version=1, proceso=proceso, solicitud=s, denominacion=f"Aspirante {s}")
                for s in solicitudes
            ),
        )
    p.puerta.cuenta("promovente1", Rol.PROMOVENTE, entidad="10", solicitud=SOLICITUD)
    p.puerta.cuenta("promovente2", Rol.PROMOVENTE, entidad="10", solicitud=CIUDADANA)
    p.puerta.cuenta("opl1", Rol.OPL_ADMIN, entidad="10")
    p.puerta.cuenta("ine1", Rol.INE_ADMIN)
    p.puerta.cuenta("auditor1", Rol.AUDITOR)
    p.puerta.cuenta("soporte1", Rol.SOPORTE)


async def con_reglas(p: PortalDePrueba, proceso: str, version: int, **cambios: object) -> None:
    """A new version of a process's rules."""
    antes = p.vista.actores.perfil_de(proceso)
    perfil = antes.model_copy(update={**cambios, "version": version})
    await p.publica(PerfilRegistrado(version=version, perfil=perfil), _proceso(proceso, perfil, version=version))


def _proceso(proceso: str, perfil: PerfilReglas, *, version: int = 1, activo: bool = True) -> ProcesoRegistrado:
    return ejemplo(
        ProcesoRegistrado,
        version=version,
        proceso=proceso,
        entidad="10",
        inicio=EPOCA - timedelta(days=5),
        fin=EPOCA + timedelta(days=5),
        activo=activo,
        perfil=ReferenciaPerfil(id=perfil.id, version=perfil.version),
    )


@dataclass
class Padron:
    """Answers lookups as compulsa does; who is not in `personas` (by clave) is in the lista nominal."""

    portal: PortalDePrueba
    personas: dict[str, SituacionRegistral] = field(default_factory=dict)
    salida: MemoryDocuments = field(default_factory=lambda: MemoryDocuments(UNIQUE))

    async def responder(self) -> int:
        """Answer everything that was asked; how many lookups."""
        p = self.portal
        llavero = KeyRing(p.llaves, "compulsa", LLAVES["compulsa"], {n: k.public() for n, k in LLAVES.items()})
        outbox = Outbox(self.salida, p.stream, p.reloj, "/apoyo/compulsa")
        consultas = [c for c in await p.dichos("consulta_padron") if isinstance(c, ConsultaSolicitada)]
        for consulta in consultas:
            llave = await llavero.open(consulta.llave)
            datos = unseal(llave, base64.b64decode(consulta.datos_sellados), contexto_de_consulta(consulta.consulta))
            clave = DatosConsulta.model_validate_json(datos).clave_elector
            situacion = self.personas.get(clave, SituacionRegistral.EN_LISTA_NOMINAL)
            await outbox.emit(self.respuesta(consulta, llave, situacion), cause=consulta.consulta)
        return len(consultas)

    def respuesta(
        self, consulta: ConsultaSolicitada, llave: bytes, situacion: SituacionRegistral
    ) -> ConsultaRespondida:
        """One answer."""
        baja = "defuncion" if situacion is SituacionRegistral.BAJA else None
        cuerpo = RespuestaConsulta(situacion=situacion, causa_baja=baja, geo=None).model_dump_json().encode()
        sellada = seal(llave, cuerpo, contexto_de_respuesta(consulta.consulta))
        return ConsultaRespondida(
            version=1,
            consulta=consulta.consulta,
            sujeto=consulta.sujeto,
            corte="2026-10-31",
            llave=consulta.llave,
            respuesta_sellada=base64.b64encode(sellada).decode(),
            respondida_en=self.portal.reloj.ahora,
        )
