"""One e-mail per envío, whatever the order, the repetitions, the instances and the crashes (SPEC 5, ARCHITECTURE rule 2)."""

import asyncio
import base64
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel import hpke
from kernel.documents import Document, Documents, MemoryDocuments
from kernel.errors import BadInput, Conflict, Unavailable
from kernel.sealing import KeyRing, derive, seal
from kernel.stream import Handler, Record
from schemas.actores import DATOS, DatosAuxiliar, contexto_de_auxiliar
from schemas.envelope import Evento, ensobrar
from schemas.eventos import (
    AuxiliarRegistrado,
    DestruccionOrdenada,
    EnvioAbierto,
    EnvioCerrado,
    RegistroDescifrado,
    RegistroEnCuarentena,
)
from schemas.tipos import Modelo, proceso_de
from services.notificaciones import agent
from services.notificaciones.domain.historia import Historia
from services.notificaciones.handlers.acuses import Acuses
from services.notificaciones.handlers.avisos import Avisos
from services.notificaciones.handlers.direcciones import Direcciones
from services.notificaciones.handlers.entregas import PLAZO, Entregas, Mensaje, Rechazado
from tests.support.ejemplos import ejemplo

DERFE = "derfe@example.com"
PORTAL = "https://portal.example.com"
NOMBRE = "Nombre De Prueba"
SOLICITUD, AUXILIAR, CORREO = "CI26-0001", "A0001", "auxiliar@example.com"
INICIO = datetime(2026, 11, 22, 20, 5, tzinfo=UTC)
PRIVADAS = {name: hpke.Private.generate() for name in ("descifrado", "notificaciones", "portal")}
PUBLICAS = {name: private.public() for name, private in PRIVADAS.items()}


@dataclass
class Reloj:
    ahora: datetime = INICIO

    def now(self) -> datetime:
        return self.ahora


@dataclass
class Buzon:
    """The mail server: keeps what it was given, or refuses."""

    mensajes: list[Mensaje] = field(default_factory=list)
    rechaza: Exception | None = None

    async def enviar(self, mensaje: Mensaje) -> None:
        await asyncio.sleep(0)
        if self.rechaza is not None:
            raise self.rechaza
        self.mensajes.append(mensaje)


class ConPausas(Documents):
    """Documents that let others run before and after every operation, in an order that the seed decides."""

    def __init__(self, documents: Documents, azar: random.Random) -> None:
        self._documents = documents
        self._azar = azar

    async def _pausa(self) -> None:
        for _ in range(self._azar.randrange(4)):
            await asyncio.sleep(0)

    async def get(self, id_: str) -> Document | None:
        await self._pausa()
        found = await self._documents.get(id_)
        await self._pausa()
        return found

    async def put_if_absent(self, document: Document) -> bool:
        await self._pausa()
        done = await self._documents.put_if_absent(document)
        await self._pausa()
        return done

    async def replace(self, document: Document, revision: int) -> bool:
        await self._pausa()
        done = await self._documents.replace(document, revision)
        await self._pausa()
        return done

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        await self._pausa()
        return await self._documents.find(query, sort=sort, limit=limit)

    async def count(self, query: Mapping[str, Any]) -> int:
        await self._pausa()
        return await self._documents.count(query)


def llavero(llaves: Documents, servicio: str) -> KeyRing:
    return KeyRing(llaves, servicio, PRIVADAS[servicio], PUBLICAS)


