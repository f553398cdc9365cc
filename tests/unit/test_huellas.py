"""The same picture in several records is found, as it is or altered; another picture of the same card is not (SPEC 6)."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import bson
import cv2
import numpy as np
import pytest

from dispositivo.poblacion.dibujo import Imagenes, cpv, dibujar, escena, firma
from dispositivo.poblacion.dibujo.lienzo import jpeg
from dispositivo.poblacion.plan import Captura, Defecto, Solicitud, equipos_sinteticos, planear
from kernel.documents import Document, MemoryDocuments
from kernel.hpke import Private
from kernel.sealing import KeyRing
from schemas.eventos import Alerta, RegistroDescifrado, RegistroRecibido
from schemas.paquete import IMAGENES, Parte
from services.descifrado import semejanzas as modulo
from services.descifrado.hilos import UnHilo
from services.descifrado.huellas import TESELAS, Huella, fichas, huella
from services.descifrado.imagenes import dimensiones
from services.descifrado.semejanzas import CANDIDATOS, Semejanzas, umbral_de
from services.descifrado.settings import IMAGEN_REPETIDA, Settings
from services.descifrado.vistas import Vista, decodificar
from services.mesa_control.domain import TEXTO_ALERTA
from tests.support.recepcion import Mundo, MundoDescifrado

UMBRAL = IMAGEN_REPETIDA
FOLIOS = [f"CI2026-0001-A0001-{'0' * 12}-{n:020x}" for n in range(CANDIDATOS + 20)]


@cache
def capturas() -> Sequence[Captura]:
    solicitudes = [Solicitud("CI2026-0001", None, "X")]
    inicio, fin = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)
    plan = planear(31, 160, solicitudes, equipos_sinteticos(31, solicitudes), inicio, fin)
    return [c for c in plan.capturas if c.modelo == "G" and c.verdad.limpia and not c.verdad.cuarentena]


@cache
def dibujada(numero: int, defecto: Defecto = Defecto.NINGUNO) -> Imagenes:
    """A clean capture, or with that defect; all of those share a template."""
    una = capturas()[numero]
    return dibujar(una if defecto is Defecto.NINGUNO else replace(una, defecto=defecto, otra=capturas()[-1].persona))


def huella_de(parte: Parte, contenido: bytes) -> Huella | None:
    vista = decodificar(parte, contenido, dimensiones(contenido))
    return huella(parte, vista.chica, hashlib.sha256(contenido).digest())


def huellas_de(imagenes: Imagenes, **cambios: bytes) -> dict[Parte, Huella]:
    de_cada_parte = {p: huella_de(p, cambios.get(p.value, getattr(imagenes, p.value))) for p in IMAGENES}
    return {parte: una for parte, una in de_cada_parte.items() if una is not None}


def alterada(
    contenido: bytes,
    *,
    calidad: int = 80,
    escala: float = 1.0,
    luz: float = 1.0,
    menos: tuple[float, float, float, float] = (0, 0, 0, 0),
) -> bytes:
    """Saved otherwise; `menos`: shares cut off from the left, the right, above and below."""
    imagen = cv2.imdecode(np.frombuffer(contenido, np.uint8), cv2.IMREAD_COLOR)
    assert imagen is not None
    alto, ancho = imagen.shape[:2]
    de, a, desde, hasta = menos
    imagen = imagen[round(alto * desde) : alto - round(alto * hasta), round(ancho * de) : ancho - round(ancho * a)]
    imagen = cv2.resize(imagen, None, fx=escala, fy=escala, interpolation=cv2.INTER_LINEAR)
    return jpeg(np.asarray(cv2.convertScaleAbs(imagen, alpha=luz, beta=8), dtype=np.uint8), calidad)


class Proceso:
    """What the instances of descifrado share; `privada` is the service's own key."""

    def __init__(self) -> None:
        self.documentos = MemoryDocuments()
        self.wraps = MemoryDocuments()
        self.privada = Private.generate()

    def llavero(self) -> KeyRing:
        return KeyRing(self.wraps, "descifrado", self.privada, {"descifrado": self.privada.public()})

    def instancia(self, umbral: float | None = UMBRAL) -> Semejanzas:
        return Semejanzas(self.documentos, self.llavero(), umbral, UnHilo())


