"""The synthetic population: deterministic, in proportion, self-consistent; its oracle; and images that show the truth."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from credencial.cruces import DatosCredencial, revisar_datos
from credencial.inconsistencias import POR_CLAVE
from credencial.mrz import leer_mrz
from credencial.situaciones import Situacion
from dispositivo.poblacion import (
    Captura,
    Clase,
    Cuarentena,
    Defecto,
    Extras,
    Plan,
    Poblador,
    Solicitud,
    equipos_sinteticos,
    escribir_auxiliares,
    escribir_padron,
    esperado,
    planear,
)
from dispositivo.poblacion.dibujo import Imagenes, cpv, dibujar
from dispositivo.poblacion.dibujo.hoja import hoja, una_de_cada_defecto
from dispositivo.poblacion.geografia import SECCIONES_POR_DISTRITO, SEDES
from dispositivo.poblacion.padron import COLUMNAS
from dispositivo.poblacion.personas import Persona, TipoFirma
from dispositivo.poblacion.plan import MINIMO_CON_TODAS, PROPORCIONES, TOTAL_2022, VERDAD_DEL_DEFECTO, contar
from dispositivo.poblacion.tarjeta import textos_reverso

INICIO, FIN = datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
HAAR = Path(cv2.__file__).parent / "data"
SOLICITUDES = (
    Solicitud("RM26-0001", None, "Asociación Uno"),
    Solicitud("RM26-0002", "09", "Asociación Dos"),
    Solicitud("RM26-0003", "14", "Asociación Tres"),
)
EQUIPOS = equipos_sinteticos(1, SOLICITUDES)


@cache
def _plan(cuantas: int, semilla: int = 1) -> Plan:
    return planear(semilla, cuantas, SOLICITUDES, EQUIPOS, INICIO, FIN)


def _datos(c: Captura) -> DatosCredencial:
    d, r = c.datos, c.datos.lecturas
    return DatosCredencial(
        d.modelo,
        d.clave_elector,
        d.nombre,
        d.primer_apellido,
        d.segundo_apellido,
        d.numero_emision,
        d.cic,
        d.ocr,
        d.curp,
        r.qr,
        r.codigo_barras,
        r.mrz,
        r.ocr,
    )


# Plan ------------------------------------------------------------------------------------------------------------------


def test_la_misma_semilla_da_el_mismo_plan_y_otra_da_otro() -> None:
    again = planear(1, 400, SOLICITUDES, EQUIPOS, INICIO, FIN)
    assert again.capturas == _plan(400).capturas
    assert again.padron() == _plan(400).padron()
    assert planear(2, 400, SOLICITUDES, EQUIPOS, INICIO, FIN).capturas != again.capturas


def test_las_proporciones_son_las_de_2021_2022() -> None:
    assert sum(PROPORCIONES.values()) == 296_980
    nothing_else = Extras(0, 0, 0, 0, 0, 0)
    assert contar(TOTAL_2022, SOLICITUDES, EQUIPOS, nothing_else).items() >= PROPORCIONES.items()
    counts = contar(20_000, SOLICITUDES, EQUIPOS, Extras())
    assert sum(counts.values()) == 20_000
    for clase, count in PROPORCIONES.items():
        extra = Extras().otra_registral if clase is Clase.OTRA_REGISTRAL else 0
        assert abs(counts[clase] - 20_000 * (count / TOTAL_2022 + extra)) <= 1, clase
    assert counts[Clase.CUARENTENA] == counts[Clase.FUERA_DE_AMBITO] == 200


def test_el_plan_tiene_las_capturas_que_se_contaron() -> None:
    counts = contar(3000, SOLICITUDES, EQUIPOS, Extras())
    assert Counter(c.clase for c in _plan(3000).capturas) == counts


@pytest.mark.parametrize("semilla", range(8))
def test_desde_150_capturas_estan_todas_las_clases_y_todos_los_estados(semilla: int) -> None:
    plan = _plan(MINIMO_CON_TODAS, semilla)
    assert len(plan.capturas) == MINIMO_CON_TODAS
    assert {c.clase for c in plan.capturas} == set(Clase)
    assert {c.verdad.cuarentena for c in plan.capturas} == {None, *Cuarentena}
    states = set(esperado(plan.capturas, {c.numero: c.capturado_en for c in plan.capturas}).values())
    assert states == {"en_procesamiento", "con_inconsistencia", "duplicado", *Situacion}


def test_a_una_solicitud_de_un_municipio_la_apoya_quien_vive_en_el_y_lo_demas_de_su_entidad_es_fuera_de_ambito() -> (
    None
):
    municipal = replace(SOLICITUDES[2], municipio="005")
    capturas = planear(1, 1500, [*SOLICITUDES[:2], municipal], EQUIPOS, INICIO, FIN).capturas
    vistos = {
        (c.clase, c.persona.demarcacion.entidad, municipal.abarca(c.persona.demarcacion))
        for c in capturas
        if c.solicitud == municipal.id and c.clase in (Clase.LIMPIA, Clase.FUERA_DE_AMBITO)
    }
    assert vistos == {(Clase.LIMPIA, "14", True), (Clase.FUERA_DE_AMBITO, "14", False)}


def test_los_auxiliares_son_personas_del_padron_con_los_ids_que_el_portal_da_en_orden() -> None:
    plan = _plan(400)
    for solicitud in SOLICITUDES:
        suyos = [a for a in plan.auxiliares if a.solicitud == solicitud.id]
        equipos = sorted({e.auxiliar for e in EQUIPOS if e.solicitud == solicitud.id})
        assert [a.auxiliar for a in suyos] == [f"A{n:04d}" for n in range(1, len(suyos) + 1)]
        assert [a.auxiliar for a in suyos if a.procede] == equipos
        assert Counter(a.persona.situacion for a in suyos if not a.procede) == {
            Situacion.NO_ENCONTRADO: 1,
            Situacion.BAJA: 1,
        }
        assert {a.persona.demarcacion.entidad for a in suyos} == {solicitud.entidad} or solicitud.entidad is None
    claves = [p.clave_elector for p in plan.padron()]
    assert len(claves) == len(set(claves))
    assert {a.persona.clave_elector for a in plan.auxiliares} - set(claves) == {
        a.persona.clave_elector for a in plan.auxiliares if a.persona.situacion is Situacion.NO_ENCONTRADO
    }
    assert not {c.persona.clave_elector for c in plan.capturas} & {a.persona.clave_elector for a in plan.auxiliares}


def test_cada_solicitud_tiene_el_archivo_con_que_registra_a_sus_auxiliares(tmp_path: Path) -> None:
    plan, path = _plan(400), tmp_path / "auxiliares.csv"
    suyos = [a for a in plan.auxiliares if a.solicitud == SOLICITUDES[1].id]
    assert escribir_auxiliares(path, suyos, "Google") == len(suyos)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["CORREO"], r["CLAVE DE ELECTOR"], r["EMISOR"]) for r in rows] == [
        (a.correo, a.persona.clave_elector, "Google") for a in suyos
    ]
    with pytest.raises(ValueError, match="una sola solicitud"):
        escribir_auxiliares(path, plan.auxiliares, "Google")


def test_un_plan_pequenio_y_uno_de_una_sola_solicitud_nacional() -> None:
    assert len(_plan(7).capturas) == 7
    national = SOLICITUDES[:1]
    teams = [e for e in EQUIPOS if e.solicitud == national[0].id and e.autorizado and not e.auxiliar_de_baja]
    clases = {c.clase for c in planear(1, 300, national, teams, INICIO, FIN).capturas}
    assert set(Clase) - clases == {
        Clase.DUPLICADO_OTRA_SOLICITUD,
        Clase.FUERA_DE_AMBITO,
        Clase.DISPOSITIVO_NO_AUTORIZADO,
        Clase.AUXILIAR_DADO_DE_BAJA,
    }


def test_un_plan_sin_equipos_o_sin_periodo_se_rechaza() -> None:
    with pytest.raises(ValueError, match="equipo"):
        planear(1, 10, SOLICITUDES, EQUIPOS[:3], INICIO, FIN)
    with pytest.raises(ValueError, match="periodo"):
        planear(1, 10, SOLICITUDES, EQUIPOS, FIN, INICIO)


def test_las_capturas_van_en_orden_y_dentro_del_periodo_salvo_las_que_no() -> None:
    capturas = _plan(3000).capturas
    assert [c.numero for c in capturas] == list(range(1, 3001))
    assert [c.capturado_en for c in capturas] == sorted(c.capturado_en for c in capturas)
    assert all(c.capturado_en.utcoffset() == timedelta(0) for c in capturas)
    for c in capturas:
        assert (INICIO <= c.capturado_en < FIN) == (c.clase is not Clase.FUERA_DE_PERIODO)
    assert len({c.folio for c in capturas}) == 3000


def test_hasta_limita_un_periodo_que_sigue_abierto() -> None:
    now = INICIO + timedelta(days=5)
    assert all(c.capturado_en < now for c in planear(1, 300, SOLICITUDES, EQUIPOS, INICIO, FIN, hasta=now).capturas)


def test_la_verdad_usa_el_catalogo_y_da_detalle_donde_se_pide() -> None:
    assert set(VERDAD_DEL_DEFECTO) == set(Defecto) - {Defecto.NINGUNO}
    for inciso, detail in VERDAD_DEL_DEFECTO.values():
        assert (detail is not None) == POR_CLAVE[inciso].pide_detalle
    for c in _plan(3000).capturas:
        assert bool(c.verdad.inconsistencias) == (c.defecto is not Defecto.NINGUNO)
        assert all(POR_CLAVE[rule].origen == "regla" for rule in c.verdad.reglas)
    assert {c.defecto for c in _plan(3000).capturas} == set(Defecto)


def test_los_equipos_de_cada_regla_son_los_que_la_incumplen() -> None:
    teams = {(e.solicitud, e.auxiliar, e.dispositivo): e for e in EQUIPOS}
    for c in _plan(3000).capturas:
        team = teams[c.solicitud, c.auxiliar, c.dispositivo]
        assert team.autorizado == (c.clase is not Clase.DISPOSITIVO_NO_AUTORIZADO)
        assert team.auxiliar_de_baja == (c.clase is Clase.AUXILIAR_DADO_DE_BAJA)


def test_el_formulario_es_congruente_salvo_donde_el_defecto_lo_impide() -> None:
    for c in _plan(3000).capturas:
        if c.defecto not in (Defecto.DISTINTAS_CPV, Defecto.SIMULACION):
            assert revisar_datos(_datos(c)) == []
    mixed = [c for c in _plan(3000).capturas if c.defecto is Defecto.DISTINTAS_CPV and c.datos.lecturas.mrz]
    assert all("mrz_cic" in {h.codigo for h in revisar_datos(_datos(c))} for c in mixed)


def test_hay_grupos_de_tres_y_grupos_con_un_miembro_inconsistente() -> None:
    capturas = _plan(600).capturas
    clean = Counter(c.verdad.persona_id for c in capturas if c.verdad.limpia and c.verdad.persona_id)
    dirty = {c.verdad.persona_id for c in capturas if not c.verdad.limpia}
    assert max(clean.values()) >= 3
    assert any(clean[p] > 1 for p in dirty if p)
    not_found = [c.datos.clave_elector for c in capturas if c.verdad.situacion is Situacion.NO_ENCONTRADO]
    assert len(not_found) > len(set(not_found)) or len(not_found) == 1


# Persons and roll ------------------------------------------------------------------------------------------------------


def test_las_personas_son_congruentes() -> None:
    reference = date(2026, 11, 1)
    people = [POBLADOR.persona() for _ in range(2000)]
    for identifier in ("id_registro", "clave_elector", "curp", "cic", "ocr"):
        assert len({getattr(p, identifier) for p in people}) == len(people)
    for p in people:
        d = p.demarcacion
        assert p.nacimiento <= date(reference.year - 18, reference.month, reference.day)
        assert p.emitida >= p.nacimiento.year + 18
        assert p.ocr.startswith(d.seccion)
        assert (
            int(d.distrito_federal) == 1 + (int(d.seccion) - 1) // SECCIONES_POR_DISTRITO <= SEDES[d.entidad].distritos
        )
    models = Counter(p.modelo for p in people)
    assert models["G"] > models["E"] > models["D"] + models["C"] > 0


POBLADOR = Poblador("personas-de-prueba", date(2026, 11, 1))


def test_el_corte_del_padron_tiene_a_los_que_firman_y_a_otros(tmp_path: Path) -> None:
    plan = _plan(400)
    path = tmp_path / "padron.csv"
    written = escribir_padron(path, plan.padron(3.0))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == written >= 3 * len(plan.en_padron)
    assert tuple(rows[0]) == COLUMNAS
    assert {r["situacion"] for r in rows} == {"en_lista_nominal", "en_padron_no_lista_nominal", "baja"}
    assert all(bool(r["causa_baja"]) == (r["situacion"] == "baja") for r in rows)
    by_clave = {r["clave_elector"]: r for r in rows}
    assert len(by_clave) == len({r["cic"] for r in rows}) == len({r["id_registro"] for r in rows}) == len(rows)
    for c in plan.capturas:
        row = by_clave.get((c.corregido or c.datos).clave_elector)
        if c.verdad.persona_id is None:
            assert row is None
        else:
            assert row is not None
            assert row["id_registro"] == c.verdad.persona_id
            assert row["numero_emision"] == c.datos.numero_emision
            assert row["causa_baja"] == (c.verdad.causa_baja or "")


def test_el_padron_no_admite_a_quien_no_esta_en_el(tmp_path: Path) -> None:
    person = replace(POBLADOR.persona(), situacion=Situacion.NO_ENCONTRADO)
    with pytest.raises(ValueError, match="padrón"):
        escribir_padron(tmp_path / "padron.csv", [person])


# Oracle ----------------------------------------------------------------------------------------------------------------


def _caso(
    numero: int, *, clase: Clase = Clase.LIMPIA, persona_id: str | None = "p", solicitud: str = "RM26-0001"
) -> Captura:
    """A capture of the plan, changed into the one a case needs."""
    base = next(c for c in _plan(400).capturas if c.clase is clase)
    return replace(base, numero=numero, solicitud=solicitud, verdad=replace(base.verdad, persona_id=persona_id))


def _a_las(*minutes: int) -> dict[int, datetime]:
    return {numero: INICIO + timedelta(minutes=m) for numero, m in enumerate(minutes, 1)}


def test_cuenta_el_primero_recibido_sin_importar_el_orden_de_la_lista() -> None:
    pair = [_caso(1), _caso(2)]
    assert esperado(pair, _a_las(5, 3)) == {1: "duplicado", 2: "en_lista_nominal"}
    assert esperado(pair[::-1], _a_las(5, 3)) == {1: "duplicado", 2: "en_lista_nominal"}


def test_un_empate_lo_resuelve_el_folio() -> None:
    pair = [_caso(1), _caso(2)]
    assert esperado(pair, _a_las(5, 5), desempate=lambda c: str(-c.numero)) == {1: "en_lista_nominal", 2: "duplicado"}
    assert esperado(pair, _a_las(5, 5), desempate=lambda c: str(c.numero)) == {1: "en_lista_nominal", 2: "duplicado"}


def test_un_inconsistente_no_desplaza_a_uno_limpio() -> None:
    cases = [_caso(1, clase=Clase.FOTO), _caso(2), _caso(3, clase=Clase.FUERA_DE_PERIODO), _caso(4)]
    assert esperado(cases, _a_las(1, 2, 3, 4)) == {
        1: "con_inconsistencia",
        2: "en_lista_nominal",
        3: "con_inconsistencia",
        4: "duplicado",
    }


def test_quien_no_se_encuentra_no_es_duplicado_y_la_cuarentena_queda_en_procesamiento() -> None:
    lost = [_caso(n, clase=Clase.NO_ENCONTRADO, persona_id=None) for n in (1, 2)]
    closed = _caso(3, clase=Clase.CUARENTENA)
    assert esperado([*lost, closed, _caso(4)], _a_las(1, 2, 3, 4)) == {
        1: "no_encontrado",
        2: "no_encontrado",
        3: "en_procesamiento",
        4: "en_lista_nominal",
    }


def test_una_baja_tambien_puede_duplicarse() -> None:
    assert esperado([_caso(n, clase=Clase.BAJA) for n in (1, 2)], _a_las(1, 2)) == {1: "baja", 2: "duplicado"}


def test_las_tres_politicas_para_dos_solicitudes() -> None:
    cases = [_caso(1), _caso(2, solicitud="RM26-0003"), _caso(3)]
    listed, twice = "en_lista_nominal", "duplicado"
    assert esperado(cases, _a_las(1, 2, 3)) == {1: listed, 2: twice, 3: twice}
    assert esperado(cases, _a_las(1, 2, 3), "todos") == {1: listed, 2: listed, 3: twice}
    assert esperado(cases, _a_las(1, 2, 3), "ninguno") == {1: twice, 2: twice, 3: twice}


def test_lo_que_no_se_recibio_no_cuenta() -> None:
    assert esperado([_caso(1), _caso(2)], {2: INICIO}) == {2: "en_lista_nominal"}


# Drawing ---------------------------------------------------------------------------------------------------------------


def _con(defecto: Defecto) -> Captura:
    return next(c for c in _plan(3000).capturas if c.defecto is defecto and not c.verdad.cuarentena)


def _ver(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def _codigos(data: bytes) -> set[str]:
    return {b.text for b in zxingcpp.read_barcodes(cv2.cvtColor(_ver(data), cv2.COLOR_BGR2GRAY))}


def test_la_misma_captura_da_los_mismos_bytes() -> None:
    c = _con(Defecto.NINGUNO)
    images = dibujar(c)
    assert images == dibujar(c)
    sizes = [_ver(data).shape[1::-1] for data in (images.anverso, images.reverso, images.foto, images.firma)]
    assert sizes == [(1280, 810), (1280, 810), (720, 960), (800, 300)]
    assert 250_000 < images.total < 640_000


@pytest.mark.parametrize("model", "CDEFGH")
def test_los_codigos_del_reverso_se_leen(model: str) -> None:
    clean = [c for c in _plan(3000).capturas if c.clase is Clase.LIMPIA and c.modelo == model][:3]
    for c in clean:
        texts = textos_reverso(c.persona)
        expected = {t for t in (texts.barras, texts.pdf417, texts.qr_servicios) if t}
        found = _codigos(dibujar(c).reverso)
        assert expected <= found
        assert len(found - expected) == (2 if texts.alta_densidad else 0)
        if texts.mrz:
            assert leer_mrz("\n".join(texts.mrz)).digitos_incorrectos == ()


@pytest.mark.parametrize("model", "CDEFGH")
def test_todo_el_texto_cabe_en_la_tarjeta(model: str) -> None:
    longest = replace(
        next(p for p in (POBLADOR.persona() for _ in range(2000)) if p.modelo == model),
        nombre="MARIA DE LOS ANGELES GUADALUPE CONCEPCION",
        paterno="MONTES DE OCA Y MALDONADO",
        materno="DE LA TORRE VILLANUEVA",
        tipo_firma=TipoFirma.SIN_FIRMA,
    )
    for side in (cpv.anverso(longest), cpv.reverso(longest)):
        for edge in (side[:6, :], side[130:740, -6:], side[130:740, :6]):
            assert edge.min() > 70


def _tiene_cara(picture: np.ndarray) -> bool:
    cascade = cv2.CascadeClassifier(str(HAAR / "haarcascade_frontalface_default.xml"))
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), None, fx=0.5, fy=0.5)
    return len(cascade.detectMultiScale(small, 1.1, 4, minSize=(80, 80))) == 1


def _saturacion(data: bytes) -> float:
    return float(cv2.cvtColor(_ver(data), cv2.COLOR_BGR2HSV)[150:700, 200:1000, 1].mean())


def _nitidez(data: bytes) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(_ver(data), cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


VISIBLE: list[tuple[Defecto, Callable[[Imagenes], bool]]] = [
    (Defecto.NINGUNO, lambda i: _tiene_cara(_ver(i.foto)) and len(_codigos(i.reverso)) > 0),
    (Defecto.IMAGEN_NO_CPV, lambda i: not _codigos(i.reverso)),
    (Defecto.DOS_ANVERSOS, lambda i: not _codigos(i.reverso) and i.anverso != i.reverso),
    (Defecto.DOS_REVERSOS, lambda i: _codigos(i.anverso) == _codigos(i.reverso) != set()),
    (Defecto.COPIA_BLANCO_Y_NEGRO, lambda i: _saturacion(i.anverso) < 12),
    (Defecto.ILEGIBLE_REVERSO, lambda i: not _codigos(i.reverso) and _nitidez(i.reverso) < 20),
    (Defecto.ILEGIBLE_FOTO, lambda i: _nitidez(i.foto) < 20),
    (Defecto.OBJETO, lambda i: not _tiene_cara(_ver(i.foto))),
    (Defecto.CUBREBOCAS, lambda i: _ver(i.foto).std() > 20),
    (Defecto.SIN_FIRMA, lambda i: int(_ver(i.firma).min()) > 240),
    (Defecto.FIRMA_SIMBOLO, lambda i: float((_ver(i.firma) < 128).mean()) < 0.02),
]


@pytest.mark.parametrize(
    ("defecto", "visible"), VISIBLE, ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_el_defecto_se_ve(defecto: Defecto, visible: Callable[[Imagenes], bool]) -> None:
    assert visible(dibujar(_con(defecto)))


def test_la_simulacion_reutiliza_la_misma_imagen() -> None:
    c = _con(Defecto.SIMULACION)
    other = replace(c, persona=_con(Defecto.NINGUNO).persona, semilla=5)
    assert dibujar(c).reverso == dibujar(other).reverso
    assert dibujar(c).anverso != dibujar(other).anverso


def test_la_imagen_que_no_lo_es() -> None:
    c = next(c for c in _plan(3000).capturas if c.verdad.cuarentena is Cuarentena.NO_ES_IMAGEN)
    assert cv2.imdecode(np.frombuffer(dibujar(c).anverso, np.uint8), cv2.IMREAD_COLOR) is None
    assert hoja([c]).shape[0] > 0


def test_la_hoja_de_contacto_tiene_una_fila_por_captura() -> None:
    sample = una_de_cada_defecto(1, 200)
    assert len({c.defecto for c in sample}) == len(sample) > 10
    assert hoja(sample[:2]).shape[0] == 2 * hoja(sample[:1]).shape[0]


def test_un_defecto_sin_la_segunda_persona_que_necesita_se_rechaza() -> None:
    with pytest.raises(ValueError, match="segunda persona"):
        dibujar(replace(_con(Defecto.DISTINTAS_CPV), otra=None))


def test_la_cara_de_la_credencial_es_la_de_la_persona() -> None:
    first, second = POBLADOR.persona(), POBLADOR.persona()
    assert np.array_equal(cpv.retrato(first), cpv.retrato(first))
    assert not np.array_equal(cpv.retrato(first), cpv.retrato(second))
    assert isinstance(first, Persona)


def test_de_lo_mal_tecleado_nadie_se_encuentra_hasta_corregirlo() -> None:
    """D 5.8, 10.3: with neither CIC nor OCR, or with an OCR that is nobody's; what the card says is its person's."""
    plan = _plan(3000)
    erratas = [c for c in plan.capturas if c.corregido is not None]
    assert len(erratas) == 60
    claves, ocrs = ({getattr(p, campo) for p in plan.padron()} for campo in ("clave_elector", "ocr"))
    for c in erratas:
        assert c.verdad.limpia
        assert c.datos.clave_elector not in claves
        assert (c.datos.cic, c.datos.ocr in ocrs) == (None, False)
        assert c.corregido is not None
        assert c.corregido.clave_elector == c.persona.clave_elector
        assert c.corregido.ocr == c.persona.ocr
    assert {c.datos.ocr is None for c in erratas} == {True, False}
