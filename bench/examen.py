"""Precision and recall of each alert of the examination, on drawings with faults of known strength, and what it costs.

Ordinary captures and the population's own faults, as the device kit draws them; and ordinary ones spoilt here: by what no alert is
about (noise, JPEG loss, perspective, glare, another table), which must stay silent, and by faults that the kit does not draw.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from multiprocessing import get_context
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dispositivo.poblacion import Captura, Defecto, Solicitud, equipos_sinteticos, planear
from dispositivo.poblacion.dibujo import Imagenes, cpv, dibujar
from dispositivo.poblacion.personas import TipoFirma
from dispositivo.poblacion.plan import Cuarentena
from schemas.paquete import IMAGENES, Parte
from services.descifrado.examen import CRITERIOS, medir
from services.descifrado.imagenes import dimensiones
from services.descifrado.settings import Umbrales
from services.descifrado.vistas import decodificar

SEMILLA, SEMILLA_DE_AJUSTE = 62, 61
"""Of the figures that are reported, and of those on which the thresholds were chosen."""
LIMPIAS, DE_CADA_DEFECTO = 36, 10
META = 0.9
APAGADAS = {"copia_en_papel": 0.4, "rostro_chico": 0.53, "frente_cubierta": 0.9}
"""Thresholds on which the alerts that are off are tried."""

Imagen = npt.NDArray[np.uint8]
Marca = tuple[str, Parte]
"""An alert and the image that it is about."""

_INICIO, _FIN = datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
_SOLICITUDES = tuple(Solicitud(f"RM26-000{n}", None, f"Asociación {n}") for n in (1, 2))
_LADOS = (Parte.ANVERSO, Parte.REVERSO)
_CARA = ("sin_rostro", "varios_rostros", "rostro_chico", "cubrebocas", "lentes_oscuros", "frente_cubierta")


@dataclass(frozen=True, slots=True)
class Ejemplo:
    """Images of a record, the alerts that they must give, and those of which nothing is said. `falla`: what is wrong with them."""

    falla: str
    imagenes: Mapping[Parte, bytes]
    debe: frozenset[Marca] = frozenset()
    calla: frozenset[Marca] = frozenset()


def capturas(semilla: int, limpias: int, de_cada_defecto: int) -> list[Captura]:
    """What is drawn: so many without a fault, and so many of each."""
    total = cuantas(limpias, de_cada_defecto)
    plan = planear(semilla, 2 * total, _SOLICITUDES, equipos_sinteticos(semilla, _SOLICITUDES), _INICIO, _FIN)
    sanas = [c for c in plan.capturas if c.verdad.cuarentena is not Cuarentena.NO_ES_IMAGEN][:total]
    defectos: list[Defecto] = [d for d in Defecto if d is not Defecto.NINGUNO for _ in range(de_cada_defecto)]
    otras = [c.persona for c in sanas[1:]] + [sanas[0].persona]
    return [
        replace(captura, defecto=defecto, otra=otra)
        for captura, otra, defecto in zip(sanas, otras, [*[Defecto.NINGUNO] * limpias, *defectos], strict=True)
    ]


def ejemplos(captura: Captura, n: int) -> Iterator[Ejemplo]:
    """A capture as the kit draws it, and taken worse; one without a fault is spoilt besides in every way, its strength by `n`."""
    imagenes = _por_parte(dibujar(captura))
    rng = np.random.default_rng([captura.semilla, n])
    como_esta = _como_esta(captura, imagenes)
    yield como_esta
    yield _peor(como_esta, n, rng)
    if captura.defecto is Defecto.NINGUNO:
        yield from _sin_falta(captura, imagenes, n, rng)
        yield from _de_luz_y_foco(imagenes, n, rng)
        yield from _copias_y_pantallas(imagenes, n)
        yield from _personas(imagenes, n)
        yield from _firmas(n, rng)


def _por_parte(imagenes: Imagenes) -> dict[Parte, bytes]:
    return dict(zip(IMAGENES, (imagenes.anverso, imagenes.reverso, imagenes.foto, imagenes.firma), strict=True))


_DEBE: dict[Defecto, tuple[Marca, ...]] = {
    Defecto.IMAGEN_NO_CPV: (("reverso_sin_codigos", Parte.REVERSO),),
    Defecto.DOS_ANVERSOS: (("lados_iguales", Parte.REVERSO), ("reverso_sin_codigos", Parte.REVERSO)),
    Defecto.DOS_REVERSOS: (("lados_iguales", Parte.REVERSO),),
    Defecto.PANTALLA: tuple(("pantalla", lado) for lado in _LADOS),
    Defecto.COPIA_BLANCO_Y_NEGRO: tuple(
        (c, lado) for c in ("copia_blanco_y_negro", "copia_en_papel") for lado in _LADOS
    ),
    Defecto.COPIA_A_COLOR: tuple(("copia_en_papel", lado) for lado in _LADOS),
    Defecto.ILEGIBLE_REVERSO: (("imagen_borrosa", Parte.REVERSO), ("reverso_sin_codigos", Parte.REVERSO)),
    Defecto.ILEGIBLE_FOTO: (("imagen_borrosa", Parte.FOTO),),
    Defecto.OBJETO: (("sin_rostro", Parte.FOTO),),
    Defecto.FOTO_DE_CREDENCIAL: (("rostro_chico", Parte.FOTO),),
    Defecto.CUBREBOCAS: (("cubrebocas", Parte.FOTO),),
    Defecto.LENTES_OSCUROS: (("lentes_oscuros", Parte.FOTO),),
    Defecto.GORRA: (("frente_cubierta", Parte.FOTO),),
    Defecto.SIN_FIRMA: (("firma_en_blanco", Parte.FIRMA),),
    Defecto.FIRMA_SIMBOLO: (("firma_simbolo", Parte.FIRMA),),
}
_CALLA: dict[Defecto, tuple[Marca, ...]] = {
    # A colour copy that has lost its colour is a copy all the same: inciso e.
    Defecto.COPIA_A_COLOR: tuple(("copia_blanco_y_negro", lado) for lado in _LADOS),
    # A part of the picture is out of focus.
    Defecto.ILEGIBLE_CLAVE: (("imagen_borrosa", Parte.ANVERSO),),
    # Whether a face is still found under these is not what is asked; all of them are inciso f or i.
    Defecto.ILEGIBLE_FOTO: tuple((c, Parte.FOTO) for c in _CARA),
    Defecto.CUBREBOCAS: tuple((c, Parte.FOTO) for c in _CARA if c != "cubrebocas"),
    Defecto.LENTES_OSCUROS: tuple((c, Parte.FOTO) for c in _CARA if c != "lentes_oscuros"),
    Defecto.GORRA: tuple((c, Parte.FOTO) for c in _CARA if c != "frente_cubierta"),
}
_CON_FIRMA_DEL_DEFECTO = (Defecto.FIRMA_NOMBRE, Defecto.FIRMA_DISTINTA, Defecto.FIRMA_SIMBOLO, Defecto.ILEGIBLE_FIRMA)


def _como_esta(captura: Captura, imagenes: Mapping[Parte, bytes]) -> Ejemplo:
    debe = set(_DEBE.get(captura.defecto, ()))
    if captura.defecto not in _CON_FIRMA_DEL_DEFECTO:
        if captura.persona.tipo_firma is TipoFirma.SIN_FIRMA:
            debe.add(("firma_en_blanco", Parte.FIRMA))
        elif captura.persona.tipo_firma is TipoFirma.SIMBOLO and captura.defecto is not Defecto.SIN_FIRMA:
            debe.add(("firma_simbolo", Parte.FIRMA))
    return Ejemplo(captura.defecto, imagenes, frozenset(debe), frozenset(_CALLA.get(captura.defecto, ())))


def _peor(ejemplo: Ejemplo, n: int, rng: np.random.Generator) -> Ejemplo:
    """The same under poor light, with grain, a little out of focus, or much compressed: what is wrong is still wrong."""
    peores: tuple[tuple[str, Callable[[Imagen], Imagen]], ...] = (
        ("poca luz", lambda i: np.asarray(cv2.convertScaleAbs(i, alpha=0.55), dtype=np.uint8)),
        ("grano", lambda i: _con_grano(i, 12, rng)),
        ("mal foco", lambda i: np.asarray(cv2.stackBlur(i, (7, 7)), dtype=np.uint8)),
        ("compresión", lambda i: i),
    )
    como, empeorar = peores[n % len(peores)]
    calidad = 35 if como == "compresión" else 82
    peor = {parte: _jpeg(empeorar(_leer(contenido)), calidad) for parte, contenido in ejemplo.imagenes.items()}
    dudosas = {"mal foco": "imagen_borrosa", "poca luz": "imagen_oscura"}
    calla = {(dudosas[como], parte) for parte in peor} if como in dudosas else set()
    return replace(ejemplo, falla=f"{ejemplo.falla}, {como}", imagenes=peor, calla=ejemplo.calla | calla)


def _sin_falta(
    captura: Captura, imagenes: Mapping[Parte, bytes], n: int, rng: np.random.Generator
) -> Iterator[Ejemplo]:
    """Worse captures without a fault: of every measure they are negatives."""
    leidas = {parte: _leer(imagenes[parte]) for parte in (*_LADOS, Parte.FOTO)}
    grano = (6, 12, 18)[n % 3]
    yield Ejemplo(
        f"ruido {grano}", {p: _jpeg(i + rng.normal(0, grano, i.shape[:2])[:, :, None]) for p, i in leidas.items()}
    )
    calidad = (30, 40, 55)[n % 3]
    yield Ejemplo(f"JPEG {calidad}", {p: _jpeg(i, calidad) for p, i in leidas.items()})
    inclinada = (0.02, 0.05, 0.08)[n % 3]
    yield Ejemplo(f"perspectiva {inclinada}", {p: _jpeg(_perspectiva(leidas[p], inclinada, rng)) for p in _LADOS})
    brillo = (60, 100, 140)[n % 3]
    yield Ejemplo(f"reflejo {brillo}", {p: _jpeg(_reflejo(leidas[p], brillo, rng)) for p in _LADOS})
    sides = {Parte.ANVERSO: cpv.anverso(captura.persona), Parte.REVERSO: cpv.reverso(captura.persona)}
    yield Ejemplo("mesa blanca", {p: _jpeg(_en_mesa_blanca(side, rng)) for p, side in sides.items()})


def _de_luz_y_foco(imagenes: Mapping[Parte, bytes], n: int, rng: np.random.Generator) -> Iterator[Ejemplo]:
    parte = (*_LADOS, Parte.FOTO)[n % 3]
    imagen = _leer(imagenes[parte])
    resto = {(codigo, parte) for codigo in CRITERIOS}
    ventana = (21, 33, 57)[n // 3 % 3]
    borrosa = _jpeg(cv2.stackBlur(imagen, (ventana, ventana)))
    yield Ejemplo(
        f"desenfoque {ventana}",
        {parte: borrosa},
        frozenset({("imagen_borrosa", parte)}),
        frozenset((c, parte) for c in (*_CARA, "reverso_sin_codigos")),
    )
    luz = (0.08, 0.14, 0.2)[n // 3 % 3]
    marca = ("imagen_oscura", parte)
    yield Ejemplo(f"luz {luz}", {parte: _jpeg(imagen * luz)}, frozenset({marca}), frozenset(resto - {marca}))
    lisa = _con_grano(np.full_like(imagen, round(rng.uniform(90, 245))), (0, 2, 4)[n // 3 % 3], rng)
    ciertas = {("imagen_uniforme", parte), *([("sin_rostro", parte)] if parte is Parte.FOTO else [])}
    yield Ejemplo("de un solo tono", {parte: _jpeg(lisa)}, frozenset(ciertas), frozenset(resto - ciertas))


def _copias_y_pantallas(imagenes: Mapping[Parte, bytes], n: int) -> Iterator[Ejemplo]:
    lampara = ((1, 1, 1), (0.85, 1, 1.12), (0.7, 0.95, 1.1))[n % 3]
    fuerza = (0.6, 0.8, 1.0)[n // 3 % 3]
    for lado in _LADOS:
        imagen = _leer(imagenes[lado])
        gris = cv2.cvtColor(cv2.cvtColor(imagen, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        yield Ejemplo(
            f"sin color, lámpara {n % 3}",
            {lado: _jpeg(gris * np.array(lampara))},
            frozenset({("copia_blanco_y_negro", lado)}),
            frozenset({("copia_en_papel", lado)}),
        )
        yield Ejemplo(
            f"moiré {fuerza}",
            {lado: _jpeg(cv2.multiply(imagen, _moire(imagen.shape[:2], 9 + n % 5, fuerza), scale=1 / 255))},
            frozenset({("pantalla", lado)}),
            frozenset({("copia_blanco_y_negro", lado), ("reverso_sin_codigos", lado)}),
        )


def _personas(imagenes: Mapping[Parte, bytes], n: int) -> Iterator[Ejemplo]:
    """The photo beside itself, mirrored and of another size."""
    foto = _leer(imagenes[Parte.FOTO])
    escala = (0.8, 0.9, 1.0)[n % 3]
    otra = np.full_like(foto, 180)
    chica = cv2.resize(foto, None, fx=escala, fy=escala)[:, ::-1]
    otra[: chica.shape[0], : chica.shape[1]] = chica
    dos = {Parte.FOTO: _jpeg(np.hstack((foto, otra)))}
    calla = frozenset((c, Parte.FOTO) for c in _CARA if c not in ("sin_rostro", "varios_rostros"))
    yield Ejemplo(f"dos personas {escala}", dos, frozenset({("varios_rostros", Parte.FOTO)}), calla)


def _firmas(n: int, rng: np.random.Generator) -> Iterator[Ejemplo]:
    papel = np.clip(rng.normal(248, 2, (300, 800)), 0, 255).astype(np.uint8)
    yield Ejemplo("papel solo", {Parte.FIRMA: _jpeg(papel)}, frozenset({("firma_en_blanco", Parte.FIRMA)}))
    trazos = {"punto": (), "línea": (0.0,), "cruz": (0.0, np.pi / 2), "equis": (np.pi / 4, -np.pi / 4)}
    cual = tuple(trazos)[n % 4]
    grueso, largo, giro = int(rng.integers(3, 10)), rng.uniform(40, 90), rng.uniform(-0.3, 0.3)
    centro = rng.uniform((200, 90), (600, 210))
    if cual == "punto":
        cv2.circle(papel, (int(centro[0]), int(centro[1])), 2 * grueso, (30,), -1, cv2.LINE_AA)
    for angulo in trazos[cual]:
        paso = largo * np.array((np.cos(angulo + giro), np.sin(angulo + giro)))
        puntos = np.array([centro + t * paso + rng.normal(0, 0.6, 2) for t in np.linspace(-1, 1, 9)])
        cv2.polylines(papel, [np.round(puntos).astype(np.int32)], False, (30,), grueso, cv2.LINE_AA)
    yield Ejemplo(cual, {Parte.FIRMA: _jpeg(papel)}, frozenset({("firma_simbolo", Parte.FIRMA)}))


# ---- how a picture is spoilt


def _perspectiva(imagen: Imagen, cuanto: float, rng: np.random.Generator) -> Imagen:
    """Seen aslant: its corners moved by up to that share of the width."""
    alto, ancho = imagen.shape[:2]
    esquinas = np.array(((0, 0), (ancho, 0), (ancho, alto), (0, alto)), np.float32)
    hacia_dentro = np.sign((ancho / 2, alto / 2) - esquinas) * rng.uniform(0, cuanto * ancho, (4, 2))
    matriz = cv2.getPerspectiveTransform(esquinas, (esquinas + hacia_dentro).astype(np.float32))
    vista = cv2.warpPerspective(imagen, matriz, (ancho, alto), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(vista, dtype=np.uint8)


def _reflejo(imagen: Imagen, fuerza: int, rng: np.random.Generator) -> Imagen:
    """With the glare of a lamp on its upper half."""
    alto, ancho = imagen.shape[:2]
    mancha = np.zeros((alto // 8, ancho // 8), np.uint8)
    centro = int(rng.integers(20, ancho // 8 - 20)), int(rng.integers(10, alto // 16))
    cv2.ellipse(mancha, centro, (22, 9), float(rng.uniform(-40, 40)), 0, 360, (fuerza,), -1)
    mancha = np.asarray(cv2.resize(cv2.GaussianBlur(mancha, (0, 0), 5), (ancho, alto)), dtype=np.uint8)
    return np.asarray(cv2.add(imagen, cv2.cvtColor(mancha, cv2.COLOR_GRAY2BGR)), dtype=np.uint8)


def _en_mesa_blanca(card: Imagen, rng: np.random.Generator) -> Imagen:
    """A card (757 x 1200) on a white table."""
    mesa = np.full((810, 1280, 3), (238, 240, 241), np.uint8)
    x, y = int(rng.integers(14, 66)), int(rng.integers(10, 43))
    mesa[y : y + card.shape[0], x : x + card.shape[1]] = card
    return _con_grano(mesa, 4, rng)


def _con_grano(imagen: Imagen, cuanto: float, rng: np.random.Generator) -> Imagen:
    """With noise of that many levels, of the light alone: a different piece of one tile each time."""
    alto, ancho = imagen.shape[:2]
    y, x = int(rng.integers(0, _grano().shape[0] - alto)), int(rng.integers(0, _grano().shape[1] - ancho))
    trozo = cv2.cvtColor(_grano()[y : y + alto, x : x + ancho], cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(imagen, 1, trozo, cuanto / 32, -4 * cuanto, dtype=cv2.CV_8U), dtype=np.uint8)


@lru_cache(maxsize=1)
def _grano() -> Imagen:
    """Noise about 128, of 32 levels."""
    return np.clip(np.random.default_rng(5).normal(128, 32, (1200, 1600)), 0, 255).astype(np.uint8)


@lru_cache(maxsize=24)
def _moire(medidas: tuple[int, int], periodo: float, fuerza: float) -> Imagen:
    """What a screen's grid leaves of each colour (of 255): bands that many pixels wide, curved, and other in each colour."""
    ys, xs = np.mgrid[0 : medidas[0], 0 : medidas[1]].astype(np.float32)
    onda = 2 * np.pi / periodo
    curva = 12 * np.sin(xs / 230) + 9 * np.cos(ys / 180)
    capas = [np.sin(onda * (xs + 0.2 * ys + curva) + canal * 1.1) for canal in range(3)]
    return np.asarray(255 * (1 - fuerza * 0.11 * (1 + np.stack(capas, axis=2))), dtype=np.uint8)


