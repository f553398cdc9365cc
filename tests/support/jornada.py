"""A day of many people on one queue: they claim, decide, go to lunch with a record in their hands, and some never come back."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

from bench.mesa import PROCESO, Semilla, actores, servicio
from kernel.documents import Documents, MemoryDocuments, Write
from kernel.errors import Conflict
from kernel.hpke import Private
from kernel.sealing import KeyRing
from kernel.stream import TopicSpec, connect
from kernel.together import Together
from schemas.autorizacion import Rol
from schemas.eventos import AccesoRegistrado, DeclaracionRegistrada, RegistroClasificado, RepartoOrdenado
from services.mesa_control.domain import DECIDIDO, PENDIENTE, Orden, Rechazo, en_cola
from services.mesa_control.reparto.domain import Pedido, Repartos
from services.mesa_control.reparto.handlers import Reparto
from tests.support.ejemplos import ejemplo
from tests.support.identidad import cuenta
from tests.support.mesa import EPOCA, Reloj

PROCESOS = 3
"""Of the service, side by side."""
_AT_ONCE = 500


class Jornada:
    """So many people and records; chance is of the seed.

    `tarde`: decisions that came after somebody else's, or while somebody else had the record. `se_fueron`: who never came back.
    """

    def __init__(self, registros: Documents, salida: Documents, *, personas: int, cuantos: int, semilla: int) -> None:
        self.registros = registros
        self.salida = salida
        self.cuantos = cuantos
        self.rng = random.Random(semilla)
        self.reloj = Reloj(EPOCA + timedelta(days=1))
        self.stream = connect("memory:", "jornada")
        self.actores = actores(EPOCA - timedelta(hours=1))
        self.personas = [f"operador{n}" for n in range(personas)]
        for offset, persona in enumerate(self.personas, 10):
            self.actores.aplicar(cuenta(persona, Rol.OPERADOR), offset)
            self.actores.aplicar(ejemplo(DeclaracionRegistrada, cuenta=persona), offset)
        self.se_fueron = 0
        self.tarde = 0

    async def empieza(self) -> None:
        """The records wait; two orders keep half of them for two people each."""
        await self.stream.start()
        topics = (RegistroClasificado, AccesoRegistrado, RepartoOrdenado)
        await self.stream.create_topics([TopicSpec(tipo.topic, 8) for tipo in topics])
        private = Private.generate()
        llavero = KeyRing(MemoryDocuments(), "mesa_control", private, {"mesa_control": private.public()})
        semilla = await Semilla.nueva(llavero, EPOCA, timedelta(seconds=5))
        documentos = list(semilla.documentos(self.cuantos, que_se_abren=self.cuantos))
        for n in range(0, self.cuantos, _AT_ONCE):
            assert not await self.registros.write([Write(d, None) for d in documentos[n : n + _AT_ONCE]])
        vistas = [Repartos() for _ in range(PROCESOS)]
        self.mesas = [
            servicio(
                Together(self.registros),
                Together(self.salida),
                self.stream,
                llavero,
                self.actores,
                self.reloj,
                repartos,
            )
            for repartos in vistas
        ]
        primera = self.mesas[0]
        reparto = Reparto(primera.outbox, self.reloj, vistas[0], primera.fila.presencia)
        pedido = Pedido(((tuple(self.personas[:2]), 30), (tuple(self.personas[2:4]), 20)), exclusivo=True)
        orden = await reparto.ordenar(PROCESO, pedido, "supervisor1", "orden-0001")
        for repartos in vistas:
            repartos.aplicar(orden, 0)

    async def trabaja(self) -> None:
        """Until nothing is pending: whenever nobody gets anything, time goes on, until leases and absences run out."""
        presentes = list(self.personas)
        while presentes:
            turnos = await asyncio.gather(*map(self._turno, presentes))
            presentes = [persona for persona, sigue in zip(presentes, turnos, strict=True) if sigue]
            if not await self.registros.count({"cola": en_cola(PROCESO, PENDIENTE)}):
                return
            self.reloj.avanza(minutes=11)

    async def _turno(self, persona: str) -> bool:
        """Works until there is nothing, or until they leave: for lunch (True), or for good. The first and the last never leave."""
        while True:
            mesa = self.rng.choice(self.mesas)
            try:
                registro = await mesa.siguiente(persona, PROCESO)
            except Conflict:
                continue
            if registro is None:
                return True
            suerte = self.rng.random()
            if suerte < 0.003 and persona not in (self.personas[0], self.personas[-1]):
                self.se_fueron += 1
                return False
            if suerte < 0.01:
                # Late: somebody else may have it by then.
                self.reloj.avanza(minutes=11)
                await asyncio.sleep(0)
                await self._decide(persona, registro.folio)
                return True
            await self._decide(persona, registro.folio)

    async def _decide(self, persona: str, folio: str) -> None:
        # Another process than the one that gave it may be asked; and the page repeats what was not answered.
        causa = f"llave-{self.rng.randbytes(8).hex()}"
        for _ in range(1 + (self.rng.random() < 0.05)):
            try:
                await self.rng.choice(self.mesas).decidir(folio, persona, Orden((), 1), causa)
            except Rechazo as error:
                if error.codigo not in {"registro_asignado_a_otra_persona", "registro_ya_decidido"}:
                    raise
                self.tarde += 1

    async def comprueba(self) -> None:
        """Every record has one decision on the topic, and the projection says the same. Raises AssertionError."""
        # An event may be published twice: it is the same one, by its id.
        dichos = {
            (RegistroClasificado.model_validate_json(r.value).folio, r.headers["ce_id"])
            async for r in self.stream.read("clasificado")
        }
        decididos = Counter(folio for folio, _ in dichos)
        repetidos = {folio: veces for folio, veces in decididos.items() if veces > 1}
        await self.stream.stop()
        assert not repetidos
        assert len(decididos) == self.cuantos
        assert await self.registros.count({"cola": en_cola(PROCESO, DECIDIDO)}) == self.cuantos
        assert await self.registros.count({"cola": en_cola(PROCESO, PENDIENTE)}) == 0