@dataclass
class Mundo:
    """Everything that instances of the service share, and what the other services wrote."""

    azar: random.Random = field(default_factory=lambda: random.Random(0))
    reloj: Reloj = field(default_factory=Reloj)
    buzon: Buzon = field(default_factory=Buzon)
    llaves: MemoryDocuments = field(default_factory=MemoryDocuments)
    actores: Historia = field(default_factory=Historia)
    colecciones: dict[str, Documents] = field(
        default_factory=lambda: {name: MemoryDocuments() for name in ("envios", "desenlaces", "entregas")}
    )

    async def registrar_auxiliar(self) -> None:
        self.publicar(await self.auxiliar())

    async def auxiliar(self, correo: str = CORREO, version: int = 1) -> AuxiliarRegistrado:
        """The event, as the portal seals it."""
        datos = DatosAuxiliar(nombre=NOMBRE, correo=correo)
        sellados = await self.sellar("auxiliar", datos, contexto_de_auxiliar(SOLICITUD, AUXILIAR))
        return ejemplo(AuxiliarRegistrado, version=version, llave="auxiliar", datos_sellados=sellados)

    async def sellar(self, llave: str, datos: Modelo, contexto: str) -> str:
        """Personal data of an actor, under the part of the key that notificaciones gets."""
        root = await llavero(self.llaves, "portal").create(llave, {"portal": None, "notificaciones": DATOS})
        return base64.b64encode(seal(derive(root, DATOS), datos.model_dump_json().encode(), contexto)).decode()

    def publicar(self, evento: Evento) -> int:
        """Put an event in `actores`, followed by every process; its offset."""
        offset = self.actores.offset
        self.actores.aplicar(evento, offset)
        return offset

    async def destruir(self, llave: str) -> None:
        await llavero(self.llaves, "portal").destroy(llave)

    async def descifrado(self, n: int, **changes: Any) -> RegistroDescifrado:
        root = await llavero(self.llaves, "descifrado").create(
            f"llave-{n}", {"descifrado": None, "notificaciones": "acuse"}
        )
        acuse = json.dumps({"cic": f"{n:09}", "ocr": None}).encode()
        sellado = seal(derive(root, "acuse"), acuse, f"{folio(n)}|acuse")
        return ejemplo(
            RegistroDescifrado,
            folio=folio(n),
            envio=envio(0),
            llave=f"llave-{n}",
            acuse_sellado=base64.b64encode(sellado).decode(),
            **changes,
        )

    def instancia(self, nombre: str, documentos: Documents | None = None) -> "Instancia":
        """A process. `documentos`: of what was sent, where it has them otherwise."""
        envios, desenlaces, entregados = (ConPausas(store, self.azar) for store in self.colecciones.values())
        suyo = llavero(self.llaves, "notificaciones")
        direcciones = Direcciones(suyo)
        entregas = Entregas(documentos or entregados, self.buzon, self.reloj, nombre, "apoyo.invalid")
        acuses = Acuses(envios, desenlaces, suyo, direcciones, entregas, lambda: self.actores)
        return Instancia(acuses, Avisos(direcciones, entregas, lambda: self.actores, PORTAL, DERFE), self.reloj)


@dataclass
class Instancia:
    """One process: it takes events as the guard gives them, retrying while simulated time goes by."""

    acuses: Acuses
    avisos: Avisos
    reloj: Reloj

    @property
    def handler(self) -> Handler:
        """As the stream gives it events."""
        return agent.build(self.acuses, self.avisos)

    async def recibir(self, evento: Evento, offset: int = 0) -> None:
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=INICIO, causa="prueba")
        await self.handler(Record(evento.topic, 0, offset, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))

    async def recibir_con_reintentos(self, evento: Evento, offset: int = 0) -> None:
        for _ in range(50):
            try:
                return await self.recibir(evento, offset)
            except (Conflict, Unavailable):
                self.reloj.ahora += timedelta(seconds=1)
        raise AssertionError("still refused after many retries")


def envio(n: int) -> str:
    return f"{n:032x}"


def folio(n: int) -> str:
    return f"{SOLICITUD}-{AUXILIAR}-3f9c2a1b77d0-{n:020x}"


def abierto(n: int = 0) -> EnvioAbierto:
    return ejemplo(EnvioAbierto, envio=envio(n), abierto_en=INICIO + timedelta(minutes=n))


def cerrado(recibidos: int, *, los_nombra: bool = False) -> EnvioCerrado:
    """The closing of envío 0. `los_nombra`: with the folios that it counted; an old closing, or a large one, has none."""
    return ejemplo(
        EnvioCerrado,
        envio=envio(0),
        abierto_en=INICIO,
        cerrado_en=INICIO,
        recibidos=recibidos,
        folios=[folio(n) for n in range(recibidos)] if los_nombra else None,
        pendientes=0,
    )


def cuarentena(n: int, **changes: Any) -> RegistroEnCuarentena:
    return ejemplo(RegistroEnCuarentena, folio=folio(n), envio=envio(0), **changes)


@pytest.fixture
async def mundo() -> Mundo:
    mundo = Mundo()
    await mundo.registrar_auxiliar()
    return mundo


