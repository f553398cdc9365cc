"""Lookups in the roll, asked as the portal asks them, with what the roll says of each person."""

import asyncio
import base64
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from credencial.situaciones import Situacion
from dispositivo.poblacion.personas import Persona
from kernel.clock import SystemClock
from kernel.sealing import KeyRing, derive, seal, unseal
from kernel.stream import Message, connect
from schemas.actores import (
    CONSULTA,
    DatosConsulta,
    RespuestaConsulta,
    contexto_de_consulta,
    contexto_de_respuesta,
)
from schemas.envelope import ensobrar
from schemas.eventos import ConsultaRespondida, ConsultaSolicitada, Geo, SituacionRegistral


@dataclass(frozen=True, slots=True)
class Pregunta:
    """A lookup: about whom, and by which of their identifiers. It has a key of its own."""

    consulta: str
    persona: Persona
    campos: tuple[str, ...] = ("clave_elector", "numero_emision")

    async def mensaje(self, portal: KeyRing, hora: datetime) -> Message:
        """The request; the key is made."""
        llave = f"prueba-{self.consulta}"
        raiz = await portal.create(llave, {"portal": None, "compulsa": CONSULTA})
        datos = {"clave_elector": "", **{campo: getattr(self.persona, campo) for campo in self.campos}}
        plano = DatosConsulta.model_validate(datos).model_dump_json().encode()
        sellados = seal(derive(raiz, CONSULTA), plano, contexto_de_consulta(self.consulta))
        evento = ConsultaSolicitada(
            version=1,
            consulta=self.consulta,
            proceso="CI26",
            sujeto=f"prueba/{self.consulta}",
            llave=llave,
            datos_sellados=base64.b64encode(sellados).decode(),
            solicitada_en=hora,
        )
        sobre = ensobrar(evento, fuente="/apoyo/portal", hora=hora, causa=self.consulta)
        return Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers())

    def verdad(self) -> RespuestaConsulta:
        """What a cut says of the person."""
        p = self.persona
        return RespuestaConsulta(
            situacion=SituacionRegistral(p.situacion),
            causa_baja=p.causa_baja.value if p.causa_baja else None,
            geo=None if p.situacion is Situacion.NO_ENCONTRADO else Geo(**asdict(p.demarcacion)),
        )

    async def abrir(self, portal: KeyRing, evento: ConsultaRespondida) -> RespuestaConsulta:
        """What was answered."""
        llave = derive(await portal.open(evento.llave), CONSULTA)
        sellada = base64.b64decode(evento.respuesta_sellada)
        return RespuestaConsulta.model_validate_json(unseal(llave, sellada, contexto_de_respuesta(self.consulta)))


async def preguntar(stream_url: str, portal: KeyRing, personas: Sequence[Persona]) -> list[Pregunta]:
    """Ask a running system about each of them."""
    preguntas = [Pregunta(uuid.uuid4().hex, persona) for persona in personas]
    stream = connect(stream_url, client_id="portal")
    await stream.start()
    try:
        for pregunta in preguntas:
            await stream.publish(await pregunta.mensaje(portal, SystemClock().now()))
    finally:
        await stream.stop()
    return preguntas


async def comprobar(stream_url: str, portal: KeyRing, preguntas: Sequence[Pregunta], plazo_s: float = 60) -> None:
    """Wait until each is answered, once, with what the roll says."""
    respuestas: dict[str, set[bytes]] = {}
    stream = connect(stream_url, client_id="portal")
    await stream.start()
    try:
        async with asyncio.timeout(plazo_s):
            while not respuestas.keys() >= {p.consulta for p in preguntas}:
                await asyncio.sleep(0.2)
                async for record in stream.read(ConsultaRespondida.topic):
                    respuestas.setdefault(record.key, set()).add(record.value)
    finally:
        await stream.stop()
    for pregunta in preguntas:
        (respuesta,) = respuestas[pregunta.consulta]
        evento = ConsultaRespondida.model_validate_json(respuesta)
        assert await pregunta.abrir(portal, evento) == pregunta.verdad()
