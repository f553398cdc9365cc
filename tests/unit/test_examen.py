"""What a machine sees in the images: it helps the reviewer and never decides (SPEC 6, P 13.6)."""

from collections.abc import Mapping

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.examen import APAGADAS, SEMILLA, SEMILLA_DE_AJUSTE, Ejemplo, capturas, ejemplos
from dispositivo.poblacion.dibujo import firma
from schemas.paquete import IMAGENES, Parte
from services.descifrado import examen, vistas
from services.descifrado.examen import CRITERIOS, Criterio, Examen, medir
from services.descifrado.imagenes import dimensiones
from services.descifrado.settings import Umbrales
from services.descifrado.vistas import LADO, Vista, decodificar
from services.mesa_control.domain import TEXTO_ALERTA
from tests.support.imagenes import png


def vista(parte: Parte, contenido: bytes) -> Vista:
    return decodificar(parte, contenido, dimensiones(contenido))


def codificada(imagen: "np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.uint16]]", extension: str = ".png") -> bytes:
    return bytes(cv2.imencode(extension, imagen)[1])


def codigos(vistas: Mapping[Parte, Vista], umbrales: Umbrales | None = None) -> set[str]:
    return {alerta.codigo for alerta in Examen(umbrales or Umbrales())(vistas)}


# ---- rules of every alert


def test_cada_criterio_tiene_su_umbral_y_su_texto_para_quien_revisa() -> None:
    assert set(CRITERIOS) == set(Umbrales.model_fields)
    assert set(CRITERIOS) <= set(TEXTO_ALERTA)


def test_los_umbrales_vienen_de_la_configuracion_y_se_pueden_apagar(monkeypatch: pytest.MonkeyPatch) -> None:
    negra = {Parte.FOTO: vista(Parte.FOTO, codificada(np.zeros((48, 36, 3), np.uint8)))}
    assert "imagen_oscura" in codigos(negra, Umbrales())
    monkeypatch.setenv("APOYO_UMBRAL_IMAGEN_OSCURA", "off")
    assert "imagen_oscura" not in codigos(negra, Umbrales())
    monkeypatch.setenv("APOYO_UMBRAL_IMAGEN_OSCURA", "0.25")
    (alerta,) = [a for a in Examen(Umbrales())(negra) if a.codigo == "imagen_oscura"]
    assert (alerta.umbral, alerta.medida, alerta.parte, alerta.inciso) == (0.25, 1.0, Parte.FOTO, "f")
    monkeypatch.setenv("APOYO_UMBRAL_IMAGEN_OSCURA", "mucho")
    with pytest.raises(ValueError, match="imagen_oscura"):
        Umbrales()


def test_una_medida_que_falla_no_da_alerta_y_las_demas_siguen(monkeypatch: pytest.MonkeyPatch) -> None:
    def falla(_: Vista) -> float:
        raise ZeroDivisionError

    negra = {Parte.FOTO: vista(Parte.FOTO, codificada(np.zeros((48, 36, 3), np.uint8)))}
    monkeypatch.setitem(examen.CRITERIOS, "imagen_uniforme", Criterio("f", frozenset({Parte.FOTO}), falla))
    assert codigos(negra) >= {"imagen_oscura", "sin_rostro"}
    assert "imagen_uniforme" not in codigos(negra)


