"""Decisions: the catalogue, what a rule adds, idempotency, undo, and what the second person finds out (SPEC 7)."""

from collections.abc import AsyncIterator

import pytest

from schemas.paquete import Modalidad
from services.mesa_control.acceso.handlers import Historias
from services.mesa_control.domain import Eleccion, Orden, Rechazo, comparar
from tests.support.mesa import PROCESO, PROPIA, Mesa, datos, el_opl_agrega, folio


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


def _orden(*elecciones: Eleccion, reemplaza: int | None = None, compulsado: int = 1) -> Orden:
    return Orden(elecciones, compulsado, reemplaza)


async def _rechazo(mesa: Mesa, orden: Orden, operador: str = "operador1", llave: str = "llave-0001") -> Rechazo:
    with pytest.raises(Rechazo) as caught:
        await mesa.servicio.decidir(folio(1), operador, orden, llave)
    return caught.value


async def test_sin_inconsistencia_es_la_lista_vacia_y_dice_bajo_que_se_decidio(mesa: Mesa) -> None:
    await mesa.llega(1)
    decision = await mesa.servicio.decidir(folio(1), "operador1", _orden(), "llave-0001")
    assert decision.sin_inconsistencia
    assert (decision.version, decision.operador, decision.compulsado_version) == (1, "operador1", 1)
    assert decision.perfil == mesa.actores.procesos[PROCESO].perfil
    assert decision.actores_offset == mesa.actores.offset


async def test_varias_inconsistencias_se_guardan_con_su_detalle(mesa: Mesa) -> None:
    await mesa.llega(1)
    decision = await mesa.servicio.decidir(
        folio(1), "operador1", _orden(Eleccion("g"), Eleccion("f", "  Ilegible: OCR ")), "llave-0001"
    )
    assert [(i.clave, i.detalle, i.origen) for i in decision.inconsistencias] == [
        ("g", None, "revision"),
        ("f", "Ilegible: OCR", "revision"),
    ]


async def test_lo_que_vio_una_regla_forma_parte_de_toda_decision(mesa: Mesa) -> None:
    await mesa.llega(1, reglas=["fuera_de_periodo", "dispositivo_no_autorizado"])
    decision = await mesa.servicio.decidir(folio(1), "operador1", _orden(Eleccion("a")), "llave-0001")
    assert [(i.clave, i.origen) for i in decision.inconsistencias] == [
        ("a", "revision"),
        ("fuera_de_periodo", "regla"),
        ("dispositivo_no_autorizado", "regla"),
    ]


@pytest.mark.parametrize(
    ("elecciones", "codigo"),
    [
        ((Eleccion("x"),), "inconsistencia_desconocida"),
        ((Eleccion("manual_en_copia"),), "inconsistencia_desconocida"),
        ((Eleccion("fuera_de_periodo"),), "inconsistencia_por_regla"),
        ((Eleccion("a"), Eleccion("a")), "inconsistencia_repetida"),
        ((Eleccion("f"),), "detalle_requerido"),
        ((Eleccion("j", "   "),), "detalle_requerido"),
    ],
)
async def test_lo_que_el_catalogo_no_admite_se_rechaza_y_nada_se_guarda(
    mesa: Mesa, elecciones: tuple[Eleccion, ...], codigo: str
) -> None:
    await mesa.llega(1)
    assert (await _rechazo(mesa, _orden(*elecciones))).codigo == codigo
    assert await mesa.salida.count({}) == 0


async def test_lo_valido_por_su_excepcion_consta_y_no_es_inconsistencia(mesa: Mesa) -> None:
    """P 13.7 j, k, m."""
    await mesa.llega(1)
    orden = Orden((), 1, excepciones=("m", "j"))
    decision = await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-0001")
    assert decision.sin_inconsistencia
    assert decision.excepciones == ["j", "m"]
    assert await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-0001") == decision
    assert (await _rechazo(mesa, _orden())).codigo == "llave_reutilizada"


@pytest.mark.parametrize(
    ("orden", "codigo"),
    [
        (Orden((), 1, excepciones=("l",)), "excepcion_desconocida"),
        (Orden((), 1, excepciones=("fuera_de_periodo",)), "excepcion_desconocida"),
        (Orden((Eleccion("k"),), 1, excepciones=("k",)), "excepcion_contradictoria"),
    ],
)
async def test_solo_es_valido_por_excepcion_lo_que_la_norma_exceptua(mesa: Mesa, orden: Orden, codigo: str) -> None:
    await mesa.llega(1)
    assert (await _rechazo(mesa, orden)).codigo == codigo
    assert await mesa.salida.count({}) == 0


