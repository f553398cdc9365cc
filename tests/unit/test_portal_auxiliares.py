"""Auxiliares: registered once, checked against the roll, dismissed by whom the rules say (P 7.3-7.7, 9.17; D 3, 4.5, 6.7)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from kernel.outbox import Outbox
from schemas.actores import DatosAuxiliar, acceso_en
from schemas.autorizacion import Rol
from schemas.eventos import (
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    AuxiliarVerificado,
    ConsultaRespondida,
    ConsultaSolicitada,
    FuraRegistrada,
    SituacionRegistral,
)
from services.portal.domain.auxiliares import Estado, estado
from services.portal.domain.nomina import situacion_de
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.auxiliares import Alta
from services.portal.handlers.consultas import REPARAR_TRAS
from services.portal.handlers.escritura import Orden
from tests.support.auxiliares import CIUDADANA, OTRA, SOLICITUD, Padron, con_procesos, con_reglas, persona
from tests.support.identidad import LLAVE
from tests.support.portal import EPOCA, PortalDePrueba, portal


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        await con_procesos(p)
        yield p


def valores(n: int, **cambios: str) -> dict[str, list[str]]:
    return {campo: [texto] for campo, texto in persona(n, **cambios).items()}


async def registrar(
    p: PortalDePrueba, n: int, solicitud: str = SOLICITUD, orden: Orden | None = None, **cambios: str
) -> AuxiliarRegistrado:
    registrado = await p.auxiliares.registrar(orden or p.orden("promovente1"), solicitud, valores(n, **cambios))
    await p.escritor.visible(registrado)
    return registrado


async def dar_de_baja(
    p: PortalDePrueba, auxiliar: str, por: str = "promovente1", rol: Rol = Rol.PROMOVENTE, **campos: str
) -> AuxiliarDadoDeBaja:
    escrito = {"motivo": ["fallecimiento"]} | {k: [v] for k, v in campos.items()}
    baja = await p.auxiliares.dar_de_baja(p.orden(por), rol, SOLICITUD, auxiliar, escrito)
    await p.escritor.visible(baja)
    return baja


async def hasta(p: PortalDePrueba, evento: type, cuantos: int) -> list[object]:
    """Events of that kind on `actores`, once there are so many and this process has seen them."""
    async with asyncio.timeout(10):
        while True:
            found = [e for e in await p.dichos() if isinstance(e, evento)]
            if len(found) >= cuantos and p.vista.vistas.get(found[-1].serie):
                return found  # type: ignore[return-value]
            await asyncio.sleep(0.01)


def como_esta(p: PortalDePrueba, auxiliar: str, solicitud: str = SOLICITUD) -> Estado:
    actores = p.vista.actores
    return estado(situacion_de(actores, solicitud, auxiliar), actores.perfil_de(solicitud.split("-")[0]))


# Registration ----------------------------------------------------------------------------------------------------------


async def test_los_auxiliares_se_registran_en_orden_con_sus_datos_sellados(p: PortalDePrueba) -> None:
    uno, dos = await registrar(p, 1), await registrar(p, 2)
    assert [a.auxiliar for a in (uno, dos)] == ["A0001", "A0002"]
    assert uno.por == "promovente1"
    assert uno.registrado_en == EPOCA
    assert uno.acceso == acceso_en(LLAVE, "CI26", "google", "PERSONA1@example.com")
    datos = (await p.auxiliares.datos("promovente1", [uno, dos]))["A0001"]
    assert datos == DatosAuxiliar(**persona(1) | {"nacimiento": "1990-03-21"})
    crudo = b"".join([r.value for t in ("actores", "consulta_padron") async for r in p.stream.read(t)])
    crudo += repr(await p.salida.find({})).encode() + repr(await p.fichas.find({})).encode()
    for dato in ("Xóchitl", "persona1@", "6181234567", persona(1)["clave_elector"]):
        assert dato.encode() not in crudo


async def test_cada_servicio_recibe_solo_su_parte_de_la_llave(p: PortalDePrueba) -> None:
    registrado = await registrar(p, 1)
    stored = await p.llaves.get(registrado.llave)
    assert stored is not None
    assert stored["wraps"].keys() == {"portal", "notificaciones", "compulsa"}


async def test_la_misma_orden_repetida_es_un_solo_auxiliar(p: PortalDePrueba) -> None:
    orden = p.orden("promovente1")
    una = await registrar(p, 1, orden=orden)
    assert await registrar(p, 1, orden=orden) == una
    assert len(p.vista.nomina.ids[SOLICITUD]) == 1
    assert len(await p.dichos("consulta_padron")) == 1


async def test_una_orden_que_murio_antes_de_preguntar_pregunta_al_repetirse(
    p: PortalDePrueba, monkeypatch: pytest.MonkeyPatch
) -> None:
    orden = p.orden("promovente1")

    async def muere(*args: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as m:
        m.setattr(p.consultas, "pedir", muere)
        with pytest.raises(RuntimeError):
            await registrar(p, 1, orden=orden)
    assert await p.dichos("consulta_padron") == []
    await registrar(p, 1, orden=orden)
    assert len(await p.dichos("consulta_padron")) == 1
    assert len(p.vista.nomina.ids[SOLICITUD]) == 1


async def test_un_correo_es_un_auxiliar_en_la_solicitud_sin_importar_quien_lo_emite(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    for cambios in ({}, {"correo": "PERSONA1@example.com"}, {"emisor": "facebook"}):
        with pytest.raises(Invalida) as caught:
            await registrar(p, 2, **({"correo": "persona1@example.com"} | cambios))
        assert caught.value.errores == {"correo": "Ya está registrado en esta solicitud como A0001."}


async def test_una_persona_puede_ser_auxiliar_de_dos_aspirantes_con_ids_aparte(p: PortalDePrueba) -> None:
    uno, otro = await registrar(p, 1), await registrar(p, 1, OTRA)
    assert (uno.auxiliar, otro.auxiliar) == ("A0001", "A0001")
    assert uno.llave != otro.llave
    assert uno.asunto != otro.asunto


async def test_de_varias_instancias_a_la_vez_un_correo_se_registra_una_vez_y_los_numeros_no_se_repiten(
    p: PortalDePrueba,
) -> None:
    otra = p.otra_instancia()
    async with otra.en_marcha(proyecta=False):
        mismos = await asyncio.gather(
            *(i.auxiliares.registrar(p.orden(), SOLICITUD, valores(1)) for i in (p, otra, p, otra)),
            return_exceptions=True,
        )
        distintos = await asyncio.gather(
            *(i.auxiliares.registrar(p.orden(), SOLICITUD, valores(n)) for n, i in enumerate((p, otra) * 3, 2))
        )
    assert sum(isinstance(m, AuxiliarRegistrado) for m in mismos) == 1
    assert sum(isinstance(m, Invalida) for m in mismos) == 3
    assert len({a.auxiliar for a in distintos}) == 6
    registrados = [e for e in await p.dichos() if isinstance(e, AuxiliarRegistrado)]
    assert len({e.asunto for e in registrados}) == len({e.acceso for e in registrados}) == 7


async def test_lo_que_se_advierte_se_registra_solo_si_se_confirma(p: PortalDePrueba) -> None:
    with pytest.raises(Invalida) as caught:
        await registrar(p, 1, paterno="Zamora")
    assert caught.value.errores.keys() == {"clave_elector", "confirmo"}
    assert (await registrar(p, 1, paterno="Zamora", confirmo="si")).auxiliar == "A0001"
    with pytest.raises(Invalida) as caught:
        await registrar(p, 2, paterno="Zamora", telefono="1", confirmo="si")
    assert caught.value.errores.keys() == {"clave_elector", "telefono"}


async def test_solo_se_registra_mientras_el_proceso_recibe(p: PortalDePrueba) -> None:
    p.reloj.avanza(days=5)
    with pytest.raises(Rechazo) as caught:
        await registrar(p, 1)
    assert caught.value.codigo is Codigo.PROCESO_CERRADO
    with pytest.raises(Rechazo) as caught:
        await registrar(p, 1, "CI26-0099")
    assert caught.value.codigo is Codigo.NO_EXISTE


async def test_el_numero_que_otro_tomo_no_se_da_dos_veces_y_sigue_el_siguiente(p: PortalDePrueba) -> None:
    """This process has not seen what another one wrote: the insert decides."""
    sorda = p.otra_instancia()
    await p.auxiliares.dar_de_alta(SOLICITUD, _altas(1, 2, 3), "promovente1")
    sorda.vista.actores = p.vista.actores
    dadas = await sorda.auxiliares.dar_de_alta(SOLICITUD, _altas(4, 2, 5), "promovente1")
    assert isinstance(dadas[1], AuxiliarRegistrado)
    assert dadas[1].auxiliar == "A0002"
    assert {dadas[0].auxiliar, dadas[2].auxiliar} == {"A0004", "A0005"}


def _altas(*numeros: int) -> list[Alta]:
    return [Alta(f"lote/x/{n}", DatosAuxiliar(**persona(n) | {"nacimiento": "1990-03-21"})) for n in numeros]


async def test_en_participacion_ciudadana_no_se_pregunta_al_registrar(p: PortalDePrueba) -> None:
    registrado = await registrar(p, 1, CIUDADANA)
    assert await p.dichos("consulta_padron") == []
    assert como_esta(p, registrado.auxiliar, CIUDADANA) is Estado.ACTIVO


# The roll --------------------------------------------------------------------------------------------------------------


async def test_quien_esta_en_el_padron_con_credencial_vigente_queda_verificado(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    assert como_esta(p, "A0001") is Estado.EN_VERIFICACION
    await Padron(p).responder()
    (verificado,) = await hasta(p, AuxiliarVerificado, 1)
    assert isinstance(verificado, AuxiliarVerificado)
    assert (verificado.resultado, verificado.corte) == ("procede", "2026-10-31")
    assert como_esta(p, "A0001") is Estado.ACTIVO


@pytest.mark.parametrize(
    ("situacion", "resultado", "motivo"),
    [
        (SituacionRegistral.NO_ENCONTRADO, "no_encontrado", "No se encontró en el padrón electoral"),
        (SituacionRegistral.BAJA, "sin_vigencia", "No cuenta con credencial para votar vigente"),
        (
            SituacionRegistral.EN_PADRON_NO_LISTA_NOMINAL,
            "sin_vigencia",
            "No cuenta con credencial para votar vigente",
        ),
    ],
)
async def test_quien_no_esta_en_el_padron_queda_de_baja_con_su_motivo(
    p: PortalDePrueba, situacion: SituacionRegistral, resultado: str, motivo: str
) -> None:
    await registrar(p, 1)
    await Padron(p, {persona(1)["clave_elector"]: situacion}).responder()
    (baja,) = await hasta(p, AuxiliarDadoDeBaja, 1)
    assert isinstance(baja, AuxiliarDadoDeBaja)
    assert (baja.por, baja.cuenta, baja.motivo, baja.desde) == ("ine", None, motivo, p.reloj.ahora)
    assert p.vista.actores.verificaciones[(SOLICITUD, "A0001")].resultado == resultado
    assert como_esta(p, "A0001") is Estado.DE_BAJA


async def test_por_ine_el_ine_lo_ve_y_decide(p: PortalDePrueba) -> None:
    await con_reglas(p, "CI26", 2, baja_por_consulta="por_ine")
    await registrar(p, 1)
    await Padron(p, {persona(1)["clave_elector"]: SituacionRegistral.NO_ENCONTRADO}).responder()
    await hasta(p, AuxiliarVerificado, 1)
    assert como_esta(p, "A0001") is Estado.POR_DECIDIR
    await dar_de_baja(p, "A0001", "ine1", Rol.INE_ADMIN, motivo="no_encontrado")
    assert como_esta(p, "A0001") is Estado.DE_BAJA


async def test_una_respuesta_repetida_en_dos_instancias_no_cambia_nada(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    padron = Padron(p, {persona(1)["clave_elector"]: SituacionRegistral.NO_ENCONTRADO})
    await padron.responder()
    await hasta(p, AuxiliarDadoDeBaja, 1)
    antes = await p.dichos()
    otra = p.otra_instancia()
    async with otra.en_marcha(proyecta=False):
        for respuesta in await p.dichos("respuesta_padron"):
            assert isinstance(respuesta, ConsultaRespondida)
            await padron_otra_vez(p, respuesta)
        await asyncio.sleep(0.2)
    assert await p.dichos() == antes


async def padron_otra_vez(p: PortalDePrueba, respuesta: ConsultaRespondida) -> None:
    """The same answer under another envelope: as if compulsa had said it again."""
    again = Outbox(type(p.salida)(), p.stream, p.reloj, "/apoyo/compulsa")
    await again.emit(respuesta, cause="otra vez")


async def test_una_respuesta_que_llega_tras_la_baja_no_cambia_nada(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    baja = await dar_de_baja(p, "A0001")
    antes = await p.dichos()
    await Padron(p, {persona(1)["clave_elector"]: SituacionRegistral.NO_ENCONTRADO}).responder()
    await asyncio.sleep(0.2)
    assert await p.dichos() == antes
    assert p.vista.actores.bajas[(SOLICITUD, "A0001")] == baja


async def test_la_baja_a_mano_que_se_adelanta_a_la_de_regla_es_la_que_queda(p: PortalDePrueba) -> None:
    """This instance has not seen the dismissal yet: the insert decides."""
    await registrar(p, 1)
    sorda = p.otra_instancia()
    for evento in await p.dichos():
        sorda.vista.aplicar(evento, 0)
    baja = await dar_de_baja(p, "A0001")
    padron = Padron(p, {persona(1)["clave_elector"]: SituacionRegistral.NO_ENCONTRADO})
    await padron.responder()
    (respuesta,) = await p.dichos("respuesta_padron")
    assert isinstance(respuesta, ConsultaRespondida)
    await sorda.consultas.en_respuesta(respuesta, _contexto())
    bajas = [e for e in await p.dichos() if isinstance(e, AuxiliarDadoDeBaja)]
    assert bajas == [baja]


def _contexto() -> object:
    class Contexto:
        cause = "respuesta"

    return Contexto()


async def test_lo_que_una_muerte_dejo_sin_preguntar_se_pregunta_despues(
    p: PortalDePrueba, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nada(*args: object) -> None:
        return None

    with monkeypatch.context() as m:
        m.setattr(p.consultas, "pedir", nada)
        await registrar(p, 1)
    await registrar(p, 2)
    assert len(await p.dichos("consulta_padron")) == 1
    otra = p.otra_instancia()
    async with otra.en_marcha(proyecta=False):
        assert await otra.consultas.reparar() == 0
        p.reloj.avanza(seconds=REPARAR_TRAS.total_seconds())
        assert await otra.consultas.reparar() == 2
        assert await otra.consultas.reparar() == 0
    consultas = [c for c in await p.dichos("consulta_padron") if isinstance(c, ConsultaSolicitada)]
    assert sorted(c.sujeto for c in consultas) == [f"auxiliar/{SOLICITUD}/A0001", f"auxiliar/{SOLICITUD}/A0002"]


async def test_de_quien_se_cargo_sin_clave_no_se_pregunta(p: PortalDePrueba) -> None:
    antiguo = await registrar(p, 1)
    sin_clave = antiguo.model_copy(update={"auxiliar": "A7", "registrado_en": None})
    await p.publica(sin_clave)
    p.reloj.avanza(minutes=5)
    await p.otra_instancia().consultas.reparar()
    assert len(await p.dichos("consulta_padron")) == 1


@pytest.mark.parametrize("que", ["ajena", "desconocido", "sellada_mal", "llave_destruida"])
async def test_una_respuesta_que_no_se_entiende_va_a_cuarentena_y_no_cuesta_otras(p: PortalDePrueba, que: str) -> None:
    registrado = await registrar(p, 1)
    await registrar(p, 2)
    padron = Padron(p)
    consulta = next(c for c in await p.dichos("consulta_padron") if isinstance(c, ConsultaSolicitada))
    mala = padron.respuesta(consulta, bytes(32), SituacionRegistral.EN_LISTA_NOMINAL)
    if que == "ajena":
        mala = mala.model_copy(update={"sujeto": f"auxiliar/{SOLICITUD}/A0002"})
    elif que == "desconocido":
        mala = mala.model_copy(update={"sujeto": "solicitud/CI26-0001"})
    elif que == "llave_destruida":
        await p.llavero.destroy(registrado.llave)
    await padron_otra_vez(p, mala)
    async with asyncio.timeout(5):
        while not [r async for r in p.stream.read("respuesta_padron.cuarentena")]:
            await asyncio.sleep(0.01)
    if que != "llave_destruida":
        await padron.responder()
        await hasta(p, AuxiliarVerificado, 2)


# Dismissals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("por", "rol", "quien"),
    [
        ("promovente1", Rol.PROMOVENTE, "promovente"),
        ("opl1", Rol.OPL_ADMIN, "opl"),
        ("ine1", Rol.INE_ADMIN, "ine"),
    ],
)
async def test_la_baja_tiene_autor_fecha_y_motivo(p: PortalDePrueba, por: str, rol: Rol, quien: str) -> None:
    registrado = await registrar(p, 1)
    p.reloj.avanza(hours=2)
    baja = await dar_de_baja(p, "A0001", por, rol, motivo="otro", detalle="Cambió de ciudad.")
    assert (baja.por, baja.cuenta, baja.motivo) == (quien, por, "Otro motivo")
    assert baja.desde == EPOCA + timedelta(hours=2)
    assert await p.auxiliares.detalle_de_baja("opl1", registrado, baja) == "Cambió de ciudad."
    assert "ciudad" not in baja.model_dump_json()


async def test_otro_motivo_pide_decir_cual_y_uno_ajeno_no_se_ofrece(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    for campos, mal in (
        ({"motivo": "otro"}, "detalle"),
        ({"motivo": "uso_de_dispositivos"}, "motivo"),
        ({"motivo": ""}, "motivo"),
    ):
        with pytest.raises(Invalida) as caught:
            await dar_de_baja(p, "A0001", **campos)
        assert caught.value.errores.keys() == {mal}


async def test_quien_las_reglas_no_nombran_no_da_de_baja(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    await con_reglas(p, "CI26", 2, bajas_de_auxiliar=["opl"])
    with pytest.raises(Rechazo) as caught:
        await dar_de_baja(p, "A0001")
    assert caught.value.codigo is Codigo.NO_DA_DE_BAJA
    await dar_de_baja(p, "A0001", "opl1", Rol.OPL_ADMIN)


async def test_una_baja_no_se_modifica_y_repetir_la_orden_no_es_otra(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    orden, motivo = p.orden("promovente1"), {"motivo": ["renuncia"]}
    baja = await p.auxiliares.dar_de_baja(orden, Rol.PROMOVENTE, SOLICITUD, "A0001", motivo)
    await p.escritor.visible(baja)
    p.reloj.avanza(minutes=1)
    assert await p.auxiliares.dar_de_baja(orden, Rol.PROMOVENTE, SOLICITUD, "A0001", motivo) == baja
    with pytest.raises(Rechazo) as caught:
        await dar_de_baja(p, "A0001", "opl1", Rol.OPL_ADMIN)
    assert caught.value.codigo is Codigo.AUXILIAR_DE_BAJA


async def test_el_correo_de_quien_quedo_de_baja_se_puede_registrar_otra_vez_con_otro_id(p: PortalDePrueba) -> None:
    for vuelta in (1, 2, 3):
        registrado = await registrar(p, 1)
        assert registrado.auxiliar == f"A000{vuelta}"
        with pytest.raises(Invalida):
            await registrar(p, 9, correo=persona(1)["correo"])
        await dar_de_baja(p, registrado.auxiliar)


# FURA, e-mail ----------------------------------------------------------------------------------------------------------


async def test_la_fura_se_asienta_con_quien_y_cuando_y_se_corrige_en_otra_version(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    una = await p.auxiliares.asentar_fura(p.orden("opl1"), SOLICITUD, "A0001", 0, {"firmada_en": ["2026-11-18"]})
    await p.escritor.visible(una)
    assert (una.firmada_en, una.por, una.registrada_en) == ("2026-11-18", "opl1", EPOCA)
    otra = await p.auxiliares.asentar_fura(p.orden("opl1"), SOLICITUD, "A0001", 1, {"firmada_en": ["2026-11-19"]})
    assert otra.version == 2
    with pytest.raises(Rechazo) as caught:
        await p.auxiliares.asentar_fura(p.orden("opl1"), SOLICITUD, "A0001", 1, {"firmada_en": ["2026-11-17"]})
    assert caught.value.codigo is Codigo.CAMBIADO
    for mala in ("2026-11-21", "", "ayer"):
        with pytest.raises(Invalida):
            await p.auxiliares.asentar_fura(p.orden("opl1"), SOLICITUD, "A0001", 2, {"firmada_en": [mala]})
    assert [type(e) for e in await p.dichos()][-2:] == [FuraRegistrada] * 2


async def _cambiar(
    p: PortalDePrueba, version: int, correo: str, emisor: str, auxiliar: str = "A0001"
) -> AuxiliarRegistrado:
    campos = {"correo": [correo], "emisor": [emisor]}
    evento = await p.auxiliares.cambiar_correo(p.orden("promovente1"), SOLICITUD, auxiliar, version, campos)
    await p.escritor.visible(evento)
    return evento


async def test_el_cambio_de_correo_conserva_id_llave_e_historia(p: PortalDePrueba) -> None:
    antes = await registrar(p, 1)
    despues = await _cambiar(p, 1, "nuevo@example.com", "facebook")
    assert (despues.auxiliar, despues.llave, despues.version) == ("A0001", antes.llave, 2)
    assert despues.acceso == acceso_en(LLAVE, "CI26", "facebook", "nuevo@example.com")
    datos = (await p.auxiliares.datos("opl1", [despues]))["A0001"]
    assert (datos.correo, datos.emisor, datos.nombre) == ("nuevo@example.com", "facebook", "Xóchitl")
    assert [e for e in await p.dichos() if isinstance(e, AuxiliarRegistrado)] == [antes, despues]
    assert len(await p.dichos("consulta_padron")) == 1


async def test_cambiar_solo_el_emisor_del_mismo_correo(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    despues = await _cambiar(p, 1, persona(1)["correo"], "facebook")
    assert despues.acceso == acceso_en(LLAVE, "CI26", "facebook", persona(1)["correo"])
    assert (await _cambiar(p, 2, persona(1)["correo"], "google")).version == 3


async def test_el_correo_de_otro_no_se_toma_y_el_que_se_deja_queda_libre(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    await registrar(p, 2)
    with pytest.raises(Invalida) as caught:
        await _cambiar(p, 1, persona(2)["correo"], "facebook")
    assert caught.value.errores == {"correo": "Ya está registrado en esta solicitud como A0002."}
    await _cambiar(p, 1, "nuevo@example.com", "google")
    assert (await registrar(p, 3, correo=persona(1)["correo"])).auxiliar == "A0003"
    with pytest.raises(Invalida):
        await _cambiar(p, 2, persona(1)["correo"], "google")


async def test_a_quien_quedo_de_baja_no_se_le_cambia_el_correo(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    await dar_de_baja(p, "A0001")
    with pytest.raises(Rechazo) as caught:
        await _cambiar(p, 1, "nuevo@example.com", "google")
    assert caught.value.codigo is Codigo.AUXILIAR_DE_BAJA


async def test_la_nomina_es_la_misma_en_cualquier_orden(p: PortalDePrueba) -> None:
    for n in (1, 2, 3):
        await registrar(p, n)
    await dar_de_baja(p, "A0002")
    await Padron(p).responder()
    await hasta(p, AuxiliarVerificado, 2)
    nomina = p.vista.nomina
    for eventos in (await p.dichos(), list(reversed(await p.dichos()))):
        otra = type(nomina)()
        for evento in eventos:
            otra.aplicar(evento)
        assert otra.ids[SOLICITUD].keys() == nomina.ids[SOLICITUD].keys()
        assert (otra.ultimos, otra.sin_respuesta.keys()) == (nomina.ultimos, nomina.sin_respuesta.keys())
