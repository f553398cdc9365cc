"""A batch of auxiliares: what each row may become, and how far the batch is (P 7.3, D 3)."""

from datetime import UTC, datetime, timedelta

import pytest

from credencial.claves import componer_clave
from schemas.actores import DatosAuxiliar
from schemas.perfil import PERFIL_P
from services.portal.domain.lotes import (
    EJEMPLO,
    POR_PAGINA,
    Cuenta,
    EstadoLote,
    Fila,
    Final,
    Lote,
    LoteCerrado,
    Renglon,
    Suerte,
    abandonar,
    avanzar,
    causa_de_fila,
    confirmar,
    contar,
    id_de_lote,
    mostrar,
    revisar_renglones,
    se_registra,
    sin_registrar,
)
from tests.unit.test_portal_auxiliares_reglas import BUENO, EMISORES, HOY, NACIMIENTO

AHORA = datetime(2026, 11, 28, 18, tzinfo=UTC)


def persona(n: int, **cambios: str) -> dict[str, str]:
    """Somebody else each time."""
    clave = componer_clave("IBNXXC", NACIMIENTO, "10", "M", f"{n:03d}")
    return BUENO | {"clave_elector": clave, "correo": f"persona{n}@example.com"} | cambios


def filas(*renglones: Renglon, registrados: dict[str, str] | None = None) -> list[Fila]:
    def registrado(datos: DatosAuxiliar) -> str | None:
        return (registrados or {}).get(datos.correo)

    return revisar_renglones(renglones, PERFIL_P, HOY, EMISORES, registrado)


def suertes(found: list[Fila]) -> list[str]:
    return [fila.suerte.value for fila in found]


def test_cada_renglon_tiene_su_suerte_y_uno_malo_no_cuesta_ningun_otro() -> None:
    found = filas(
        Renglon(2, persona(1)),
        Renglon(3, persona(2, telefono="1", nombre="")),
        Renglon(4, {}),
        Renglon(5, persona(3, paterno="Zamora", curp="")),
        Renglon(6, dict(EJEMPLO)),
        Renglon(7, {}, entero="No se pudo leer."),
        Renglon(8, persona(4)),
    )
    assert [(f.numero, f.suerte.value) for f in found] == [
        (2, "buena"),
        (3, "mala"),
        (5, "por_confirmar"),
        (6, "omitida"),
        (7, "mala"),
        (8, "buena"),
    ]
    assert contar(found) == Cuenta(buena=2, por_confirmar=1, mala=2, omitida=1)
    assert {n.campo for n in found[1].notas} == {"nombre", "telefono"}
    assert [n.campo for n in found[4].notas] == [""]


def test_lo_que_mostro_la_lectura_se_dice_en_su_celda_y_lo_raro_se_confirma() -> None:
    mala, rara = filas(
        Renglon(2, persona(1, telefono=""), celdas={"telefono": "Excel le quitó ceros."}),
        Renglon(3, persona(2), avisos={"referencia": "Excel lo guardó como número."}),
    )
    assert (mala.suerte, mala.motivo) == (Suerte.MALA, "Teléfono: Excel le quitó ceros.")
    assert (rara.suerte, rara.motivo) == (Suerte.POR_CONFIRMAR, "Referencia: Excel lo guardó como número.")
    assert rara.datos is not None


def test_el_correo_es_del_primer_renglon_que_se_puede_registrar_con_el() -> None:
    found = filas(
        Renglon(2, persona(1, correo="a@example.com", nombre="")),
        Renglon(3, persona(2, correo="A@Example.com")),
        Renglon(4, persona(3, correo="a@example.com", emisor="x")),
    )
    assert suertes(found) == ["mala", "buena", "mala"]
    assert found[2].motivo == "Correo electrónico: Es el mismo correo del renglón 3."


def test_la_misma_persona_dos_veces_en_el_archivo_se_dice() -> None:
    found = filas(Renglon(2, persona(1)), Renglon(3, persona(1, correo="otro@example.com")))
    assert suertes(found) == ["buena", "mala"]
    assert "renglón 2" in found[1].motivo
    assert found[1].notas[0].campo == "clave_elector"


def test_quien_ya_esta_registrado_en_la_solicitud_no_se_registra_otra_vez() -> None:
    found = filas(Renglon(2, persona(1)), Renglon(3, persona(2)), registrados={"persona2@example.com": "A0007"})
    assert suertes(found) == ["buena", "mala"]
    assert "A0007" in found[1].motivo