@settings(max_examples=60, deadline=None)
@given(
    desenlaces=st.lists(st.booleans(), max_size=4),
    orden=st.randoms(use_true_random=False),
    repetidos=st.integers(0, 4),
    los_nombra=st.booleans(),
)
def test_en_cualquier_orden_y_con_dos_instancias_sale_un_correo_con_todos_los_folios(
    desenlaces: list[bool], orden: random.Random, repetidos: int, los_nombra: bool
) -> None:
    async def escenario() -> None:
        mundo = Mundo(azar=orden)
        await mundo.registrar_auxiliar()
        eventos: list[Evento] = [abierto(), cerrado(len(desenlaces), los_nombra=los_nombra)]
        for n, se_abre in enumerate(desenlaces):
            eventos.append(await mundo.descifrado(n) if se_abre else cuarentena(n))
        eventos += orden.choices(eventos, k=repetidos)
        orden.shuffle(eventos)
        reparto: dict[str, list[Evento]] = {"uno": [], "dos": []}
        for evento in eventos:
            reparto[orden.choice(["uno", "dos"])].append(evento)

        async def trabajar(nombre: str, suyos: Sequence[Evento]) -> None:
            instancia = mundo.instancia(nombre)
            for evento in suyos:
                await instancia.recibir_con_reintentos(evento)

        await asyncio.gather(*(trabajar(nombre, suyos) for nombre, suyos in reparto.items()))
        [mensaje] = mundo.buzon.mensajes
        assert mensaje.id == f"<acuse.{envio(0)}@apoyo.invalid>"
        assert mensaje.para == CORREO
        for n, se_abre in enumerate(desenlaces):
            assert mensaje.cuerpo.count(folio(n)) == 1
            assert (f"CIC: {n:09}" in mensaje.cuerpo) == se_abre

    asyncio.run(escenario())