def dichas(alertas: Sequence[Alerta]) -> set[tuple[str, Parte, tuple[str, ...]]]:
    return {(a.codigo, a.parte, tuple(a.folios)) for a in alertas}


# ---- what a hash sees


@pytest.mark.parametrize("parte", IMAGENES)
@pytest.mark.parametrize("cambio", [{"calidad": 60}, {"escala": 0.6}, {"luz": 1.12}, {"luz": 0.85}])
async def test_la_misma_imagen_recomprimida_reducida_o_con_otra_luz_se_encuentra(
    parte: Parte, cambio: Mapping[str, float]
) -> None:
    semejanzas = Proceso().instancia()
    original = dibujada(2)
    await semejanzas.buscar("CI2026", FOLIOS[0], huellas_de(original))
    otra = alterada(getattr(original, parte.value), **cambio)  # type: ignore[arg-type]  # quality is whole
    alertas = await semejanzas.buscar("CI2026", FOLIOS[1], huellas_de(dibujada(1), **{parte.value: otra}))
    assert dichas(alertas) == {("imagen_repetida", parte, (FOLIOS[0],))}
    assert umbral_de(parte, UMBRAL) == alertas[0].umbral <= alertas[0].medida <= 1


RECORTES = {
    "en todos los lados, medio": (0.005,) * 4,
    "en todos los lados": (0.01,) * 4,
    "a la izquierda": (0.01, 0, 0, 0),
    "a la derecha": (0, 0.01, 0, 0),
    "arriba": (0, 0, 0.01, 0),
    "abajo": (0, 0, 0, 0.01),
}


@pytest.mark.parametrize("parte", [Parte.ANVERSO, Parte.REVERSO, Parte.FOTO])
@pytest.mark.parametrize("cual", RECORTES)
def test_de_diez_imagenes_recortadas_en_un_centesimo_se_encuentran_casi_todas(parte: Parte, cual: str) -> None:
    """Of the front, the hardest, three in four; never fewer. Whichever of the two came first."""
    halladas = []
    for n in range(10):
        original = getattr(dibujada(n), parte.value)
        entera, recortada = (huella_de(parte, c) for c in (original, alterada(original, menos=RECORTES[cual])))
        assert entera is not None
        assert recortada is not None
        halladas += [_se_encuentra(parte, entera, recortada), _se_encuentra(parte, recortada, entera)]
    assert sum(halladas) >= 15


def _se_encuentra(parte: Parte, esta: Huella, guardada: Huella) -> bool:
    hallable = bool(np.isin(esta.buscadas, guardada.bandas).any())
    return hallable and esta.parecidos([guardada.compendio])[0] >= umbral_de(parte, UMBRAL)


@pytest.mark.parametrize("parte", IMAGENES)
async def test_de_un_lado_de_la_credencial_tiene_que_coincidir_mas_que_de_una_foto(parte: Parte) -> None:
    """Two cards of one model, in one place and cropped as is best, agree in half by chance."""
    semejanzas = Proceso().instancia()
    esta = huella_de(parte, getattr(dibujada(1), parte.value))
    assert esta is not None
    await semejanzas.buscar("CI2026", FOLIOS[0], {parte: esta})
    signos, teselas = (
        np.unpackbits(np.frombuffer(esta.compendio.signos, np.uint8)).reshape(TESELAS, -1),
        iter(range(TESELAS)),
    )
    otra = esta
    while otra.parecidos([esta.compendio])[0] >= UMBRAL + 0.1:
        signos[next(teselas)] ^= 1
        cambiado = replace(esta.compendio, signos=np.packbits(signos).tobytes(), sha256=bytes(32))
        otra = Huella(cambiado, esta.bandas, esta.buscadas, ())
    assert otra.parecidos([esta.compendio])[0] >= UMBRAL
    es_lado = parte in (Parte.ANVERSO, Parte.REVERSO)
    assert bool(await semejanzas.buscar("CI2026", FOLIOS[1], {parte: otra})) is not es_lado