def test_lo_que_no_se_registra_dice_por_que_sin_repetir_datos() -> None:
    mala, rara, ejemplo = filas(
        Renglon(2, persona(1, telefono="987654", nombre="N0mbre")),
        Renglon(3, persona(2, paterno="Zamora", curp="")),
        Renglon(4, dict(EJEMPLO)),
    )
    finales = [sin_registrar(fila) for fila in (mala, rara, ejemplo)]
    assert [f.auxiliar for f in finales] == [None] * 3
    assert finales[0].motivo.startswith("Nombre o nombres: ")
    assert "987654" not in finales[0].motivo
    assert "N0mbre" not in finales[0].motivo
    assert finales[1].motivo.startswith("No se confirmó. Clave de elector: ")
    assert "ejemplo" in finales[2].motivo
    assert [se_registra(f, con_avisos=False) for f in (mala, rara, ejemplo)] == [False, False, False]
    assert [se_registra(f, con_avisos=True) for f in (mala, rara, ejemplo)] == [False, True, False]


def test_una_fila_sobrevive_a_guardarse() -> None:
    for fila in filas(Renglon(2, persona(1)), Renglon(3, persona(2, nombre=""))):
        assert Fila.model_validate_json(fila.model_dump_json()) == fila


def lote() -> Lote:
    subiendo = Lote(
        lote=id_de_lote("CI26-0001", "c"),
        solicitud="CI26-0001",
        por="promovente1",
        llave="k",
        formato="csv",
        sha256="0" * 64,
        subido_en=AHORA,
        cuenta=Cuenta(),
        cambiado_en=AHORA,
    )
    return mostrar(subiendo, [Cuenta(buena=30, por_confirmar=20), Cuenta(buena=40, mala=10, omitida=1)], AHORA)


def finales(registradas: int, otras: int) -> list[Final]:
    return [
        Final(numero=n, auxiliar="A0001" if n < registradas else None, motivo="") for n in range(registradas + otras)
    ]


def test_un_lote_se_confirma_avanza_por_paginas_y_termina() -> None:
    despues = AHORA + timedelta(minutes=1)
    nuevo = lote()
    assert (nuevo.paginas, nuevo.por_registrar) == (-(-101 // POR_PAGINA), 70)
    en_curso = confirmar(nuevo, con_avisos=True, ahora=despues)
    assert (en_curso.estado, en_curso.por_registrar, en_curso.cambiado_en) == (EstadoLote.EN_CURSO, 90, despues)
    una = avanzar(en_curso, finales(40, 10), despues)
    assert (una.estado, una.hechas, una.registradas, una.sin_registrar, una.vistas) == (
        EstadoLote.EN_CURSO,
        1,
        40,
        10,
        50,
    )
    final = avanzar(avanzar(una, finales(50, 0), despues), finales(0, 1), despues)
    assert (final.estado, final.registradas, final.sin_registrar, final.vistas) == (EstadoLote.TERMINADO, 90, 11, 101)


def test_lo_que_no_se_termino_de_guardar_no_se_confirma_y_mostrarlo_dos_veces_es_mostrarlo_una() -> None:
    previa = lote()
    assert previa.cuenta == Cuenta(buena=70, por_confirmar=20, mala=10, omitida=1)
    assert mostrar(previa, [], AHORA) == previa
    subiendo = previa.model_copy(update={"estado": EstadoLote.SUBIENDO})
    with pytest.raises(LoteCerrado):
        confirmar(subiendo, con_avisos=False, ahora=AHORA)
    assert abandonar(subiendo, AHORA).estado is EstadoLote.ABANDONADO


def test_confirmar_dos_veces_es_confirmar_una() -> None:
    en_curso = confirmar(lote(), con_avisos=False, ahora=AHORA)
    assert confirmar(en_curso, con_avisos=True, ahora=AHORA) == en_curso


def test_lo_abandonado_no_se_confirma_y_lo_confirmado_no_se_abandona() -> None:
    abandonado = abandonar(lote(), AHORA)
    assert abandonado.estado is EstadoLote.ABANDONADO
    assert abandonar(abandonado, AHORA) == abandonado
    with pytest.raises(LoteCerrado):
        confirmar(abandonado, con_avisos=False, ahora=AHORA)
    with pytest.raises(LoteCerrado):
        abandonar(confirmar(lote(), con_avisos=False, ahora=AHORA), AHORA)


def test_los_ids_siguen_del_lote_y_del_renglon() -> None:
    assert id_de_lote("CI26-0001", "c") == id_de_lote("CI26-0001", "c")
    assert len({id_de_lote(s, c) for s in ("CI26-0001", "CI26-0002") for c in ("c", "d")}) == 4
    assert len({causa_de_fila(lt, n) for lt in ("a", "b") for n in (2, 3)}) == 4