async def test_mientras_falta_el_desenlace_de_un_registro_no_sale_el_acuse(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    for evento in (abierto(), await mundo.descifrado(1), cerrado(2)):
        await instancia.recibir(evento)
    assert mundo.buzon.mensajes == []
    await instancia.recibir(cuarentena(2))
    assert len(mundo.buzon.mensajes) == 1


async def test_un_registro_que_llega_tras_contar_el_cierre_no_toma_el_lugar_de_uno_contado(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    contados = cerrado(2).model_copy(update={"folios": [folio(1), folio(2)]})
    for evento in (abierto(), contados, await mundo.descifrado(1), cuarentena(3)):
        await instancia.recibir(evento)
    assert mundo.buzon.mensajes == []
    await instancia.recibir(await mundo.descifrado(2))
    assert all(folio(n) in mundo.buzon.mensajes[0].cuerpo for n in (1, 2, 3))


async def test_un_envio_sin_registros_tambien_tiene_su_acuse(mundo: Mundo) -> None:
    await mundo.instancia("uno").recibir(cerrado(0))
    assert "Registros recibidos:    0" in mundo.buzon.mensajes[0].cuerpo


async def test_el_acuse_cuenta_los_envios_del_auxiliar_hasta_este(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    posterior = abierto(6)
    for evento in (posterior, abierto(0), cerrado(0)):
        await instancia.recibir(evento)
    assert "Número de envíos:       1" in mundo.buzon.mensajes[0].cuerpo
    anterior = ejemplo(EnvioAbierto, envio=envio(9), abierto_en=INICIO - timedelta(hours=1))
    mundo.colecciones["entregas"] = MemoryDocuments()
    instancia = mundo.instancia("uno")
    for otro in (anterior, cerrado(0)):
        await instancia.recibir(otro)
    assert "Número de envíos:       2" in mundo.buzon.mensajes[1].cuerpo


async def test_lo_que_se_abrio_tras_la_cuarentena_sale_con_su_cic_si_aun_no_salia_el_acuse(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    for evento in (await mundo.descifrado(1, version=2), cuarentena(1, version=1), cerrado(1)):
        await instancia.recibir(evento)
    assert "CIC: 000000001" in mundo.buzon.mensajes[0].cuerpo


async def test_un_registro_cuya_llave_se_destruyo_se_lista_sin_cic(mundo: Mundo) -> None:
    evento = await mundo.descifrado(1)
    await mundo.destruir("llave-1")
    instancia = mundo.instancia("uno")
    for e in (evento, cerrado(1)):
        await instancia.recibir(e)
    assert folio(1) in mundo.buzon.mensajes[0].cuerpo
    assert "ya no está disponible" in mundo.buzon.mensajes[0].cuerpo


async def test_ordenada_la_destruccion_no_se_dice_el_cic_aunque_la_llave_siga_ahi(mundo: Mundo) -> None:
    evento = await mundo.descifrado(1)
    instancia = mundo.instancia("uno")
    mundo.actores.aplicar(ejemplo(DestruccionOrdenada, proceso=proceso_de(folio(1))), 10**6)
    for e in (evento, cerrado(1)):
        await instancia.recibir(e)
    assert "ya no está disponible" in mundo.buzon.mensajes[0].cuerpo


async def test_un_registro_que_no_abre_no_deja_a_los_demas_sin_acuse(mundo: Mundo) -> None:
    bueno, otro = await mundo.descifrado(1), await mundo.descifrado(2)
    alterado = otro.model_copy(update={"acuse_sellado": bueno.acuse_sellado})
    instancia = mundo.instancia("uno")
    for evento in (bueno, alterado, cerrado(2)):
        await instancia.recibir(evento)
    cuerpo = mundo.buzon.mensajes[0].cuerpo
    assert "CIC: 000000001" in cuerpo
    assert folio(2) in cuerpo


class _Muere(Exception):
    """The process dies at this write."""


class _MuereAlAsentar(ConPausas):
    async def replace(self, document: Document, revision: int) -> bool:
        raise _Muere


async def test_si_muere_entre_enviar_y_asentar_el_correo_se_repite_con_el_mismo_message_id(mundo: Mundo) -> None:
    entregas = _MuereAlAsentar(mundo.colecciones["entregas"], mundo.azar)
    with pytest.raises(_Muere):
        await mundo.instancia("uno", entregas).recibir(cerrado(0))
    dos = mundo.instancia("dos")
    with pytest.raises(Conflict):
        await dos.recibir(cerrado(0))
    mundo.reloj.ahora += PLAZO
    await dos.recibir(cerrado(0))
    await dos.recibir(cerrado(0))
    uno, otro = mundo.buzon.mensajes
    assert uno.id == otro.id


async def test_si_el_servidor_de_correo_no_responde_se_reintenta_y_nada_queda_como_enviado(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    mundo.buzon.rechaza = Unavailable("mail")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await instancia.recibir(cerrado(0))
    mundo.buzon.rechaza = None
    await instancia.recibir(cerrado(0))
    assert len(mundo.buzon.mensajes) == 1


async def test_un_rechazo_definitivo_de_la_direccion_se_asienta_y_no_se_reintenta(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    mundo.buzon.rechaza = Rechazado(550)
    await instancia.recibir(cerrado(0))
    entrega = await mundo.colecciones["entregas"].get(envio(0))
    assert entrega is not None
    assert (entrega["estado"], entrega["codigo"]) == ("rechazado", 550)
    mundo.buzon.rechaza = None
    await instancia.recibir(cerrado(0))
    assert mundo.buzon.mensajes == []


async def test_si_la_llave_del_auxiliar_se_destruyo_queda_sin_destinatario(mundo: Mundo) -> None:
    await mundo.destruir("auxiliar")
    await mundo.instancia("uno").recibir(cerrado(0))
    entrega = await mundo.colecciones["entregas"].get(envio(0))
    assert entrega is not None
    assert entrega["estado"] == "sin_destinatario"


async def test_un_auxiliar_que_actores_aun_no_dice_se_espera(mundo: Mundo) -> None:
    mundo.actores.auxiliares.clear()
    with pytest.raises(Unavailable):
        await mundo.instancia("uno").recibir(cerrado(0))


async def test_un_auxiliar_cuyos_datos_no_abren_es_entrada_invalida(mundo: Mundo) -> None:
    clave = (SOLICITUD, AUXILIAR)
    alterado = mundo.actores.auxiliares[clave].model_copy(
        update={"datos_sellados": base64.b64encode(bytes(64)).decode()}
    )
    mundo.actores.auxiliares[clave] = alterado
    with pytest.raises(BadInput, match="auxiliar_no_abre"):
        await mundo.instancia("uno").recibir(cerrado(0))


async def test_nada_de_lo_que_se_guarda_lleva_datos_personales(mundo: Mundo) -> None:
    instancia = mundo.instancia("uno")
    for evento in (await mundo.descifrado(123456), cerrado(1)):
        await instancia.recibir(evento)
    assert "CIC: 000123456" in mundo.buzon.mensajes[0].cuerpo
    guardado = str([await store.find({}) for store in mundo.colecciones.values()])
    assert "000123456'" not in guardado
    assert CORREO not in guardado