def test_lo_guardado_de_una_imagen_no_depende_de_como_se_busca() -> None:
    """Every band is kept as it is and nothing of its crops: what is kept has the size it had."""
    una = huella_de(Parte.FOTO, dibujada(1).foto)
    assert una is not None
    assert len(una.bandas) <= 8
    assert len(bytes(una.compendio)) == una.compendio.LARGO
    assert set(una.bandas.tolist()) < set(una.buscadas.tolist())
    assert len(set(una.buscadas.tolist())) == len(una.buscadas)
    assert una.recortada
    assert una.parecidos(una.recortada) == [1.0] * len(una.recortada)


def test_las_bandas_de_en_medio_se_buscan_tambien_con_sus_dos_signos_mas_debiles_al_reves() -> None:
    una = huella_de(Parte.FIRMA, dibujada(1).firma)  # of a signature nothing else is looked for
    assert una is not None
    for banda in una.bandas.tolist():
        lejos = sorted((banda ^ otra).bit_count() for otra in una.buscadas.tolist() if otra >> 48 == banda >> 48)
        assert lejos == ([0] if (banda >> 48) % 256 in (0, 3, 4, 7) else [0, 1, 1, 2])


async def test_una_plantilla_con_los_datos_de_otra_persona_encima_se_encuentra() -> None:
    plantilla, primera, segunda = (capturas()[n].persona for n in (2, 3, 4))
    frentes = []
    for persona in (primera, segunda):
        tarjeta = cpv.anverso(plantilla)
        escena.sobreponer(tarjeta, plantilla, persona)
        frentes.append(jpeg(escena.fotografiar(tarjeta, np.random.default_rng(7)), 80))
    semejanzas = Proceso().instancia()
    await semejanzas.buscar("CI2026", FOLIOS[0], huellas_de(dibujada(3), anverso=frentes[0]))
    (alerta,) = await semejanzas.buscar("CI2026", FOLIOS[1], huellas_de(dibujada(4), anverso=frentes[1]))
    assert (alerta.codigo, alerta.inciso, alerta.parte, alerta.folios) == (
        "imagen_repetida",
        "n",
        Parte.ANVERSO,
        [FOLIOS[0]],
    )


async def test_otra_fotografia_de_la_misma_credencial_y_la_misma_persona_no_es_la_misma_imagen() -> None:
    semejanzas = Proceso().instancia()
    una = capturas()[5]
    for folio, semilla in zip(FOLIOS, (una.semilla, 1, 2, 3), strict=False):
        assert await semejanzas.buscar("CI2026", folio, huellas_de(dibujar(replace(una, semilla=semilla)))) == []


async def test_entre_registros_limpios_de_un_mismo_modelo_no_se_alerta_nada() -> None:
    semejanzas = Proceso().instancia()
    for n in range(20):
        assert await semejanzas.buscar("CI2026", FOLIOS[n], huellas_de(dibujada(n))) == []


@pytest.mark.parametrize("simbolo", firma.Simbolo)
def test_lo_que_todos_hacen_igual_no_distingue_a_nadie(simbolo: firma.Simbolo) -> None:
    assert huella_de(Parte.FIRMA, jpeg(255 - firma.simbolo(simbolo), 90)) is None


def test_una_imagen_vacia_no_tiene_huella() -> None:
    for tono in (0, 128, 255):
        plana = jpeg(np.full((300, 800), tono, np.uint8), 90)
        assert all(huella_de(parte, plana) is None for parte in IMAGENES)
    assert huella(Parte.FOTO, Vista(np.zeros((1, 1, 3), np.uint8)).chica, b"") is None


def test_una_firma_se_reconoce_en_otro_lugar_del_recuadro() -> None:
    tinta = firma.firma_de(capturas()[6].persona)
    corrida = np.roll(tinta, (12, -35), axis=(0, 1))
    aqui, alla = (huella_de(Parte.FIRMA, jpeg(255 - t, 90)) for t in (tinta, corrida))
    assert aqui is not None
    assert alla is not None
    assert aqui.parecidos([alla.compendio])[0] > UMBRAL


