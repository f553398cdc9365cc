"""The scanner of personal data finds every kind of datum in every dress in which it could leak, and nothing in what is not one."""

import base64
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from dispositivo.poblacion import nombres
from schemas.paquete import DatosRegistro, Lecturas, Ubicacion
from tests.support.escaner import Buscados

ROOT = Path(__file__).resolve().parents[2]


def _persona(nombre: str, primero: str, segundo: str | None, **otros: object) -> DatosRegistro:
    datos = {
        "modelo": "D",
        "clave_elector": "BRZPRG08021418H309",
        "cic": "462994821",
        "ocr": "0423299894067",
        "nombre": nombre,
        "primer_apellido": primero,
        "segundo_apellido": segundo,
        "curp": "BIZR080214HNTRPGA9",
        "lecturas": Lecturas(
            qr="https://qr.ine.mx/042329989406702462994821/20260723/J/490342",
            mrz="IDMEX4629948215<<0423299894067\n0802145H3612314MEX<02<<29467<9\nBRISENO<ZAPATA<<EVA<<<<",
            codigo_barras="462994821<<0423299894067",
        ),
        "original_mostrado": True,
        "solicitante_mostrado": "Aspirante",
        "manifestacion": "Sí",
        "ubicacion": Ubicacion(latitud=19.204127, longitud=-98.303508, precision_m=5),
    }
    return DatosRegistro.model_validate(datos | otros)


CORTA = _persona("EVA", "PEÑA", "LEÓN")
"""No name of hers tells by itself."""
LARGA = _persona("MARÍA ESPERANZA", "BRISEÑO", "QUIÑONES")
AUXILIAR = ("Auxiliar A7 de CI26-0001", "rocío.ibáñez@auxiliares.invalid")
BUSCADOS = Buscados([CORTA, LARGA], AUXILIAR)

DATOS: dict[str, object] = {
    "clave": CORTA.clave_elector,
    "curp": CORTA.curp,
    "cic": CORTA.cic,
    "ocr": CORTA.ocr,
    "qr": CORTA.lecturas.qr,
    "mrz": CORTA.lecturas.mrz,
    "codigo_de_barras": CORTA.lecturas.codigo_barras,
    "nombre_y_apellido": {"nombre": "EVA", "primer_apellido": "PEÑA"},
    "nombre_y_apellido_cortos": "EVA PEÑA",
    "nombre_corto_en_su_campo": {"nombre": "EVA"},
    "primer_apellido_en_su_campo": {"primer_apellido": "PEÑA"},
    "segundo_apellido_en_su_campo": {"segundo_apellido": "LEÓN"},
    "nombre_largo_solo": "ESPERANZA",
    "apellido_largo_solo": "QUIÑONES",
    "nombre_completo": "MARÍA ESPERANZA BRISEÑO QUIÑONES",
    "apellidos": "BRISEÑO QUIÑONES",
    "como_en_la_lista": "BRISEÑO QUIÑONES MARÍA ESPERANZA",
    "ubicacion": CORTA.ubicacion.model_dump() if CORTA.ubicacion else None,
    "latitud": {"latitud": 19.204127},
    "longitud": {"longitude": -98.303508},
    "geojson": {"coordinates": [-98.303508, 19.204127]},
    "auxiliar": AUXILIAR[0],
    "correo": AUXILIAR[1],
    "datos_completos": json.loads(CORTA.model_dump_json()),
}


def _texto(dato: object) -> str:
    return dato if isinstance(dato, str) else json.dumps(dato, ensure_ascii=False)


FORMAS: dict[str, Callable[[object], bytes]] = {
    "json": lambda d: json.dumps({"x": d}, ensure_ascii=False).encode(),
    "json_ascii": lambda d: json.dumps({"x": d}).encode(),
    "json_en_json": lambda d: json.dumps({"linea": json.dumps({"x": d})}).encode(),
    "python": lambda d: repr({"x": d}).encode(),
    "argumentos": lambda d: (
        ", ".join(f"{k}={v!r}" for k, v in d.items()) if isinstance(d, dict) else f"x={d!r}"
    ).encode(),
    "bytes_de_python": lambda d: repr({"x": _texto(d).encode()}).encode(),
    "minusculas": lambda d: _texto(d).lower().encode(),
    "sin_acentos": lambda d: _texto(d).translate(str.maketrans("ÁÉÍÓÚÑáéíóúñ", "AEIOUNaeioun")).encode(),
    "url": lambda d: f"/buscar?q={quote_plus(_texto(d))}".encode(),
    "base64": lambda d: b'{"datos":"' + base64.b64encode(_texto(d).encode()) + b'"}',
    "base64_en_su_marco": lambda d: b"\x00z" + base64.urlsafe_b64encode(_texto(d).encode()) + b"\x01",
    "base64_de_base64": lambda d: base64.b64encode(base64.b64encode(_texto(d).encode())),
    "entre_bytes": lambda d: b"\x00\xff\x12" + _texto(d).encode() + b"\xfe\x00",
}


@pytest.mark.parametrize("forma", FORMAS)
@pytest.mark.parametrize("dato", DATOS)
def test_cada_dato_se_encuentra_en_cada_forma_en_que_puede_filtrarse(dato: str, forma: str) -> None:
    assert BUSCADOS.encontrados(FORMAS[forma](DATOS[dato]))


@pytest.mark.parametrize("dato", DATOS)
def test_cada_dato_se_encuentra_en_medio_de_mucho_que_parece_sellado(dato: str) -> None:
    sellado = random.Random(dato).randbytes(70_000)
    assert BUSCADOS.encontrados(sellado) == set()
    assert BUSCADOS.encontrados(sellado + FORMAS["json"](DATOS[dato]) + sellado)


def test_lo_que_se_permite_es_ese_dato_y_ningun_otro() -> None:
    acuse = b"CIC 462994821 OCR 0423299894067"
    assert BUSCADOS.encontrados(acuse) == {"462994821", "0423299894067"}
    assert BUSCADOS.encontrados(acuse, permitidos=["462994821", "0423299894067"]) == set()
    assert BUSCADOS.encontrados(acuse + b" EVA PENA", permitidos=["462994821", "0423299894067"]) == {"EVA PENA"}


def test_los_nombres_que_cualquiera_escribe_no_son_un_hallazgo() -> None:
    """Every name of the population, looked for in everything that the system is written in."""
    todos = Buscados(
        _persona(nombre, apellido, otro)
        for nombre in (*nombres.MUJERES, *nombres.HOMBRES)
        for apellido, otro in zip(nombres.APELLIDOS, nombres.APELLIDOS[1:], strict=False)
    )
    escritos = [
        path
        for carpeta in ("apoyo", "kernel", "services", "schemas/ejemplos", "deploy")
        for path in (ROOT / carpeta).rglob("*")
        if path.suffix in {".py", ".html", ".json", ".yaml", ".yml", ".md", ".css", ".js"}
    ]
    assert len(escritos) > 100
    assert {str(p.relative_to(ROOT)): f for p in escritos if (f := todos.encontrados(p.read_bytes()))} == {}


def test_numeros_y_bytes_cualesquiera_no_son_un_hallazgo() -> None:
    metricas = "\n".join(f'apoyo_event_seconds_sum{{topic="x"}} {n / 7919:.9f}' for n in range(20000))
    ruido = zlib.compress(metricas.encode())
    assert BUSCADOS.encontrados(metricas.encode() + ruido + base64.b64encode(ruido)) == set()
