"""The life of one apoyo, read from the topics alone."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from kernel.dispatch import decode
from kernel.errors import BadInput
from kernel.stream import Stream
from schemas.ciclo_de_vida import TOPICS, VERSION, Ciclo, aplicar, en_cuarentena, estado
from schemas.envelope import Evento, Sobre
from schemas.eventos import (
    POR_TIPO,
    AccesoRegistrado,
    Fase,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
)

CENTRO = ZoneInfo("America/Mexico_City")
LEIDOS = (*TOPICS, ReintentoSolicitado.topic, RegistroCorregido.topic, AccesoRegistrado.topic)
"""Topics that tell of a folio."""
_ORDER = {topic: n for n, topic in enumerate(LEIDOS)}


@dataclass(frozen=True, slots=True)
class Paso:
    """One event of a folio: its envelope, and where it lies."""

    sobre: Sobre
    partition: int
    offset: int

    @property
    def hora(self) -> datetime:
        """When it was written, hora Centro."""
        return self.sobre.hora.astimezone(CENTRO)

    @property
    def lugar(self) -> str:
        """Topic, partition and offset."""
        return f"{self.sobre.evento.topic}/{self.partition}/{self.offset}"


async def vida(stream: Stream, folio: str) -> list[Paso]:
    """Every event of a folio, in the order in which they were written."""
    pasos = []
    for topic in LEIDOS:
        async for record in stream.read(topic):
            if record.key != folio:
                continue
            try:
                pasos.append(Paso(decode(POR_TIPO, record), record.partition, record.offset))
            except BadInput:
                continue  # it is in the quarantine topic, with its reason
    return sorted(pasos, key=lambda p: (p.sobre.hora, _ORDER[p.sobre.evento.topic], p.offset))


def ciclo_de(pasos: list[Paso]) -> Ciclo:
    """The facts in force."""
    ciclo = Ciclo()
    for paso in pasos:
        if paso.sobre.evento.topic in TOPICS:
            ciclo = aplicar(ciclo, paso.sobre.evento, paso.offset)
    return ciclo


def que_paso(evento: Evento) -> tuple[str, str]:
    """An event in words: what happened, and its details (no personal data is in it)."""
    match evento:
        case RegistroRecibido():
            reglas = f"; por regla: {', '.join(evento.reglas)}" if evento.reglas else ""
            return (
                "recibido",
                f"código de integridad {evento.codigo_integridad[:16]}…, envío {evento.envio[:8]}…{reglas}",
            )
        case RegistroDescifrado():
            alertas = ", ".join(a.codigo for a in evento.alertas) or "ninguna"
            return "descifrado", f"{len(evento.partes)} partes selladas; alertas: {alertas}"
        case RegistroEnCuarentena():
            return "en cuarentena", f"motivo: {evento.motivo} {evento.detalle}".rstrip()
        case ReintentoSolicitado():
            return "reintento solicitado", f"de la versión {evento.version}, por {evento.por}"
        case AccesoRegistrado():
            partes = ", ".join(parte.value for parte in evento.partes)
            return "entregado", f"{partes}, a {evento.quien} ({evento.via})"
        case RegistroCorregido():
            return "formulario corregido", f"{', '.join(evento.campos)}; por {evento.operador}"
        case RegistroCompulsado():
            fase = "consulta preliminar" if evento.fase is Fase.PRELIMINAR else "compulsa definitiva"
            causa = f" ({evento.causa_baja})" if evento.causa_baja else ""
            duplicado = f"; duplicado de {evento.duplicado_de}" if evento.duplicado_de else ""
            vista = f"; de la decisión {evento.clasificado_version}" if evento.clasificado_version else ""
            corregido = f"; de la corrección {evento.correccion_version}" if evento.correccion_version else ""
            return fase, f"{evento.situacion.value}{causa}, corte {evento.corte}{corregido}{vista}{duplicado}"
        case RegistroClasificado():
            if evento.sin_inconsistencia:
                return "clasificado", f"sin inconsistencia, por {evento.operador}"
            motivos = ", ".join(f"{i.clave}{f' ({i.detalle})' if i.detalle else ''}" for i in evento.inconsistencias)
            return "clasificado", f"con inconsistencia: {motivos}; por {evento.operador}"
        case _:
            return evento.nombre, ""


def estado_en_palabras(ciclo: Ciclo) -> str:
    """The status that follows, with the version of the rules."""
    actual = estado(ciclo)
    if actual is None:
        return "no se ha recibido"
    cuarentena = " (en cuarentena)" if en_cuarentena(ciclo) else ""
    return f"{actual.value}{cuarentena}, según las reglas versión {VERSION}"
