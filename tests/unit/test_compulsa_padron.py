"""The roll: which cut, who is found, what situation, and how a cut is loaded (SPEC 8, REGISTRAL, D 10.4)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kernel.documents import Document, MemoryDocuments
from kernel.errors import Unavailable
from schemas.eventos import Geo, SituacionRegistral, SolicitudRegistrada
from services.compulsa.adapters import llave_del_padron
from services.compulsa.domain.padron import (
    COLUMNAS,
    Huellas,
    Renglon,
    RenglonInvalido,
    corte_para,
    emparejar,
    huella,
    huellas,
    leer_renglon,
    persona,
    situacion,
)
from services.compulsa.padron import Avance, Carga, CargaRechazada, Padron, Rechazo, cargar, descartar
from tests.support.ejemplos import ejemplo

LLAVE = bytes(range(32))
CORTE = "2026-10-31"
FILA = {
    "id_registro": "0a1b2c3d4e5f6071",
    "clave_elector": "GRPRAN80010110M100",
    "numero_emision": "01",
    "cic": "012345678",
    "ocr": "0421000000001",
    "nombre": "ANA",
    "paterno": "GARCIA",
    "materno": "PEREZ",
    "entidad": "10",
    "distrito_federal": "1001",
    "distrito_local": "1003",
    "municipio": "005",
    "seccion": "0421",
    "situacion": "en_lista_nominal",
    "causa_baja": "",
}
OTRA = FILA | {
    "id_registro": "ffff2c3d4e5f6071",
    "clave_elector": "LPSTJN75020226H200",
    "cic": "987654321",
    "ocr": "1200000000002",
}
NACIONAL = dict.fromkeys(("entidad", "distrito_federal", "distrito_local", "municipio"))


def renglon(**campos: str) -> Renglon:
    return leer_renglon(LLAVE, FILA | campos)


def formulario(clave: str = FILA["clave_elector"], emision: str | None = "01", **codes: str | None) -> Huellas:
    return huellas(LLAVE, clave, emision, codes.get("cic"), codes.get("ocr"))


# ---- cut


@pytest.mark.parametrize(
    ("recibido", "corte"),
    [
        (datetime(2026, 11, 20, 18, tzinfo=UTC), "2026-10-31"),
        (datetime(2026, 12, 1, 5, 59, tzinfo=UTC), "2026-10-31"),  # still 30 November in Mexico City
        (datetime(2026, 12, 1, 6, 0, tzinfo=UTC), "2026-11-30"),
        (datetime(2027, 1, 15, tzinfo=UTC), "2026-12-31"),
        (datetime(2028, 3, 1, 12, tzinfo=UTC), "2028-02-29"),
    ],
)
def test_el_corte_es_el_ultimo_dia_del_mes_anterior_a_la_recepcion_en_hora_centro(
    recibido: datetime, corte: str
) -> None:
    assert corte_para(recibido) == corte


# ---- matching


def test_quien_coincide_en_todo_se_encuentra_sin_discrepancias() -> None:
    found = emparejar(formulario(cic="012345678", ocr="0421000000001"), [renglon()])
    assert found is not None
    assert found.coincidencia == ["clave_elector", "numero_emision", "cic", "ocr"]
    assert found.discrepancias == []


def test_los_ceros_a_la_izquierda_y_las_minusculas_no_son_discrepancia() -> None:
    found = emparejar(formulario(clave=" grpran80010110m100", emision="1", cic="12345678"), [renglon()])
    assert found is not None
    assert found.discrepancias == []


@pytest.mark.parametrize(
    ("form", "coincidencia", "discrepancias"),
    [
        (formulario(), ["clave_elector", "numero_emision"], []),
        (formulario(emision=None), ["clave_elector"], []),
        (formulario(emision="02"), ["clave_elector"], ["numero_emision"]),
        (formulario(clave="X" * 18, cic="012345678"), ["cic"], ["clave_elector"]),
        (formulario(clave="X" * 18, ocr="0421000000001"), ["ocr"], ["clave_elector"]),
        (formulario(cic="111111111"), ["clave_elector", "numero_emision"], ["cic"]),
    ],
)
def test_basta_un_identificador_y_lo_que_difiere_es_discrepancia(
    form: Huellas, coincidencia: list[str], discrepancias: list[str]
) -> None:
    found = emparejar(form, [renglon()])
    assert found is not None
    assert (found.coincidencia, found.discrepancias) == (coincidencia, discrepancias)


def test_un_cic_ajeno_no_vence_a_clave_y_ocr_que_concuerdan() -> None:
    other = leer_renglon(LLAVE, OTRA)
    found = emparejar(formulario(cic=OTRA["cic"], ocr=FILA["ocr"]), [other, renglon()])
    assert found is not None
    assert found.renglon == renglon()
    assert found.discrepancias == ["cic"]


def test_con_uno_contra_uno_la_clave_con_su_emision_precede_al_cic_y_sin_ella_el_cic_a_la_clave() -> None:
    other = leer_renglon(LLAVE, OTRA)
    with_emission = emparejar(formulario(cic=OTRA["cic"]), [other, renglon()])
    without = emparejar(formulario(emision="05", cic=OTRA["cic"]), [other, renglon()])
    assert with_emission is not None
    assert with_emission.renglon == renglon()
    assert without is not None
    assert without.renglon == other
    assert without.discrepancias == ["clave_elector"]


def test_de_dos_renglones_con_los_mismos_identificadores_vale_el_vigente() -> None:
    struck = renglon(id_registro="00", situacion="baja", causa_baja="duplicado_en_padron")
    for candidates in ([struck, renglon()], [renglon(), struck]):
        found = emparejar(formulario(), candidates)
        assert found is not None
        assert found.renglon == renglon()


def test_sin_candidato_que_coincida_no_se_encuentra() -> None:
    assert emparejar(formulario(clave="X" * 18), [renglon()]) is None
    assert emparejar(formulario(), []) is None


@pytest.mark.parametrize(
    ("fila", "entidad", "esperada"),
    [
        ({}, None, "en_lista_nominal"),
        ({}, "10", "en_lista_nominal"),
        ({}, "26", "fuera_de_ambito"),
        ({"situacion": "en_padron_no_lista_nominal"}, "10", "en_padron_no_lista_nominal"),
        ({"situacion": "en_padron_no_lista_nominal"}, "26", "fuera_de_ambito"),
        ({"situacion": "baja", "causa_baja": "defuncion"}, "26", "baja"),
        ({"situacion": "baja", "causa_baja": "defuncion"}, None, "baja"),
    ],
)
def test_la_baja_precede_al_ambito_y_el_ambito_a_estar_en_el_padron(
    fila: dict[str, str], entidad: str | None, esperada: str
) -> None:
    solicitud = ejemplo(SolicitudRegistrada, **NACIONAL | {"entidad": entidad})
    assert situacion(renglon(**fila), solicitud) == SituacionRegistral(esperada)


@pytest.mark.parametrize("clave", ["distrito_federal", "distrito_local", "municipio"])
def test_quien_vive_en_otro_distrito_o_municipio_de_la_entidad_esta_fuera_de_ambito(clave: str) -> None:
    suya = ejemplo(SolicitudRegistrada, **NACIONAL | {"entidad": "10", clave: FILA[clave]})
    otra = ejemplo(SolicitudRegistrada, **NACIONAL | {"entidad": "10", clave: "999"})
    assert situacion(renglon(), suya) is SituacionRegistral.EN_LISTA_NOMINAL
    assert situacion(renglon(), otra) is SituacionRegistral.FUERA_DE_AMBITO
    assert situacion(renglon(situacion="baja", causa_baja="defuncion"), otra) is SituacionRegistral.BAJA


@pytest.mark.parametrize("clave", ["distrito_federal", "distrito_local", "municipio"])
def test_el_mismo_numero_de_distrito_o_municipio_en_otra_entidad_esta_fuera_de_ambito(clave: str) -> None:
    solicitud = ejemplo(SolicitudRegistrada, **NACIONAL | {"entidad": "26", clave: FILA[clave]})
    assert situacion(renglon(), solicitud) is SituacionRegistral.FUERA_DE_AMBITO


def test_la_persona_es_la_misma_en_dos_cortes_y_otra_en_otro_proceso() -> None:
    later = renglon(situacion="baja", causa_baja="defuncion", cic="555555555", seccion="0422")
    assert persona(b"p1", renglon()) == persona(b"p1", later)
    assert persona(b"p1", renglon()) != persona(b"p2", renglon())


# ---- lines


@pytest.mark.parametrize(
    ("campos", "motivo"),
    [
        ({"id_registro": ""}, "sin_id_registro"),
        ({"clave_elector": "CORTA"}, "clave_elector_invalido"),
        ({"cic": "12A"}, "cic_invalido"),
        ({"entidad": "33"}, "entidad_invalido"),
        ({"seccion": ""}, "seccion_invalido"),
        ({"situacion": "fuera_de_ambito"}, "situacion_invalida"),
        ({"situacion": "baja"}, "causa_baja_incongruente"),
        ({"causa_baja": "defuncion"}, "causa_baja_incongruente"),
    ],
)
def test_un_renglon_malo_se_rechaza_con_su_motivo(campos: dict[str, str], motivo: str) -> None:
    with pytest.raises(RenglonInvalido) as error:
        leer_renglon(LLAVE, FILA | campos)
    assert error.value.motivo == motivo


# ---- loading


class Tienda:
    """The roll in memory, with a death at the n-th insertion."""

    def __init__(self) -> None:
        self.renglones = MemoryDocuments()
        self.cortes = MemoryDocuments()
        self.muere_en = 0
        self._inserciones = 0

    async def insertar(self, lines: Sequence[Document]) -> list[int]:
        self._inserciones += 1
        repeated = []
        for line in lines:
            if not await self.renglones.put_if_absent(line):
                stored = await self.renglones.get(line["_id"])
                assert stored is not None
                if stored["linea"] != line["linea"]:
                    repeated.append(line["linea"])
        if self._inserciones == self.muere_en:
            raise Unavailable("died after inserting, before the checkpoint")
        return repeated

    async def borrar(self, corte: str) -> None:
        self.renglones = MemoryDocuments()

    async def cargar(self, archivo: Path, **changes: Any) -> Carga:
        arguments: dict[str, Any] = {"cortes": self.cortes, "insertar": self.insertar, "llave": LLAVE, "lote": 2}
        return await cargar(archivo, CORTE, **arguments | changes)

    def padron(self, llave: bytes = LLAVE) -> Padron:
        return Padron(self.renglones, self.cortes, llave)


def escribir(path: Path, filas: Sequence[dict[str, str] | str], encabezado: str = ",".join(COLUMNAS)) -> Path:
    lines = [encabezado, *(f if isinstance(f, str) else ",".join(f[c] for c in COLUMNAS) for f in filas)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def filas(count: int) -> list[dict[str, str]]:
    return [FILA | {"id_registro": f"{n:016x}", "cic": f"{n:09d}", "ocr": f"{n:013d}"} for n in range(1, count + 1)]


async def test_un_corte_cargado_se_puede_consultar_y_no_guarda_ningun_dato_en_claro(tmp_path: Path) -> None:
    tienda = Tienda()
    carga = await tienda.cargar(escribir(tmp_path / "p.csv", [FILA, OTRA]))
    assert (carga.cargados, carga.rechazados) == (2, 0)
    padron = tienda.padron()
    assert await padron.completos() == [CORTE]
    found = await padron.buscar(CORTE, formulario(cic="012345678"))
    assert found is not None
    assert found.renglon == renglon()
    assert found.renglon.geo == Geo(
        entidad="10", distrito_federal="1001", distrito_local="1003", municipio="005", seccion="0421"
    )
    kept = repr(await tienda.renglones.find({}))
    for column in ("id_registro", "clave_elector", "cic", "ocr", "nombre", "paterno", "materno"):
        assert FILA[column] not in kept


async def test_la_busqueda_ve_lo_mismo_que_si_mirara_todos_los_renglones(tmp_path: Path) -> None:
    tienda = Tienda()
    await tienda.cargar(escribir(tmp_path / "p.csv", [FILA, OTRA]))
    every = [renglon(), leer_renglon(LLAVE, OTRA)]
    for clave in (FILA["clave_elector"], OTRA["clave_elector"], "X" * 18):
        for emision in (None, "01", "02"):
            for cic in (None, FILA["cic"], OTRA["cic"], "0"):
                for ocr in (None, FILA["ocr"], OTRA["ocr"], "0"):
                    form = formulario(clave=clave, emision=emision, cic=cic, ocr=ocr)
                    assert await tienda.padron().buscar(CORTE, form) == emparejar(form, every)


async def test_un_renglon_malo_no_cuesta_ningun_otro_y_se_dice_su_linea(tmp_path: Path) -> None:
    tienda = Tienda()
    bad = ['"' + ",".join(FILA[c] for c in COLUMNAS), "a,b", FILA | {"entidad": "99"}, "", FILA | {"seccion": "0500"}]
    carga = await tienda.cargar(escribir(tmp_path / "p.csv", [FILA, *bad, OTRA]))
    assert carga.cargados == 2
    assert carga.rechazos == (
        Rechazo(3, "columnas_invalidas"),
        Rechazo(4, "columnas_invalidas"),
        Rechazo(5, "entidad_invalido"),
        Rechazo(6, "columnas_invalidas"),
        Rechazo(7, "id_registro_repetido"),
    )
    assert carga.rechazados == 5


@pytest.mark.parametrize("muere_en", [1, 2, 3])
async def test_una_carga_que_muere_sigue_donde_quedo_y_cuenta_lo_mismo(tmp_path: Path, muere_en: int) -> None:
    archivo = escribir(tmp_path / "p.csv", [*filas(4), filas(1)[0], "mala"])
    tienda = Tienda()
    tienda.muere_en = muere_en
    with pytest.raises(Unavailable):
        await tienda.cargar(archivo)
    assert await tienda.padron().completos() == []
    seen: list[Avance] = []
    carga = await tienda.cargar(archivo, progreso=seen.append)
    assert (carga.cargados, carga.rechazados) == (4, 2)
    assert seen[-1].bytes_leidos == seen[-1].bytes_total
    assert await tienda.renglones.count({"corte": CORTE}) == 4
    assert await tienda.cargar(archivo) == carga


async def test_otro_archivo_para_un_corte_completo_o_empezado_se_rechaza(tmp_path: Path) -> None:
    one, other = escribir(tmp_path / "a.csv", filas(3)), escribir(tmp_path / "b.csv", filas(5))
    tienda = Tienda()
    tienda.muere_en = 1
    with pytest.raises(Unavailable):
        await tienda.cargar(one)
    with pytest.raises(CargaRechazada) as begun:
        await tienda.cargar(other)
    assert begun.value.motivo == "otro_archivo"
    await descartar(CORTE, cortes=tienda.cortes, borrar=tienda.borrar)
    assert (await tienda.cargar(other)).cargados == 5
    with pytest.raises(CargaRechazada) as complete:
        await tienda.cargar(one)
    assert complete.value.motivo == "otro_archivo"
    with pytest.raises(CargaRechazada):
        await descartar(CORTE, cortes=tienda.cortes, borrar=tienda.borrar)


async def test_encabezado_fecha_o_archivo_equivocados_se_rechazan(tmp_path: Path) -> None:
    tienda = Tienda()
    archivo = escribir(tmp_path / "p.csv", filas(1), encabezado="clave,cic")
    for path, corte, motivo in (
        (archivo, CORTE, "encabezado_invalido"),
        (tmp_path / "no-hay.csv", CORTE, "archivo_ilegible"),
        (archivo, "31/10/2026", "corte_invalido"),
    ):
        with pytest.raises(CargaRechazada) as error:
            await cargar(path, corte, cortes=tienda.cortes, insertar=tienda.insertar, llave=LLAVE)
        assert error.value.motivo == motivo


async def test_dos_cargas_a_la_vez_no_se_mezclan(tmp_path: Path) -> None:
    archivo = escribir(tmp_path / "p.csv", filas(7))
    tienda = Tienda()
    outcomes = await asyncio.gather(tienda.cargar(archivo), tienda.cargar(archivo), return_exceptions=True)
    assert any(isinstance(o, CargaRechazada) and o.motivo == "otra_carga_en_curso" for o in outcomes)
    assert (await tienda.cargar(archivo)).cargados == 7
    assert await tienda.renglones.count({}) == 7


async def test_un_corte_cargado_con_otra_llave_no_se_usa(tmp_path: Path) -> None:
    tienda = Tienda()
    archivo = escribir(tmp_path / "p.csv", filas(1))
    await tienda.cargar(archivo)
    with pytest.raises(Unavailable):
        await tienda.padron(bytes(32)).completo(CORTE)
    with pytest.raises(CargaRechazada) as error:
        await tienda.cargar(archivo, llave=bytes(32))
    assert error.value.motivo == "otra_llave"


def test_la_llave_del_padron_se_crea_una_vez_y_solo_su_duenio_la_lee(tmp_path: Path) -> None:
    llave = llave_del_padron(tmp_path)
    assert len(llave) == 32
    assert llave_del_padron(tmp_path) == llave
    assert [p.name for p in tmp_path.iterdir()] == ["padron.key"]
    assert (tmp_path / "padron.key").stat().st_mode & 0o077 == 0


def test_las_huellas_de_campos_distintos_no_se_confunden() -> None:
    assert huella(LLAVE, "cic", "012345678") != huella(LLAVE, "ocr", "012345678")
    assert replace(formulario(), cic=None) == formulario()