async def test_lo_que_agrega_el_opl_se_ofrece_se_exige_su_detalle_y_lo_nombra_la_decision(mesa: Mesa) -> None:
    """P 13.8."""
    await mesa.llega(1)
    assert (await _rechazo(mesa, _orden(Eleccion(PROPIA.clave, "x")))).codigo == "inconsistencia_desconocida"
    el_opl_agrega(mesa, PROPIA)
    assert (await _rechazo(mesa, _orden(Eleccion(PROPIA.clave)))).codigo == "detalle_requerido"
    orden = _orden(Eleccion(PROPIA.clave, "papel de otro color"))
    decision = await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-0002")
    assert (decision.catalogo, decision.perfil.version) == ("spec-7/2+2", 2)
    assert [(i.clave, i.detalle) for i in decision.inconsistencias] == [(PROPIA.clave, "papel de otro color")]


async def test_lo_decidido_no_cambia_cuando_el_opl_quita_lo_que_agrego(mesa: Mesa) -> None:
    await mesa.llega(1)
    el_opl_agrega(mesa, PROPIA)
    orden = _orden(Eleccion(PROPIA.clave, "papel de otro color"))
    decision = await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-0001")
    el_opl_agrega(mesa)
    assert await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-0001") == decision
    await mesa.llega(2)
    with pytest.raises(Rechazo) as caught:
        await mesa.servicio.decidir(folio(2), "operador1", orden, "llave-0003")
    assert caught.value.codigo == "inconsistencia_desconocida"
    await mesa.cuenta_la_historia()
    [paso] = [p for p in await Historias(mesa.historias, lambda: mesa.actores).de(folio(1)) if p.version == 1]
    assert "La cédula no es la que aprobó el OPL (papel de otro color)" in paso.detalle


async def test_lo_que_agrega_el_opl_es_de_sus_modalidades(mesa: Mesa) -> None:
    await mesa.llega(1)
    el_opl_agrega(mesa, PROPIA.model_copy(update={"modalidades": [Modalidad.CAPTURA_MANUAL]}))
    assert (await _rechazo(mesa, _orden(Eleccion(PROPIA.clave, "x")))).codigo == "inconsistencia_desconocida"


async def test_la_misma_llave_da_la_misma_respuesta(mesa: Mesa) -> None:
    await mesa.llega(1)
    first = await mesa.servicio.decidir(folio(1), "operador1", _orden(Eleccion("g")), "llave-0001")
    mesa.reloj.avanza(minutes=30)
    assert await mesa.servicio.decidir(folio(1), "operador1", _orden(Eleccion("g")), "llave-0001") == first
    assert await mesa.salida.count({}) == 1


