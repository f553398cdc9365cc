"""The receipt's text (SPEC 5; A 27, P 9.14, 12.3, D 6.4)."""

from datetime import UTC, datetime

import pytest

from schemas.eventos import EnvioCerrado
from schemas.expediente import DatosAcuse
from schemas.hora import hora_centro
from services.notificaciones.domain.acuse import Renglon, Sin, encargo, redactar
from tests.support.ejemplos import ejemplo

CIERRE = ejemplo(EnvioCerrado, recibidos=2, pendientes=3)
CODIGO = "ab" * 32


def renglon(n: int, identificadores: DatosAcuse | Sin) -> Renglon:
    folio = f"CI26-0001-A0001-3f9c2a1b77d0-{n:020x}"
    return Renglon(folio, datetime(2026, 11, 22, 20, n, tzinfo=UTC), CODIGO, identificadores)


def test_el_acuse_dice_lo_que_ordena_la_norma() -> None:
    acuse = redactar(
        CIERRE,
        7,
        [renglon(5, DatosAcuse(cic="000000123", ocr=None)), renglon(4, DatosAcuse(cic=None, ocr="0421123456789"))],
    )
    assert acuse.asunto == "Acuse de recepción: 2 registros recibidos (CI26-0001)"
    for linea in (
        "Número de envíos:       7",
        "Registros recibidos:    2",
        "Registros por enviar:   3",
        f"Envío:                  {CIERRE.envio}",
        "Cierre del envío:       20 nov 2026, 12:06 (hora Centro)",
        "   CIC: 000000123",
        "   OCR: 0421123456789",
        "   Recibido: 22 nov 2026, 14:05 (hora Centro)",
        f"   {CODIGO}",
    ):
        assert linea in acuse.cuerpo.splitlines()
    assert acuse.cuerpo.index(renglon(4, "cuarentena").folio) < acuse.cuerpo.index(renglon(5, "cuarentena").folio)


def test_sin_pendientes_no_pide_enviar_mas() -> None:
    cierre = CIERRE.model_copy(update={"pendientes": 0})
    assert "todavía tiene" not in redactar(cierre, 1, []).cuerpo
    assert "todavía tiene" in redactar(CIERRE, 1, []).cuerpo


def test_un_solo_registro_se_dice_en_singular() -> None:
    assert "1 registro recibido " in redactar(CIERRE, 1, [renglon(1, "cuarentena")]).asunto


@pytest.mark.parametrize(
    ("identificadores", "dice"),
    [
        ("cuarentena", "en revisión técnica"),
        ("no_disponible", "ya no está disponible"),
        (DatosAcuse(cic=None, ocr=None), "no se leyó en el dispositivo"),
    ],
)
def test_lo_que_no_tiene_cic_ni_ocr_dice_por_que(identificadores: DatosAcuse | Sin, dice: str) -> None:
    assert dice in redactar(CIERRE, 1, [renglon(1, identificadores)]).cuerpo


def test_el_message_id_solo_depende_del_envio() -> None:
    assert encargo("ff").id_de_mensaje("apoyo.invalid") == "<acuse.ff@apoyo.invalid>"


def test_la_hora_centro_no_tiene_horario_de_verano_desde_2023() -> None:
    assert hora_centro(datetime(2026, 7, 1, 5, 59, tzinfo=UTC)) == "30 jun 2026, 23:59 (hora Centro)"
