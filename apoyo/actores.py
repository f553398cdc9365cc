"""Topic `actores` from a file: processes, solicitudes, auxiliares and devices of an installation.

The file is JSON, of the shape of `Archivo`. Loading it again changes nothing; a changed entry becomes the next version.
"""

import base64
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from kernel.clock import Clock
from kernel.dispatch import decode
from kernel.sealing import KeyRing, derive, seal, unseal
from kernel.stream import Message, Stream
from schemas.actores import CON_DERECHO_A_AUXILIAR, DATOS, DatosAuxiliar, contexto_de_auxiliar
from schemas.envelope import Evento, ensobrar
from schemas.eventos import (
    POR_TIPO,
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    DispositivoRegistrado,
    LlaveProceso,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    SolicitudRegistrada,
)
from schemas.perfil import PerfilReglas, TipoProceso


class _Modelo(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Baja(_Modelo):
    """Dismissal of an auxiliar."""

    desde: datetime
    por: str
    motivo: str


class Dispositivo(_Modelo):
    """A device and its public key (DER, base64)."""

    dispositivo: str
    publica: str
    autorizado: bool = True


class Auxiliar(_Modelo):
    """An auxiliar with devices."""

    auxiliar: str
    nombre: str
    correo: str
    dispositivos: list[Dispositivo]
    baja: Baja | None = None


class Solicitud(_Modelo):
    """A solicitud with its auxiliares. Who may support it (P 9.3, 10.9): `entidad` and one of the three other keys, or all."""

    solicitud: str
    denominacion: str
    entidad: str | None
    distrito_federal: str | None = None
    distrito_local: str | None = None
    municipio: str | None = None
    auxiliares: list[Auxiliar]


class Archivo(_Modelo):
    """A process and everybody in it."""

    proceso: str
    tipo: TipoProceso
    denominacion: str
    entidad: str | None
    inicio: datetime
    fin: datetime
    perfil: PerfilReglas
    solicitudes: list[Solicitud]


async def cargar(archivo: Archivo, llaves: list[LlaveProceso], stream: Stream, keyring: KeyRing, clock: Clock) -> int:
    """Publish what the topic does not say yet; the number of events published."""
    en_vigor = await _en_vigor(stream)
    eventos = [evento async for evento in _eventos(archivo, llaves, keyring, en_vigor)]
    return await _publicar(eventos, en_vigor, stream, clock)


async def cargar_dispositivos(archivo: Archivo, stream: Stream, clock: Clock) -> int:
    """Publish the devices alone, of a process that was registered in the portal; the number of events published."""
    dispositivos = [
        evento
        for solicitud in archivo.solicitudes
        for auxiliar in solicitud.auxiliares
        for evento in _de_auxiliar(solicitud.solicitud, auxiliar, archivo.inicio)
        if isinstance(evento, DispositivoRegistrado)
    ]
    return await _publicar(dispositivos, await _en_vigor(stream), stream, clock)


EnVigor = Mapping[tuple[str, str], Evento]
"""What the topic says now, by kind and subject."""


async def _en_vigor(stream: Stream) -> EnVigor:
    eventos = [decode(POR_TIPO, record).evento async for record in stream.read("actores")]
    return {(evento.nombre, evento.asunto): evento for evento in eventos}


async def _publicar(eventos: Iterable[Evento], en_vigor: EnVigor, stream: Stream, clock: Clock) -> int:
    published = 0
    for evento in eventos:
        current = en_vigor.get((evento.nombre, evento.asunto))
        if current is not None:
            if _content(current) == _content(evento):
                continue
            evento = evento.model_copy(update={"version": current.version + 1})
        sobre = ensobrar(evento, fuente="/apoyo/portal", hora=clock.now(), causa=f"archivo|{evento.version}")
        await stream.publish(Message("actores", evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))
        published += 1
    return published


async def _eventos(
    archivo: Archivo, llaves: list[LlaveProceso], keyring: KeyRing, en_vigor: EnVigor
) -> AsyncIterator[Evento]:
    perfil = archivo.perfil
    yield PerfilRegistrado(version=1, perfil=perfil)
    yield ProcesoRegistrado(
        version=1,
        proceso=archivo.proceso,
        tipo=archivo.tipo,
        denominacion=archivo.denominacion,
        entidad=archivo.entidad,
        inicio=archivo.inicio,
        fin=archivo.fin,
        activo=True,
        perfil=ReferenciaPerfil(id=perfil.id, version=perfil.version),
        llaves=llaves,
    )
    for solicitud in archivo.solicitudes:
        yield SolicitudRegistrada(
            version=1,
            solicitud=solicitud.solicitud,
            proceso=archivo.proceso,
            denominacion=solicitud.denominacion,
            entidad=solicitud.entidad,
            distrito_federal=solicitud.distrito_federal,
            distrito_local=solicitud.distrito_local,
            municipio=solicitud.municipio,
        )
        for auxiliar in solicitud.auxiliares:
            yield await _auxiliar(solicitud.solicitud, auxiliar, keyring, en_vigor)
            for evento in _de_auxiliar(solicitud.solicitud, auxiliar, archivo.inicio):
                yield evento


async def _auxiliar(solicitud: str, auxiliar: Auxiliar, keyring: KeyRing, en_vigor: EnVigor) -> AuxiliarRegistrado:
    """As it is in force where name and e-mail are the file's: what is sealed anew is never the same bytes."""
    key_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:apoyo:auxiliar:{solicitud}/{auxiliar.auxiliar}"))
    nuevo = AuxiliarRegistrado(
        version=1, solicitud=solicitud, auxiliar=auxiliar.auxiliar, llave=key_id, datos_sellados=""
    )
    contexto = contexto_de_auxiliar(solicitud, auxiliar.auxiliar)
    datos = DatosAuxiliar(nombre=auxiliar.nombre, correo=auxiliar.correo)
    actual = en_vigor.get((nuevo.nombre, nuevo.asunto))
    if isinstance(actual, AuxiliarRegistrado):
        root = await keyring.open(actual.llave)
        antes = DatosAuxiliar.model_validate_json(
            unseal(derive(root, DATOS), base64.b64decode(actual.datos_sellados), contexto)
        )
        datos = antes.model_copy(update={"nombre": datos.nombre, "correo": datos.correo})
        if datos == antes:
            return actual
        nuevo = actual
    else:
        root = await keyring.create(key_id, CON_DERECHO_A_AUXILIAR)
    sealed = seal(derive(root, DATOS), datos.model_dump_json().encode(), contexto)
    return nuevo.model_copy(update={"datos_sellados": base64.b64encode(sealed).decode()})


def _de_auxiliar(solicitud: str, auxiliar: Auxiliar, registrado_en: datetime) -> Iterable[Evento]:
    for dispositivo in auxiliar.dispositivos:
        yield DispositivoRegistrado(
            version=1,
            dispositivo=dispositivo.dispositivo,
            solicitud=solicitud,
            auxiliar=auxiliar.auxiliar,
            publica=dispositivo.publica,
            autorizado=dispositivo.autorizado,
            registrado_en=registrado_en,
        )
    if auxiliar.baja is not None:
        yield AuxiliarDadoDeBaja.model_validate(
            {
                "version": 1,
                "solicitud": solicitud,
                "auxiliar": auxiliar.auxiliar,
                "desde": auxiliar.baja.desde,
                "por": auxiliar.baja.por,
                "motivo": auxiliar.baja.motivo,
            }
        )


def _content(evento: Evento) -> dict[str, Any]:
    """What counts as a change: all but the version."""
    return evento.model_dump(exclude={"version"})