def _leer(contenido: bytes) -> Imagen:
    return np.asarray(cv2.imdecode(np.frombuffer(contenido, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)


def _jpeg(imagen: npt.NDArray[Any], calidad: int = 82) -> bytes:
    return bytes(cv2.imencode(".jpg", np.clip(imagen, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, calidad])[1])


# ---- measuring


@dataclass
class Cuenta:
    """Of some captures. `clases`: (alert, must, given) → images; `fallas`: (alert, must, what is wrong) → images got wrong."""

    clases: Counter[tuple[str, bool, bool]] = field(default_factory=Counter)
    fallas: Counter[tuple[str, bool, str]] = field(default_factory=Counter)
    ms: dict[str, float] = field(default_factory=lambda: {"decodificar": 0.0, "examinar": 0.0})
    expedientes: int = 0

    def sumar(self, otra: "Cuenta") -> None:
        """Add those of other captures."""
        self.clases += otra.clases
        self.fallas += otra.fallas
        self.ms = {paso: ms + otra.ms[paso] for paso, ms in self.ms.items()}
        self.expedientes += otra.expedientes


def umbrales_de_prueba() -> dict[str, float]:
    """Of each alert, that in force, or the one on which it is tried while it is off."""
    return {c: APAGADAS[c] if u is None else u for c, u in Umbrales().model_dump().items()}


def examinar(trabajo: tuple[Captura, int]) -> Cuenta:
    """Every example of a capture. Time is that of the whole records, as they are drawn."""
    cuenta, umbrales = Cuenta(), umbrales_de_prueba()
    for primero, ejemplo in zip((True, *[False] * 100), ejemplos(*trabajo), strict=False):
        empezado = time.thread_time()
        vistas = {p: decodificar(p, contenido, dimensiones(contenido)) for p, contenido in ejemplo.imagenes.items()}
        decodificado = time.thread_time()
        medidas = {(c, p): m for p in vistas for c in CRITERIOS if (m := medir(c, p, vistas)) is not None}
        if primero:
            cuenta.expedientes += 1
            cuenta.ms["decodificar"] += 1000 * (decodificado - empezado)
            cuenta.ms["examinar"] += 1000 * (time.thread_time() - decodificado)
        for marca, medida in medidas.items():
            if marca in ejemplo.calla:
                continue
            codigo, debe, dada = marca[0], marca in ejemplo.debe, medida >= umbrales[marca[0]]
            cuenta.clases[codigo, debe, dada] += 1
            if debe != dada:
                cuenta.fallas[codigo, debe, ejemplo.falla] += 1
    return cuenta


def cuantas(limpias: int = LIMPIAS, de_cada: int = DE_CADA_DEFECTO) -> int:
    """Captures that are drawn."""
    return limpias + de_cada * (len(Defecto) - 1)


async def correr(
    semilla: int, contar: Callable[[int], None], limpias: int = LIMPIAS, de_cada: int = DE_CADA_DEFECTO
) -> dict[str, Any]:
    """The figures of a seed, on every core."""
    loop, total = asyncio.get_running_loop(), Cuenta()
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    try:
        trabajos = [(captura, n) for n, captura in enumerate(capturas(semilla, limpias, de_cada))]
        tareas = [loop.run_in_executor(pool, examinar, trabajo) for trabajo in trabajos]
        for hechos, tarea in enumerate(asyncio.as_completed(tareas), start=1):
            total.sumar(await tarea)
            contar(hechos)
    finally:
        pool.shutdown(cancel_futures=True)
    return {
        "semilla": semilla,
        "meta": META,
        "alertas": {codigo: _cifras(codigo, total) for codigo in CRITERIOS},
        "ms_por_expediente": {paso: ms / total.expedientes for paso, ms in total.ms.items()},
    }


def _cifras(codigo: str, cuenta: Cuenta) -> dict[str, Any]:
    si, falsa = cuenta.clases[codigo, True, True], cuenta.clases[codigo, False, True]
    positivas, negativas = si + cuenta.clases[codigo, True, False], falsa + cuenta.clases[codigo, False, False]
    return {
        "inciso": CRITERIOS[codigo].inciso,
        "umbral": umbrales_de_prueba()[codigo],
        "encendida": getattr(Umbrales(), codigo) is not None,
        "precision": si / (si + falsa) if si + falsa else 0.0,
        "exhaustividad": si / positivas if positivas else 0.0,
        "positivas": positivas,
        "negativas": negativas,
        "sin_motivo": {falla: n for (c, debe, falla), n in cuenta.fallas.items() if c == codigo and not debe},
        "sin_ver": {falla: n for (c, debe, falla), n in cuenta.fallas.items() if c == codigo and debe},
    }