# ---- records that meet


async def test_los_mismos_bytes_se_dicen_aparte_y_cada_parte_con_su_inciso() -> None:
    semejanzas = Proceso().instancia()
    assert await semejanzas.buscar("CI2026", FOLIOS[0], huellas_de(dibujada(0))) == []
    alertas = await semejanzas.buscar("CI2026", FOLIOS[1], huellas_de(dibujada(0)))
    assert [(a.codigo, a.parte, a.inciso, a.medida, a.umbral) for a in alertas] == [
        ("imagen_identica", Parte.ANVERSO, "n", 1.0, 1.0),
        ("imagen_identica", Parte.REVERSO, "n", 1.0, 1.0),
        ("imagen_identica", Parte.FOTO, "h", 1.0, 1.0),
        ("imagen_identica", Parte.FIRMA, "l", 1.0, 1.0),
    ]
    assert {a.codigo for a in alertas} | {"imagen_repetida"} <= set(TEXTO_ALERTA)


async def test_repetido_un_registro_dice_lo_mismo_y_nunca_se_encuentra_a_si_mismo() -> None:
    proceso = Proceso()
    await proceso.instancia().buscar("CI2026", FOLIOS[0], huellas_de(dibujada(0)))
    primera = await proceso.instancia().buscar("CI2026", FOLIOS[1], huellas_de(dibujada(0)))
    assert await proceso.instancia().buscar("CI2026", FOLIOS[1], huellas_de(dibujada(0))) == primera
    assert dichas(primera) == {("imagen_identica", parte, (FOLIOS[0],)) for parte in IMAGENES}
    assert await proceso.documentos.count({}) == 2


class _Lento(MemoryDocuments):
    """An engine under which every call of one instance meets those of another, in any order."""

    async def find(self, *args: object, **kwargs: object) -> list[Document]:
        await asyncio.sleep(0)
        return await super().find(*args, **kwargs)  # type: ignore[arg-type]

    async def put_if_absent(self, document: Document) -> bool:
        await asyncio.sleep(0)
        return await super().put_if_absent(document)


async def test_de_dos_registros_a_la_vez_en_dos_instancias_al_menos_uno_ve_al_otro() -> None:
    proceso = Proceso()
    proceso.documentos = _Lento()
    iguales = huellas_de(dibujada(0))
    vistas = await asyncio.gather(
        *(proceso.instancia().buscar("CI2026", folio, iguales) for folio in FOLIOS[:2]),
    )
    assert any(vistas)


async def test_de_una_imagen_en_muchos_registros_se_nombran_diez_y_se_dice_que_hay_mas() -> None:
    semejanzas = Proceso().instancia()
    iguales = {Parte.FOTO: huellas_de(dibujada(0))[Parte.FOTO]}
    alertas: list[Alerta] = []
    for folio in FOLIOS:
        alertas = await semejanzas.buscar("CI2026", folio, iguales)
    assert len(alertas[0].folios) == 10
    assert alertas[0].detalle == f"en al menos {CANDIDATOS} registros más"


class _AlReves(MemoryDocuments):
    """An engine that gives what it finds in another order."""

    async def find(self, *args: object, limit: int = 0, **kwargs: object) -> list[Document]:
        found = (await super().find(*args, **kwargs))[::-1]  # type: ignore[arg-type]
        return found[:limit] if limit else found


