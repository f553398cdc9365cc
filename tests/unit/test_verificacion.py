"""`apoyo verify` finds each kind of fault, and nothing in a log that is well."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from apoyo import preparacion, verify
from apoyo.cuarentena import aceptar
from apoyo.cuarentena import leer as leer_cuarentena
from apoyo.instalacion import Instalacion
from apoyo.sistema import crear_topics
from apoyo.verificacion import DE_OBJETOS, EXPEDIENTES, LEIDOS, PAQUETES, TITULOS, Alcance, Dictamen
from apoyo.verify import Fuentes, Informe
from kernel.clock import SystemClock
from kernel.errors import Unavailable
from kernel.objects import MemoryObjects
from kernel.stream import Message, Position, TopicSpec, embedded
from kernel.stream.guard import Aside, guarded
from kernel.stream.murmur import partition_of
from schemas.ciclo_de_vida import TOPICS, Estado
from schemas.envelope import Evento, Sobre, ensobrar
from schemas.eventos import (
    AccesoRegistrado,
    ConsultaRespondida,
    ConsultaSolicitada,
    DestruccionOrdenada,
    EnvioAbierto,
    EnvioCerrado,
    ExpedientesDestruidos,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
    Veredicto,
)
from services.descifrado.settings import Settings as DescifradoSettings
from services.resultados import agent
from services.resultados.handlers import SERVICIO
from services.resultados.presentacion import totales_json
from tests.support.ejemplos import ejemplo
from tests.support.resultados import HORA, PROCESO, Resultados, folio, vida

CONSULTA = "0" * 32
ENVIO = ejemplo(EnvioAbierto).envio
PERSONA = ejemplo(MiembroDePersona).persona


class Mundo:
    """A log in memory, the objects that its events name, and resultados over it. `publicar` and `proyectar` drive it."""

    def __init__(self) -> None:
        self.resultados = Resultados()
        self.stream = self.resultados.stream
        self.paquetes, self.expedientes = MemoryObjects(), MemoryObjects()
        self.causa = 0
        self.gracia = timedelta(days=365_000)
        self.recibidos: set[str] = set()
        self.abiertos: set[str] = set()

    async def llenar(self) -> None:
        """One record in each status and one in quarantine, all well."""
        await self.resultados.start()
        await crear_topics(self.stream)
        await self.stream.create_topics([TopicSpec(topic, 1) for topic in LEIDOS])
        await self.publicar(ejemplo(EnvioAbierto))
        await self.publicar(ejemplo(ConsultaSolicitada, consulta=CONSULTA))
        await self.publicar(ejemplo(ConsultaRespondida, consulta=CONSULTA))
        await self.publicar(ejemplo(ConsultaSolicitada, consulta="f" * 32))
        for n, estado in enumerate(Estado):
            await self.vivir(vida(estado, 2 * n))
        await self.vivir(vida(Estado.EN_PROCESAMIENTO, 100, cuarentena=True))
        await self.reintentar(100)
        await self.vivir([ejemplo(RegistroEnCuarentena, folio=folio(100), recibido_en=HORA, version=2)])
        await self.reintentar(100, version=2)
        corregido = 2 * list(Estado).index(Estado.EN_MESA_DE_CONTROL)
        await self.publicar(ejemplo(RegistroCorregido, folio=folio(corregido)))
        segundo = 2 * list(Estado).index(Estado.DUPLICADO)
        await self.vivir(vida(Estado.EN_LISTA_NOMINAL, segundo + 1))
        for n in (segundo, segundo + 1):
            await self.publicar(ejemplo(MiembroDePersona, folio=folio(n)))
        await self.publicar(ejemplo(Veredicto, folio=folio(segundo + 1), version=1))
        await self.publicar(ejemplo(Veredicto, folio=folio(segundo), version=2, duplicado_de=folio(segundo + 1)))
        await self.publicar(ejemplo(EnvioCerrado, recibidos=1, folios=[folio(0)]))

    async def vivir(self, eventos: Iterable[Evento]) -> None:
        """Publish the events, with objects that are what they say."""
        for evento in eventos:
            if isinstance(evento, RegistroClasificado):
                await self.dar(evento.folio, evento.operador)
            await self.publicar(await self.con_objeto(evento))
            if isinstance(evento, RegistroRecibido):
                self.recibidos.add(evento.folio)
            if isinstance(evento, RegistroDescifrado):
                self.abiertos.add(evento.folio)

    async def dar(self, folio: str, quien: str) -> None:
        """Publish that somebody was given a record."""
        await self.publicar(ejemplo(AccesoRegistrado, acceso=f"{self.causa:032x}", folio=folio, quien=quien))

    async def reintentar(self, n: int, **cambios: Any) -> None:
        """Publish the retry of a record in quarantine."""
        recibido = await self.con_objeto(vida(Estado.EN_PROCESAMIENTO, n)[0])
        dicho = recibido.model_dump(include={"folio", "proceso", "envio", "codigo_integridad", "recibido_en", "reglas"})
        dicho |= recibido.model_dump(include={"objeto", "paquete_sha256"})
        await self.publicar(ejemplo(ReintentoSolicitado, **dicho | cambios))

    async def con_objeto(self, evento: Evento) -> Evento:
        """The event, naming an object that was stored for it."""
        contenido = f"{type(evento).__name__} de {evento.asunto}".encode()
        sha256 = hashlib.sha256(contenido).hexdigest()
        match evento:
            case RegistroRecibido():
                objeto = f"{evento.proceso}/{sha256}"
                await self.paquetes.put(objeto, contenido)
                return evento.model_copy(update={"objeto": objeto, "paquete_sha256": sha256, "proceso": PROCESO})
            case RegistroDescifrado():
                objeto = f"{PROCESO}/{evento.llave}/{sha256}"
                await self.expedientes.put(objeto, contenido)
                return evento.model_copy(update={"objeto": objeto})
            case _:
                return evento

    async def publicar(self, evento: Evento, **message: Any) -> Sobre:
        """Publish an event; `message` changes what is sent."""
        self.causa += 1
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa=f"causa {self.causa}")
        await self.enviar(sobre, **message)
        return sobre

    async def enviar(self, sobre: Sobre, **message: Any) -> None:
        """Publish an envelope as it is."""
        evento = sobre.evento
        sent: dict[str, Any] = {
            "topic": evento.topic,
            "key": evento.llave_mensaje,
            "value": sobre.cuerpo(),
            "headers": sobre.headers(),
        }
        await self.stream.publish(Message(**{**sent, **message}))

    async def totales(self, proceso: str) -> dict[str, Any]:
        """What resultados answers."""
        self.resultados.consultas._vigentes.clear()
        totales = await self.resultados.consultas.totales(proceso)
        assert totales is not None
        return totales_json(totales, {})

    async def fuentes(self) -> Fuentes:
        """What verify reads, once resultados has handled everything."""
        await self.proyectar()
        return Fuentes(
            self.stream,
            {PAQUETES: self.paquetes, EXPEDIENTES: self.expedientes},
            self.resultados.registros,
            self.totales,
            self.gracia,
        )

    async def proyectar(self) -> None:
        """Let resultados, in its group, handle everything that fits its schema."""
        handle = guarded(agent.build(self.resultados.proyector), self._descartar, aside=Aside(SERVICIO, 100))
        consumer = asyncio.create_task(self.stream.consume(SERVICIO, TOPICS, handle))
        try:
            async with asyncio.timeout(10):
                while not await self._al_dia():
                    await asyncio.sleep(0.01)
        finally:
            consumer.cancel()
            await asyncio.gather(consumer, return_exceptions=True)

    async def _al_dia(self) -> bool:
        for topic in TOPICS:
            committed = await self.stream.committed(SERVICIO, topic)
            if any(committed.get(p, 0) < end for p, end in (await self.stream.ends(topic)).items()):
                return False
        return True

    async def _descartar(self, message: Message) -> Position:
        return Position(message.topic, 0, 0)

    async def verificar(self, alcance: Alcance = Alcance.TODOS) -> Informe:
        """The report."""
        return await verify.verificar(await self.fuentes(), alcance, espera_s=1)


@pytest.fixture
async def mundo() -> Mundo:
    mundo = Mundo()
    await mundo.llenar()
    return mundo


def hallazgos(informe: Informe) -> dict[str, list[str]]:
    """What each check found."""
    return {c.clave: [f"{h.donde} {h.que}" for h in c.hallazgos] for c in informe.comprobaciones if c.hallazgos}


async def test_una_bitacora_sana_no_tiene_hallazgos_y_todo_se_comprobo(mundo: Mundo) -> None:
    informe = await mundo.verificar()
    assert hallazgos(informe) == {}
    assert informe.fallas == []
    assert informe.correcto
    assert informe.completo
    assert [c.clave for c in informe.comprobaciones] == list(TITULOS)
    assert all(c.revisados for c in informe.comprobaciones if c.clave not in {"apartados", "destruidos"})
    assert informe.estado_de_salida == 0
    assert informe.totales[PROCESO].recibidos == len(Estado) + 2
    assert informe.totales[PROCESO].en_cuarentena == 1
    notas = {c.clave: c.nota for c in informe.comprobaciones}
    assert notas["consultas"] == "2 pedidas, 1 sin respuesta todavía"
    assert notas["envios"] == "1 abiertos, 1 cerrados"
    assert notas["reintentos"] == "1 sin respuesta todavía"
    assert notas["correcciones"] == "1 sin consulta todavía"


async def test_un_evento_repetido_tal_cual_no_es_una_falla_y_se_cuenta(mundo: Mundo) -> None:
    sobre = await mundo.publicar(ejemplo(RegistroClasificado, folio=folio(4), version=2))
    await mundo.enviar(sobre)
    informe = await mundo.verificar()
    assert informe.fallas == []
    assert next(c.nota for c in informe.comprobaciones if c.clave == "identificadores").startswith(
        "1 eventos repetidos"
    )


SANO = folio(2 * list(Estado).index(Estado.EN_LISTA_NOMINAL))
DUPLICADO = folio(2 * list(Estado).index(Estado.DUPLICADO))
AJENO = folio(999)


async def _cuerpo_roto(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroClasificado, folio=SANO, version=2), value=b'{"folio": 7}')


async def _tipo_desconocido(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroClasificado, folio=SANO, version=2), headers={"ce_type": "otro"})


async def _topic_ajeno(m: Mundo) -> None:
    await m.publicar(ejemplo(EnvioAbierto), topic="registro_recibido")


async def _llave_ajena(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroClasificado, folio=SANO, version=2), key=AJENO)


async def _particion_ajena(m: Mundo) -> None:
    with pytest.MonkeyPatch.context() as otro_productor:
        otro_productor.setattr(embedded, "partition_of", lambda key, n: (partition_of(key, n) + 1) % n)
        await m.publicar(ejemplo(ConsultaSolicitada, consulta="e" * 32))


async def _persona_en_particion_ajena(m: Mundo) -> None:
    with pytest.MonkeyPatch.context() as otro_productor:
        otro_productor.setattr(embedded, "partition_of", lambda key, n: (partition_of(key, n) + 1) % n)
        await m.publicar(ejemplo(MiembroDePersona, folio=SANO))


async def _envio_roto(m: Mundo) -> None:
    await m.publicar(ejemplo(EnvioAbierto, envio="e" * 32), value=b"{}")


async def _veredicto_roto(m: Mundo) -> None:
    await m.publicar(ejemplo(Veredicto, folio=SANO), value=b"{}")


async def _mismo_id_otro_contenido(m: Mundo) -> None:
    sobre = await m.publicar(ejemplo(RegistroClasificado, folio=SANO, version=2))
    otro = ejemplo(RegistroClasificado, folio=SANO, version=3)
    await m.enviar(Sobre(sobre.id, sobre.fuente, sobre.hora, sobre.causa, otro))


async def _misma_version_otro_contenido(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroClasificado, folio=SANO, version=1, operador="otra.persona"))


async def _envio_abierto_dos_veces(m: Mundo) -> None:
    await m.publicar(ejemplo(EnvioAbierto, por_enviar=1000))


async def _anunciado_dos_veces(m: Mundo) -> None:
    await m.publicar(ejemplo(MiembroDePersona, folio=DUPLICADO, politica="todos"))


async def _dos_veredictos(m: Mundo) -> None:
    await m.publicar(ejemplo(Veredicto, folio=DUPLICADO, version=2, duplicado_de=None))


async def _anuncio_saltado(m: Mundo) -> None:
    await m.publicar(ejemplo(MiembroDePersona, folio=DUPLICADO, version=3))


async def _cerrado_sin_abrir(m: Mundo) -> None:
    await m.publicar(ejemplo(EnvioCerrado, envio="e" * 32, recibidos=0, folios=[]))


async def _version_saltada(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroClasificado, folio=SANO, version=4))


async def _sin_recibir(m: Mundo) -> None:
    await m.publicar(await m.con_objeto(ejemplo(RegistroDescifrado, folio=AJENO)))


async def _duplicado_de_nadie(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroCompulsado, folio=SANO, version=3, clasificado_version=1, duplicado_de=AJENO))


async def _anunciado_sin_recibir(m: Mundo) -> None:
    await m.publicar(ejemplo(MiembroDePersona, folio=AJENO))


async def _veredicto_sin_anuncio(m: Mundo) -> None:
    await m.publicar(ejemplo(Veredicto, folio=SANO))


async def _veredicto_de_otra_persona(m: Mundo) -> None:
    await m.publicar(ejemplo(Veredicto, folio=DUPLICADO, persona="a" * 64))


async def _duplicado_de_quien_no_se_anuncio(m: Mundo) -> None:
    await m.publicar(ejemplo(Veredicto, folio=DUPLICADO, version=3, duplicado_de=SANO))


async def _recibido_sin_envio(m: Mundo) -> None:
    await m.publicar(await m.con_objeto(ejemplo(RegistroRecibido, folio=AJENO, envio="e" * 32)))


async def _recibido_en_envio_de_otro(m: Mundo) -> None:
    await m.publicar(await m.con_objeto(ejemplo(RegistroRecibido, folio=AJENO, dispositivo="a" * 12)))


async def _reintento_de_lo_abierto(m: Mundo) -> None:
    await m.reintentar(2 * list(Estado).index(Estado.EN_LISTA_NOMINAL))


async def _reintento_de_otro_objeto(m: Mundo) -> None:
    await m.vivir([ejemplo(RegistroEnCuarentena, folio=folio(100), recibido_en=HORA, version=3)])
    await m.reintentar(100, version=3, paquete_sha256="e" * 64)


async def _acceso_a_nadie(m: Mundo) -> None:
    await m.dar(AJENO, "operador.01")


async def _correccion_de_lo_no_abierto(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroCorregido, folio=folio(100)))


async def _correccion_bajo_otra_llave(m: Mundo) -> None:
    await m.publicar(ejemplo(RegistroCorregido, folio=SANO, llave="otra"))


async def _consulta_de_una_correccion_que_no_hay(m: Mundo) -> None:
    await m.publicar(
        ejemplo(
            RegistroCompulsado, folio=SANO, version=3, clasificado_version=1, duplicado_de=None, correccion_version=1
        )
    )


async def _dos_respuestas(m: Mundo) -> None:
    await m.publicar(ejemplo(ConsultaRespondida, consulta=CONSULTA, version=2))


async def _respuesta_que_nadie_pidio(m: Mundo) -> None:
    await m.publicar(ejemplo(ConsultaRespondida, consulta="e" * 32))


async def _respuesta_de_otra_persona(m: Mundo) -> None:
    await m.publicar(ejemplo(ConsultaRespondida, consulta="f" * 32, llave="otra"))


async def _objeto_con_otro_nombre(m: Mundo) -> None:
    await m.paquetes.put(f"{PROCESO}/foto-de-maria", b"x")
    await m.publicar(ejemplo(RegistroRecibido, folio=AJENO, objeto=f"{PROCESO}/foto-de-maria"))


async def _objeto_perdido(m: Mundo) -> None:
    await m.paquetes.delete(await anext(m.paquetes.names()))


async def _objeto_alterado(m: Mundo) -> None:
    await m.expedientes.put(await anext(m.expedientes.names()), b"otra cosa")


async def _total_alterado(m: Mundo) -> None:
    contar = m.totales

    async def de_mas(proceso: str) -> dict[str, Any]:
        respuesta = await contar(proceso)
        respuesta["estados"]["en_lista_nominal"] += 1
        return respuesta

    m.totales = de_mas  # type: ignore[method-assign]


async def _folio_cambiado(m: Mundo) -> None:
    await m.proyectar()
    documento = await m.resultados.registros.get(SANO)
    assert documento is not None
    await m.resultados.registros.replace(documento | {"estado": "baja"}, documento["revision"])


async def _folio_perdido(m: Mundo) -> None:
    await m.proyectar()
    del m.resultados.registros._documents[SANO]


async def _folio_inventado(m: Mundo) -> None:
    await m.proyectar()
    documento = await m.resultados.registros.get(SANO)
    assert documento is not None
    hechos = {topic: hecho | {"offset": 0} for topic, hecho in documento["hechos"].items()}
    await m.resultados.registros.put_if_absent(documento | {"_id": AJENO, "hechos": hechos})


FALLAS: list[tuple[Callable[[Mundo], Any], set[str], str]] = [
    (_cuerpo_roto, {"esquemas"}, "cuerpo_invalido"),
    (_tipo_desconocido, {"esquemas"}, "tipo_desconocido"),
    (_topic_ajeno, {"esquemas"}, "evento_de_otro_topic"),
    (_llave_ajena, {"esquemas", "proyeccion", "totales"}, "llave_ajena"),
    (_particion_ajena, {"esquemas"}, "particion_ajena"),
    (_persona_en_particion_ajena, {"esquemas"}, "particion_ajena"),
    (_envio_roto, {"esquemas"}, "cuerpo_invalido"),
    (_veredicto_roto, {"esquemas"}, "cuerpo_invalido"),
    (_mismo_id_otro_contenido, {"identificadores"}, "con 2 contenidos"),
    (_misma_version_otro_contenido, {"versiones_divergentes", "vistos"}, f"{SANO} clasificado versión 1"),
    (_envio_abierto_dos_veces, {"versiones_divergentes"}, f"{ENVIO} envios versión 1"),
    (_anunciado_dos_veces, {"versiones_divergentes"}, f"{DUPLICADO} compulsa_personas versión 1"),
    (_dos_veredictos, {"versiones_divergentes"}, f"{DUPLICADO}/{PERSONA} compulsa_veredictos versión 2"),
    (_anuncio_saltado, {"huecos"}, f"{DUPLICADO} compulsa_personas: falta la versión 2"),
    (_cerrado_sin_abrir, {"huecos"}, "envios: falta la versión 1"),
    (_version_saltada, {"huecos"}, f"{SANO} clasificado: falta la versión 2, 3"),
    (_sin_recibir, {"huerfanos", "conservacion"}, f"{AJENO} sin registro_recibido"),
    (_duplicado_de_nadie, {"huerfanos"}, f"duplicado de {AJENO}"),
    (_anunciado_sin_recibir, {"huerfanos"}, f"{AJENO} sin registro_recibido, con compulsa_personas"),
    (_veredicto_sin_anuncio, {"veredictos"}, f"sobre {SANO}, que no se anunció"),
    (_veredicto_de_otra_persona, {"veredictos"}, f"sobre {DUPLICADO}, que no se anunció"),
    (_duplicado_de_quien_no_se_anuncio, {"veredictos"}, f"sobre {SANO}, que no se anunció"),
    (_recibido_sin_envio, {"envios"}, f"{AJENO} llegó en el envío {'e' * 32}, que nadie abrió"),
    (_recibido_en_envio_de_otro, {"envios"}, f"{AJENO} llegó en el envío {ENVIO}, que es de otro dispositivo"),
    (_reintento_de_lo_abierto, {"reintentos"}, "reintento de la versión 1, que no es una cuarentena"),
    (_reintento_de_otro_objeto, {"reintentos"}, "el reintento de la versión 3 no dice lo que dijo la recepción"),
    (_acceso_a_nadie, {"accesos"}, f"{AJENO} acceso"),
    (_correccion_de_lo_no_abierto, {"correcciones"}, "corrección versión 1 de lo que no se ha abierto"),
    (_correccion_bajo_otra_llave, {"correcciones"}, f"{SANO} corrección versión 1 bajo otra llave"),
    (_consulta_de_una_correccion_que_no_hay, {"correcciones"}, "por la corrección versión 1, que no existe"),
    (_dos_respuestas, {"consultas"}, f"{CONSULTA} 2 respuestas"),
    (_respuesta_que_nadie_pidio, {"consultas"}, "nadie la pidió"),
    (_respuesta_de_otra_persona, {"consultas"}, "es de otra persona"),
    (_objeto_con_otro_nombre, {"nombres_de_objetos", "contenido_de_objetos"}, "el nombre no es el de su hash"),
    (_objeto_perdido, {"objetos_presentes"}, "no está guardado"),
    (_objeto_alterado, {"contenido_de_objetos"}, "el contenido no es el de su hash"),
    (_total_alterado, {"totales"}, "en_lista_nominal: según los topics 2, según resultados 3"),
    (_folio_cambiado, {"proyeccion", "totales"}, "según los topics en_lista_nominal"),
    (_folio_perdido, {"proyeccion", "totales"}, f"{SANO} está en los topics y no en resultados"),
    (_folio_inventado, {"proyeccion", "totales"}, "está en resultados y en ningún topic"),
]


@pytest.mark.parametrize(
    ("plantar", "donde", "que"), FALLAS, ids=[plantar.__name__.strip("_") for plantar, _, _ in FALLAS]
)
async def test_encuentra_cada_falla_plantada_y_nada_que_no_se_siga_de_ella(
    mundo: Mundo, plantar: Callable[[Mundo], Any], donde: set[str], que: str
) -> None:
    await plantar(mundo)
    informe = await mundo.verificar()
    encontrado = hallazgos(informe)
    assert set(encontrado) == donde
    assert any(que in h for suyos in encontrado.values() for h in suyos), encontrado
    assert not informe.correcto


async def test_quien_decide_sin_que_se_le_entregara_el_registro_se_avisa(mundo: Mundo) -> None:
    await mundo.publicar(ejemplo(RegistroClasificado, folio=SANO, version=2, operador="prisa.01"))
    informe = await mundo.verificar()
    assert hallazgos(informe) == {"vistos": [f"{SANO} lo decidió prisa.01, a quien no consta que se le entregara"]}
    assert informe.correcto


async def test_lo_que_un_cierre_conto_y_aun_no_se_publica_se_dice_y_no_es_una_falla(mundo: Mundo) -> None:
    await mundo.publicar(ejemplo(EnvioAbierto, envio="e" * 32))
    await mundo.publicar(ejemplo(EnvioCerrado, envio="e" * 32, recibidos=1, folios=[AJENO]))
    informe = await mundo.verificar()
    assert hallazgos(informe) == {}
    envios = next(c for c in informe.comprobaciones if c.clave == "envios")
    assert envios.nota == "2 abiertos, 2 cerrados; 1 registros contados al cerrar, por publicarse"


async def test_lo_ilegible_que_esta_en_cuarentena_se_conserva_y_no_es_una_falla(mundo: Mundo) -> None:
    lugar = await mundo.stream.publish(Message("registro_recibido", "x", b"{}", {"ce_id": "x"}))
    await mundo.proyectar()
    informe = await mundo.verificar()
    assert set(hallazgos(informe)) == {"esquemas"}  # nobody keeps it
    assert informe.estado_de_salida == 1

    donde = f"{lugar.topic}/{lugar.partition}/{lugar.offset}"
    apartado = {"cuarentena_origen": donde, "cuarentena_grupo": "resultados", "cuarentena_motivo": "sobre_incompleto"}
    await mundo.stream.publish(Message("registro_recibido.cuarentena", "x", b"{}", {"ce_id": "x", **apartado}))
    informe = await mundo.verificar()
    assert {clave: [h.split(" ")[0] for h in suyos] for clave, suyos in hallazgos(informe).items()} == {
        "apartados": [donde]
    }
    assert (informe.correcto, informe.completo, informe.estado_de_salida) == (True, True, 0)

    await aceptar(mundo.stream, await leer_cuarentena(mundo.stream), HORA)
    informe = await mundo.verificar()
    assert hallazgos(informe) == {}
    assert next(c.nota for c in informe.comprobaciones if c.clave == "apartados") == "1 reenviados o aceptados"


@pytest.mark.parametrize(
    ("plantar", "grupos", "estado", "dicho"),
    [
        (None, True, 0, "Todo se sostiene"),
        (_objeto_perdido, True, 1, "Hay fallas"),
        (None, False, 2, "no se comprobó todo"),
    ],
)
async def test_el_comando_dice_lo_que_comprobo_con_su_estado_de_salida_su_tabla_y_su_json(
    mundo: Mundo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plantar: Callable[[Mundo], Any] | None,
    grupos: bool,
    estado: int,
    dicho: str,
) -> None:
    if plantar is not None:
        await plantar(mundo)
    fuentes = await mundo.fuentes()
    if not grupos:
        await mundo.vivir(vida(Estado.EN_PROCESAMIENTO, 500))

    async def informe(*_: object) -> Informe:
        return await verify.verificar(fuentes, Alcance.TODOS, espera_s=0.2)

    monkeypatch.setattr(verify, "de_instalacion", informe)
    consola = Console(file=io.StringIO(), width=200)
    archivo = tmp_path / "informe.json"
    assert await verify.correr(Instalacion(tmp_path), Alcance.TODOS, archivo, consola) == estado
    assert isinstance(consola.file, io.StringIO)
    texto = consola.file.getvalue()
    assert dicho in texto
    assert all(titulo in texto for titulo in TITULOS.values())
    escrito = json.loads(archivo.read_text(encoding="utf-8"))
    assert (escrito["correcto"], escrito["completo"]) == (estado != 1, estado != 2)
    assert [c["clave"] for c in escrito["comprobaciones"]] == list(TITULOS)


async def test_un_objeto_que_ningun_evento_nombra_es_un_aviso_y_no_una_falla(mundo: Mundo) -> None:
    await mundo.expedientes.put(f"{PROCESO}/llave/{'a' * 64}", b"de una muerte subita")
    informe = await mundo.verificar()
    assert set(hallazgos(informe)) == {"objetos_sin_evento"}
    assert informe.correcto


async def test_el_paquete_de_un_registro_abierto_puede_faltar_solo_tras_su_plazo(mundo: Mundo) -> None:
    for nombre in [n async for n in mundo.paquetes.names()]:
        await mundo.paquetes.delete(nombre)
    recibidos, abiertos = mundo.recibidos, mundo.abiertos
    assert abiertos < recibidos
    antes = await mundo.verificar()
    assert {h.donde for c in antes.comprobaciones if c.clave == "objetos_presentes" for h in c.hallazgos} == recibidos
    mundo.gracia = SystemClock().now() - HORA
    despues = await mundo.verificar()
    [presentes] = [c for c in despues.comprobaciones if c.clave == "objetos_presentes"]
    assert {h.donde for h in presentes.hallazgos} == recibidos - abiertos
    assert presentes.nota == f"{len(abiertos)} paquetes borrados tras su plazo"


async def test_el_paquete_de_un_registro_abierto_que_sigue_guardado_tras_su_plazo_es_una_falla(mundo: Mundo) -> None:
    abierto_hace = SystemClock().now() - HORA
    mundo.gracia = abierto_hace
    assert "paquetes_vencidos" not in hallazgos(await mundo.verificar()), "descifrado may be late by a little"
    mundo.gracia = abierto_hace - verify.MARGEN
    informe = await mundo.verificar()
    assert {
        h.donde for c in informe.comprobaciones if c.clave == "paquetes_vencidos" for h in c.hallazgos
    } == mundo.abiertos
    assert not informe.correcto


def test_el_plazo_de_los_paquetes_es_el_que_descifrado_tiene_en_esta_instalacion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instalacion = Instalacion(tmp_path)
    preparacion.preparar(
        instalacion, kafka="k:1", mongo="mongodb://m/", s3="o:1", smtp="c:1", oidc="http://127.0.0.1:1"
    )
    monkeypatch.setenv("APOYO_GRACIA_PAQUETES_H", "480")
    monkeypatch.setenv("APOYO_S3_ENDPOINT", "otro:1")
    settings = instalacion.settings(DescifradoSettings, "descifrado")
    assert (settings.gracia_paquetes, settings.s3_endpoint) == (timedelta(days=20), "o:1")


async def test_un_objeto_de_expediente_no_puede_faltar_nunca(mundo: Mundo) -> None:
    mundo.gracia = timedelta(0)
    for nombre in [n async for n in mundo.expedientes.names()]:
        await mundo.expedientes.delete(nombre)
    [presentes] = [c for c in (await mundo.verificar()).comprobaciones if c.clave == "objetos_presentes"]
    assert {h.donde for h in presentes.hallazgos} == mundo.abiertos


async def test_la_muestra_lee_algunos_objetos_y_ninguno_no_pregunta_por_ellos(mundo: Mundo) -> None:
    leidos: list[str] = []
    original = mundo.paquetes.get

    async def get(name: str, start: int = 0, length: int | None = None) -> bytes:
        leidos.append(name)
        return await original(name, start, length)

    mundo.paquetes.get = get  # type: ignore[method-assign]
    fuentes = await mundo.fuentes()
    informe = await verify.verificar(fuentes, Alcance.MUESTRA, elegir=lambda objetos, n: objetos[:2])
    assert len(leidos) == 2
    assert informe.completo
    informe = await verify.verificar(fuentes, Alcance.NINGUNO)
    assert len(leidos) == 2
    assert informe.estado_de_salida == 0  # nothing that was wanted is missing
    assert [c.clave for c in informe.comprobaciones if c.dictamen is Dictamen.NO_HECHA] == list(DE_OBJETOS)


async def test_si_solo_se_pueden_leer_los_topics_dice_que_no_se_comprobo(mundo: Mundo) -> None:
    class SinMotor:
        def __getattr__(self, name: str) -> Any:
            async def no(*args: Any, **kwargs: Any) -> Any:
                raise Unavailable("no contesta")

            return no

        async def names(self, prefix: str = "") -> AsyncIterator[str]:
            raise Unavailable("no contesta")
            yield

    await mundo.proyectar()
    nada: Any = SinMotor()
    fuentes = Fuentes(mundo.stream, {PAQUETES: nada, EXPEDIENTES: nada}, nada, nada.totales, mundo.gracia)
    informe = await verify.verificar(fuentes, espera_s=1)
    no_hechas = [c.clave for c in informe.comprobaciones if c.dictamen is Dictamen.NO_HECHA]
    assert no_hechas == [*DE_OBJETOS, "totales", "proyeccion"]
    assert informe.correcto
    assert not informe.completo
    assert informe.estado_de_salida == 2
    assert len(informe.fallas) == 7


async def test_si_resultados_no_alcanza_lo_leido_no_se_compara(mundo: Mundo) -> None:
    fuentes = await mundo.fuentes()
    await mundo.vivir(vida(Estado.EN_PROCESAMIENTO, 500))
    informe = await verify.verificar(fuentes, espera_s=0.1)
    assert [c.clave for c in informe.comprobaciones if c.dictamen is Dictamen.NO_HECHA] == ["totales", "proyeccion"]
    assert hallazgos(informe) == {}


async def test_lo_que_llega_mientras_se_verifica_no_parece_una_falla(mundo: Mundo) -> None:
    fuentes = await mundo.fuentes()
    primera = True

    async def con_trafico(proceso: str) -> dict[str, Any]:
        nonlocal primera
        if primera:
            primera = False
            await mundo.publicar(ejemplo(RegistroClasificado, folio=SANO, version=2))
            await mundo.vivir(vida(Estado.EN_PROCESAMIENTO, 500))
            await mundo.proyectar()
        return await mundo.totales(proceso)

    informe = await verify.verificar(
        Fuentes(fuentes.stream, fuentes.objetos, fuentes.registros, con_trafico, mundo.gracia)
    )
    assert hallazgos(informe) == {}
    proyeccion = next(c for c in informe.comprobaciones if c.clave == "proyeccion")
    assert proyeccion.dictamen is Dictamen.BIEN
    assert proyeccion.nota.startswith("2 con eventos más nuevos")
    assert [c.clave for c in informe.comprobaciones if c.dictamen is Dictamen.NO_HECHA] == ["totales"]


@pytest.mark.parametrize("terminada", [False, True])
async def test_lo_que_se_destruye_por_orden_puede_faltar_y_terminado_nada_queda(mundo: Mundo, terminada: bool) -> None:
    abiertos = len(mundo.abiertos)
    await mundo.publicar(ejemplo(DestruccionOrdenada, proceso=PROCESO))
    await mundo.publicar(ejemplo(ExpedientesDestruidos, proceso=PROCESO, version=1, registros=0, terminada=False))
    dicho = ejemplo(ExpedientesDestruidos, proceso=PROCESO, version=2, registros=abiertos, terminada=terminada)
    await mundo.publicar(dicho)
    [quitado, *quedan] = [n async for n in mundo.expedientes.names()]
    await mundo.expedientes.delete(quitado)
    assert set(hallazgos(await mundo.verificar())) == ({"destruidos"} if terminada else set())
    for cubo in (mundo.paquetes, mundo.expedientes):
        for nombre in [n async for n in cubo.names()]:
            await cubo.delete(nombre)
    assert quedan
    assert hallazgos(await mundo.verificar()) == {}


@pytest.mark.parametrize(
    ("ordenada", "de_menos", "dice"),
    [(True, 1, "se abrieron"), (False, 0, "se destruyó sin que nadie lo ordenara")],
)
async def test_lo_que_no_se_conto_o_nadie_ordeno_destruir_es_una_falla(
    mundo: Mundo, ordenada: bool, de_menos: int, dice: str
) -> None:
    for cubo in (mundo.paquetes, mundo.expedientes):
        for nombre in [n async for n in cubo.names()]:
            await cubo.delete(nombre)
    if ordenada:
        await mundo.publicar(ejemplo(DestruccionOrdenada, proceso=PROCESO))
    registros = len(mundo.abiertos) - de_menos
    await mundo.publicar(
        ejemplo(ExpedientesDestruidos, proceso=PROCESO, version=1, registros=registros, terminada=True)
    )
    found = hallazgos(await mundo.verificar())
    assert set(found) == {"destruidos"}
    assert dice in found["destruidos"][0]


async def test_lo_que_se_abrio_despues_de_la_orden_no_tiene_que_estar_en_la_cuenta(mundo: Mundo) -> None:
    for cubo in (mundo.paquetes, mundo.expedientes):
        for nombre in [n async for n in cubo.names()]:
            await cubo.delete(nombre)
    await mundo.publicar(ejemplo(DestruccionOrdenada, proceso=PROCESO, ordenada_en=HORA - timedelta(seconds=1)))
    await mundo.publicar(ejemplo(ExpedientesDestruidos, proceso=PROCESO, version=1, registros=0, terminada=True))
    assert hallazgos(await mundo.verificar()) == {}