async def test_la_misma_llave_con_otra_orden_se_rechaza(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.servicio.decidir(folio(1), "operador1", _orden(Eleccion("g")), "llave-0001")
    assert (await _rechazo(mesa, _orden())).codigo == "llave_reutilizada"
    assert (await _rechazo(mesa, _orden(reemplaza=1))).codigo == "llave_reutilizada"


async def test_quien_llega_segundo_sabe_quien_decidio_y_cuando(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.servicio.decidir(folio(1), "operador1", _orden(), "llave-0001")
    rechazo = await _rechazo(mesa, _orden(Eleccion("a")), "operador2", "llave-0002")
    assert rechazo.codigo == "registro_ya_decidido"
    assert rechazo.datos == {"operador": "operador1", "decidido_en": "2026-11-21T18:00:00+00:00"}


async def test_el_registro_asignado_a_otra_persona_no_se_decide_y_el_libre_si(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.servicio.siguiente("operador1", PROCESO)
    assert (await _rechazo(mesa, _orden(), "operador2")).codigo == "registro_asignado_a_otra_persona"
    mesa.reloj.avanza(minutes=11)
    assert (await mesa.servicio.decidir(folio(1), "operador2", _orden(), "llave-0002")).operador == "operador2"


async def test_una_caida_entre_escribir_y_proyectar_no_da_el_registro_a_nadie_mas(mesa: Mesa) -> None:
    await mesa.llega(1)
    real = mesa.registros.replace

    async def dies(document: dict[str, object], revision: int) -> bool:
        raise RuntimeError("the process died here")

    mesa.registros.replace = dies  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError):
        await mesa.servicio.decidir(folio(1), "operador1", _orden(), "llave-0001")
    mesa.registros.replace = real  # type: ignore[method-assign]
    assert (await _rechazo(mesa, _orden(Eleccion("a")), "operador2", "llave-0002")).codigo == "registro_ya_decidido"
    assert await mesa.servicio.siguiente("operador2", PROCESO) is None
    assert (await mesa.servicio.decidir(folio(1), "operador1", _orden(), "llave-0001")).version == 1


async def test_la_decision_propia_ya_de_vuelta_deja_lo_mismo_que_una_reconstruccion(mesa: Mesa) -> None:
    eventos = await mesa.eventos(1)
    for evento in eventos:
        await mesa.recibe(evento)
    await mesa.servicio.siguiente("operador1", PROCESO)
    decision = await mesa.servicio.decidir(folio(1), "operador1", _orden(), "llave-0001")
    reconstruida = Mesa(reloj=mesa.reloj)
    for evento in (*eventos, decision):
        await reconstruida.recibe(evento)
    assert await _sin_revision(mesa) != await _sin_revision(reconstruida)
    await mesa.recibe(decision)
    assert await _sin_revision(mesa) == await _sin_revision(reconstruida)


async def _sin_revision(mesa: Mesa) -> dict[str, object]:
    documento = await mesa.registros.get(folio(1))
    assert documento is not None
    return {name: value for name, value in documento.items() if name != "revision"}


async def test_quien_decidio_puede_deshacer_durante_un_tiempo_y_nadie_mas(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.servicio.decidir(folio(1), "operador1", _orden(), "llave-0001")
    orden = _orden(Eleccion("m"), reemplaza=1)
    assert (await _rechazo(mesa, orden, "operador2", "llave-0002")).codigo == "solo_quien_decidio"
    decision = await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-0003")
    assert (decision.version, [i.clave for i in decision.inconsistencias]) == (2, ["m"])
    assert (await _rechazo(mesa, orden, "operador1", "llave-0004")).codigo == "registro_ya_decidido"
    mesa.reloj.avanza(minutes=16)
    tarde = await _rechazo(mesa, _orden(reemplaza=2), "operador1", "llave-0005")
    assert tarde.codigo == "plazo_para_deshacer_vencido"


async def test_no_se_deshace_lo_que_no_se_ha_decidido_ni_se_decide_lo_que_no_ha_llegado(mesa: Mesa) -> None:
    await mesa.llega(1)
    assert (await _rechazo(mesa, _orden(reemplaza=1))).codigo == "decision_desconocida"
    assert (await _rechazo(mesa, _orden(compulsado=2))).codigo == "compulsa_desconocida"
    recibido, _, _ = await mesa.eventos(2)
    await mesa.recibe(recibido)
    with pytest.raises(Rechazo, match="registro_no_listo"):
        await mesa.servicio.decidir(folio(2), "operador1", _orden(), "llave-0001")
    with pytest.raises(Rechazo, match="registro_desconocido"):
        await mesa.servicio.decidir(folio(3), "operador1", _orden(), "llave-0001")


def test_lo_enviado_queda_junto_a_lo_leido_y_las_diferencias_se_ven() -> None:
    rows = {c.clave: c for c in comparar(datos(7))}
    assert {r.fuente for r in rows["cic"].lecturas} == {"MRZ", "QR"}
    assert all(r.coincide and not r.nota for row in rows.values() for r in row.lecturas)
    other = datos(7).model_copy(update={"cic": "999999999"})
    differing = {c.clave: c for c in comparar(other)}["cic"]
    assert [(r.fuente, r.valor, r.coincide) for r in differing.lecturas] == [
        ("MRZ", "123456007", False),
        ("QR", "123456007", False),
    ]


def test_una_mrz_ilegible_se_dice_y_no_impide_revisar() -> None:
    form = datos(1)
    broken = form.model_copy(update={"lecturas": form.lecturas.model_copy(update={"mrz": "IDMEX"})})
    row = next(c for c in comparar(broken) if c.clave == "mrz")
    assert row.lecturas[0].nota.startswith("Ilegible")
