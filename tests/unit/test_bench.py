"""What the bench shows is what it measured."""

import asyncio
import io
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from rich.console import Console

from bench.__main__ import en_plazo
from bench.dibujo import barras
from bench.tablas import crecimiento, tablas

FLUJO: dict[str, Any] = {
    "end_to_end": {
        "registros_per_s": 12.34,
        "ratio_to_floor": 0.21,
        "cpu_ms_per_registro": 110.0,
        "cpu_ms": {"mongo": 20.0, "compulsa": 12.5},
    },
    "floor": {"registros_per_s": 58.7, "step_ms": {}, "cpu_ms": {}},
    "ack": {"p50_ms": 41.0, "p99_ms": 207.0},
    "idle_percent": {"mongo": 1.2},
}
ESTADOS = [
    {"registros": 1000, "cpu_ms_per_registro": 100.0, "registros_per_s": 14.0},
    {"registros": 50000, "cpu_ms_per_registro": 110.0, "registros_per_s": 13.0},
]
COMUN = {"nucleos": 2, "documentos": "nativo"}


def _impreso(cifras: dict[str, Any]) -> str:
    consola = Console(width=160, record=True, file=io.StringIO())
    for tabla in tablas(COMUN | cifras):
        consola.print(tabla)
    return consola.export_text()


def test_cada_cifra_aparece_junto_a_su_meta() -> None:
    texto = _impreso({"embebida": FLUJO, "kafka": FLUJO, "rebuild": {"events_per_s": 8123.0}, "growth": ESTADOS})
    for cifra in ("≥ 30", "12.3", "58.7", "0.21", "41", "207", "≥ 10,000", "8,123", "≤ +15%", "+10%", "20.0 (1.2)"):
        assert cifra in texto, cifra


def test_una_seccion_sola_tambien_se_muestra() -> None:
    assert "8,123" in _impreso({"rebuild": {"events_per_s": 8123.0}})
    assert "+10%" in _impreso({"growth": ESTADOS})
    assert "12.3" in _impreso({"kafka": FLUJO})
    descifrado = _impreso({"descifrado": {"registros_per_s": 41.2, "times_floor": 1.57}})
    for cifra in ("≥ 60", "41.2", "≤ 2.0", "1.57"):
        assert cifra in descifrado, cifra


def test_la_alerta_que_no_alcanza_su_meta_se_dice() -> None:
    fila = {"inciso": "e", "umbral": 0.985, "positivas": 50, "negativas": 300, "encendida": True}
    alertas = {
        "una": fila | {"precision": 0.97, "exhaustividad": 0.951},
        "otra": fila | {"precision": 0.333, "exhaustividad": 1.0, "encendida": False},
    }
    examen = {
        "semilla": 62,
        "meta": 0.9,
        "alertas": alertas,
        "ms_por_expediente": {"decodificar": 6.0, "examinar": 7.5},
    }
    texto = _impreso({"examen": examen})
    assert "7.5" in texto
    una, otra = (
        next(linea for linea in texto.splitlines() if linea.split()[:1] == [nombre]) for nombre in ("una", "otra")
    )
    assert "0.951" in una
    assert una.rstrip().endswith("encendida")
    assert otra.rstrip().endswith("apagada ✗")


def test_el_crecimiento_es_lo_que_encarece_un_registro() -> None:
    assert round(crecimiento(ESTADOS), 3) == 0.1


def test_el_dibujo_es_un_svg_con_una_barra_por_proceso_proporcional_a_su_costo() -> None:
    dibujo = ET.fromstring(barras("Título <&>", [("antes", {"mongo": 30.0, "s3": 10.0}), ("después", {"s3": 10.0})]))  # noqa: S314 - our own
    ns = "{http://www.w3.org/2000/svg}"
    anchos = [float(r.get("width", "0")) for r in dibujo.iter(f"{ns}rect") if r.find(f"{ns}title") is not None]
    assert anchos[0] == round(3 * anchos[1], 1)
    assert anchos[2:] == [0.0, anchos[1]]
    assert "Título <&>" in [t.text for t in dibujo.iter(f"{ns}text")]


async def test_lo_que_no_alcanza_el_tiempo_se_corta_y_se_dice_y_una_falla_propia_no_se_confunde_con_eso() -> None:
    async def nunca() -> None:
        await asyncio.Event().wait()

    async def pronto() -> None:
        await asyncio.sleep(0)

    async def falla() -> None:
        raise TimeoutError("no final status")

    assert not await en_plazo(nunca(), 0)
    assert await en_plazo(pronto(), 600)
    with pytest.raises(TimeoutError, match="no final status"):
        await en_plazo(falla(), 600)


def test_la_pagina_se_muestra_junto_a_su_meta() -> None:
    paso = {"p50_ms": 21.0, "p95_ms": 34.0, "max_ms": 41.0}
    mesa = {
        "next_record_p95_ms": 33.0,
        "paced": paso,
        "bursts": paso | {"p95_ms": 97.0},
        "floor": paso,
        "network_delay_ms": 200,
    }
    text = _impreso({"mesa": mesa})
    assert "meta: p95 ≤ 100; fue 33" in text
    assert "97" in text