def test_un_rostro_que_a_pasos_gruesos_no_se_halla_se_busca_a_pasos_finos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shows the face must not be told that there is none."""
    n = 109
    _, con_grano, *_ = ejemplos(capturas(SEMILLA_DE_AJUSTE, 36, 10)[n], n)
    foto = con_grano.imagenes[Parte.FOTO]
    assert len(vista(Parte.FOTO, foto).rostros) == 1
    monkeypatch.setattr(vistas, "PASOS_DE_ROSTRO", vistas.PASOS_DE_ROSTRO[:1])
    assert vista(Parte.FOTO, foto).rostros == []


# ---- each alert on drawings: as the kit draws them, and spoilt as the bench does


@pytest.fixture(scope="module")
def ejemplos_() -> list[Ejemplo]:
    """One capture of each fault and two without one, spoilt in every way; of another seed than that of the thresholds."""
    return [ejemplo for n, captura in enumerate(capturas(SEMILLA, 3, 1)) for ejemplo in ejemplos(captura, n)]


ENCENDIDAS = [codigo for codigo, umbral in Umbrales().model_dump().items() if umbral is not None]


@pytest.mark.parametrize("codigo", ENCENDIDAS)
def test_cada_alerta_encendida_ve_su_falta_y_calla_ante_lo_demas(ejemplos_: list[Ejemplo], codigo: str) -> None:
    umbral = getattr(Umbrales(), codigo)
    vistas_con_falta = 0
    for ejemplo in ejemplos_:
        vistas = {parte: vista(parte, contenido) for parte, contenido in ejemplo.imagenes.items()}
        for parte in vistas:
            medida = medir(codigo, parte, vistas)
            if medida is None or (codigo, parte) in ejemplo.calla:
                continue
            debe = (codigo, parte) in ejemplo.debe
            assert (medida >= umbral) == debe, (ejemplo.falla, parte, medida)
            vistas_con_falta += debe
    assert vistas_con_falta


def test_lo_apagado_no_da_alertas(ejemplos_: list[Ejemplo]) -> None:
    apagadas = set(CRITERIOS) - set(ENCENDIDAS)
    assert apagadas == set(APAGADAS)
    for ejemplo in ejemplos_[:12]:
        vistas = {parte: vista(parte, contenido) for parte, contenido in ejemplo.imagenes.items()}
        assert not codigos(vistas) & apagadas


@pytest.mark.parametrize("modo", ["LA", "RGBA", "de 16 bits", "P"])
def test_una_firma_en_png_transparente_se_ve_sobre_papel_blanco(modo: str) -> None:
    """As a page that lets people sign on a canvas saves it: black ink on nothing, which is black, too."""
    tinta = firma.firma_de(capturas(SEMILLA, 1, 0)[0].persona)
    alto, ancho = tinta.shape
    for tinta_ in (tinta, np.zeros_like(tinta)):
        bgra = np.dstack([np.zeros((alto, ancho, 3), np.uint8), tinta_])
        if modo == "de 16 bits":
            contenido = codificada(np.multiply(bgra, 257, dtype=np.uint16))
        elif modo == "P":
            de_paleta = Image.fromarray((tinta_ > 127).astype(np.uint8), "P")
            de_paleta.putpalette([0, 0, 0, 0, 0, 0])
            contenido = png(de_paleta, transparency=0)
        else:
            contenido = png(Image.fromarray(bgra).convert(modo))
        transparente = {Parte.FIRMA: vista(Parte.FIRMA, contenido)}
        sobre_papel = {Parte.FIRMA: vista(Parte.FIRMA, codificada(np.asarray(255 - tinta_, np.uint8)))}
        assert codigos(transparente) == codigos(sobre_papel) == (set() if tinta_.any() else {"firma_en_blanco"})
        cerca = np.abs(transparente[Parte.FIRMA].gris.astype(int) - sobre_papel[Parte.FIRMA].gris).mean()
        assert cerca < (2 if modo == "P" else 0.5)


TAMANOS = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([(1, 1), (1, 12_000), (12_000, 1), (2, 5000), (1500, 2100)]),
)


@settings(max_examples=60, deadline=None)
@given(TAMANOS, st.sampled_from([(), (3,), (4,)]), st.booleans(), st.sampled_from([".png", ".jpg"]), st.integers(0, 99))
def test_nunca_falla_con_lo_que_se_puede_decodificar(
    medidas: tuple[int, int], canales: tuple[int, ...], de_16_bits: bool, extension: str, semilla: int
) -> None:
    """Tiny, very long, grey, with alpha, of 16 bits."""
    tipo = np.uint16 if de_16_bits and extension == ".png" else np.uint8
    if extension == ".jpg" and canales == (4,):
        canales = (3,)
    rng = np.random.default_rng(semilla)
    imagen = rng.integers(0, np.iinfo(tipo).max, (*medidas, *canales), dtype=tipo, endpoint=True)
    contenido = codificada(imagen, extension)
    vistas = {parte: vista(parte, contenido) for parte in IMAGENES}
    for parte, vista_ in vistas.items():
        assert max(vista_.gris.shape) == min(max(medidas), LADO[parte])
        for codigo in CRITERIOS:
            assert np.isfinite(medir(codigo, parte, vistas) or 0.0)