@pytest.mark.parametrize("motor", [MemoryDocuments, _AlReves])
async def test_una_plantilla_en_muchos_registros_no_esconde_al_unico_que_comparte_la_foto(
    motor: type[MemoryDocuments], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.descifrado.semejanzas.HALLADOS", 8)
    monkeypatch.setattr("services.descifrado.semejanzas.CANDIDATOS", 4)
    proceso = Proceso()
    proceso.documentos = motor()
    semejanzas = proceso.instancia()
    plantilla, de_la_foto = huellas_de(dibujada(0)), huellas_de(dibujada(1))
    for folio in FOLIOS[:10]:
        await semejanzas.buscar("CI2026", folio, {Parte.ANVERSO: plantilla[Parte.ANVERSO]})
    await semejanzas.buscar("CI2026", FOLIOS[10], {Parte.FOTO: de_la_foto[Parte.FOTO]})
    for folio in FOLIOS[11:20]:
        await semejanzas.buscar("CI2026", folio, {Parte.ANVERSO: plantilla[Parte.ANVERSO]})
    ambas = {Parte.ANVERSO: plantilla[Parte.ANVERSO], Parte.FOTO: de_la_foto[Parte.FOTO]}
    anverso, foto = await semejanzas.buscar("CI2026", FOLIOS[20], ambas)
    assert (anverso.parte, anverso.detalle) == (Parte.ANVERSO, "en al menos 4 registros más")
    assert (foto.parte, foto.folios) == (Parte.FOTO, [FOLIOS[10]])


@pytest.mark.parametrize("motor", [MemoryDocuments, _AlReves])
async def test_de_los_que_comparten_algo_se_comparan_los_que_comparten_mas(
    motor: type[MemoryDocuments], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cards of one model share a band by chance; here others do, on purpose, before and after the one that is the same."""
    monkeypatch.setattr("services.descifrado.semejanzas.CANDIDATOS", 1)
    proceso = Proceso()
    proceso.documentos = motor()
    semejanzas = proceso.instancia()
    la_misma = huellas_de(dibujada(0))[Parte.FOTO]
    for n in range(7):
        otra = huellas_de(dibujada(1 + n))[Parte.FOTO]
        comparte_una = replace(otra, bandas=np.array([la_misma.bandas[n], *otra.bandas[1:]]))
        otra = la_misma if n == 3 else comparte_una
        await semejanzas.buscar("CI2026", FOLIOS[n], {Parte.FOTO: otra})
    (alerta,) = await semejanzas.buscar("CI2026", FOLIOS[7], {Parte.FOTO: la_misma})
    assert alerta.folios == [FOLIOS[3]]


async def test_las_palabras_y_las_comparaciones_se_hacen_fuera_del_ciclo_de_eventos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """README, invariant 4: so that health and heartbeats live."""
    donde = set()

    def anotado(hacer: Callable[..., object]) -> Callable[..., object]:
        def hecho(*args: object) -> object:
            donde.add((hacer.__name__, threading.current_thread() is threading.main_thread()))
            return hacer(*args)

        return hecho

    for nombre in ("fichas", "seal", "unseal"):
        monkeypatch.setattr(f"services.descifrado.semejanzas.{nombre}", anotado(getattr(modulo, nombre)))
    semejanzas = Proceso().instancia()
    for folio in FOLIOS[:2]:
        alertas = await semejanzas.buscar("CI2026", folio, huellas_de(dibujada(0)))
    assert alertas
    assert donde == {("fichas", False), ("seal", False), ("unseal", False)}


async def test_en_otro_proceso_no_se_busca() -> None:
    semejanzas = Proceso().instancia()
    await semejanzas.buscar("CI2026", FOLIOS[0], huellas_de(dibujada(0)))
    assert await semejanzas.buscar("RM2026", FOLIOS[1], huellas_de(dibujada(0))) == []


async def test_apagada_en_la_configuracion_no_guarda_nada(monkeypatch: pytest.MonkeyPatch) -> None:
    exigidos = [nombre for nombre, campo in Settings.model_fields.items() if campo.is_required()]
    for nombre in exigidos:
        monkeypatch.setenv(f"APOYO_{nombre.upper()}", "1")
    assert Settings().umbral_imagen_repetida == UMBRAL
    monkeypatch.setenv("APOYO_UMBRAL_IMAGEN_REPETIDA", "off")
    assert Settings().umbral_imagen_repetida is None
    proceso = Proceso()
    assert await proceso.instancia(None).buscar("CI2026", FOLIOS[0], huellas_de(dibujada(0))) == []
    assert await proceso.documentos.count({}) == 0


# ---- what is kept


async def test_lo_guardado_no_dice_nada_sin_la_llave_del_proceso() -> None:
    proceso, otro = Proceso(), Proceso()
    huellas = huellas_de(dibujada(0))
    for cada_uno in (proceso, otro):
        await cada_uno.instancia().buscar("CI2026", FOLIOS[0], huellas)
    documentos = [await p.documentos.get(FOLIOS[0]) for p in (proceso, otro)]
    assert documentos[0] is not None
    assert documentos[1] is not None
    assert not set(documentos[0]["fichas"]) & set(documentos[1]["fichas"])
    guardado = bson.encode(documentos[0])
    for una in huellas.values():
        for secreto in (una.compendio.signos, una.compendio.sha256):
            assert secreto[:8] not in guardado
            assert secreto[:8].hex().encode() not in guardado
    sin_llave = {palabra for una in huellas.values() for palabra in fichas(bytes(32), una.bandas)}
    assert not sin_llave & set(documentos[0]["fichas"])


async def test_destruida_la_llave_del_proceso_nadie_encuentra_ni_lee_nada_y_los_registros_se_siguen_abriendo() -> None:
    proceso = Proceso()
    await proceso.instancia().buscar("CI2026", FOLIOS[0], huellas_de(dibujada(0)))
    await proceso.llavero().destroy("CI2026")
    assert await proceso.instancia().buscar("CI2026", FOLIOS[1], huellas_de(dibujada(0))) == []
    assert await proceso.documentos.get(FOLIOS[1]) is None


async def test_quitado_su_documento_un_registro_ya_no_se_encuentra() -> None:
    proceso = Proceso()
    await proceso.instancia().buscar("CI2026", FOLIOS[0], huellas_de(dibujada(0)))
    await proceso.documentos.remove([FOLIOS[0]])
    assert await proceso.instancia().buscar("CI2026", FOLIOS[1], huellas_de(dibujada(0))) == []


async def test_un_documento_alterado_no_detiene_a_los_demas() -> None:
    proceso = Proceso()
    for folio in FOLIOS[:2]:
        await proceso.instancia().buscar("CI2026", folio, huellas_de(dibujada(0)))
    alterado = await proceso.documentos.get(FOLIOS[0])
    assert alterado is not None
    await proceso.documentos.remove([FOLIOS[0]])
    await proceso.documentos.put_if_absent(alterado | {"huellas": b"\x00" + alterado["huellas"][1:]})
    alertas = await proceso.instancia().buscar("CI2026", FOLIOS[2], huellas_de(dibujada(0)))
    assert {tuple(a.folios) for a in alertas} == {(FOLIOS[1],)}


# ---- from package to event


async def test_las_simulaciones_de_una_misma_plantilla_se_encuentran_y_los_registros_limpios_no() -> None:
    mundo = await Mundo().start()
    aparte = MundoDescifrado(mundo)
    simulados, folios = set[str](), []
    for n, defecto in enumerate([Defecto.SIMULACION, Defecto.NINGUNO] * 3):
        imagenes = dibujada(10 + n, defecto)
        paquete = mundo.sellar(imagenes={p: (getattr(imagenes, p.value), "image/jpeg") for p in IMAGENES})
        await mundo.abrir()
        assert (await mundo.enviar(paquete)).status_code == 201
        (recibido,) = [s.evento for s in await mundo.eventos("registro_recibido") if s.evento.asunto == paquete.folio]
        assert isinstance(recibido, RegistroRecibido)
        await aparte.abrir(recibido, causa=f"causa {n}")
        (evento,) = [s.evento for s in await mundo.eventos("descifrado") if s.evento.asunto == paquete.folio]
        assert isinstance(evento, RegistroDescifrado)
        vistas = {(a.codigo, a.parte): set(a.folios) for a in evento.alertas if a.folios}
        assert vistas == ({("imagen_identica", Parte.REVERSO): simulados} if simulados and not n % 2 else {})
        folios.append(evento.folio)
        if not n % 2:
            simulados = simulados | {evento.folio}
    assert await aparte.huellas.count({"_id": {"$in": folios}}) == 6
    await mundo.stop()
