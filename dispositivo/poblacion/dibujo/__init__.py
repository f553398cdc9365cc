"""Draws the four images of a capture by code: the card's two sides, the live photo and the signature.

Everything is invented and marked as a specimen. The defect of the capture is visible, so that a person looking at the images
reaches the same conclusion as the capture's `Verdad`. The same capture always gives the same bytes.
"""

from dataclasses import dataclass

import numpy as np

from dispositivo.poblacion.dibujo import cpv, escena, firma
from dispositivo.poblacion.dibujo.lienzo import Imagen, desenfocar, jpeg
from dispositivo.poblacion.dibujo.rostro import Accesorio, dibujar_rostro, rasgos_de, rasgos_distintos, toma_viva
from dispositivo.poblacion.personas import Persona
from dispositivo.poblacion.plan import Captura, Cuarentena, Defecto

TIPO_MEDIO = "image/jpeg"
_CALIDAD_TARJETA, _CALIDAD_FOTO, _CALIDAD_FIRMA = 80, 82, 90
_ACCESORIOS = {
    Defecto.CUBREBOCAS: Accesorio.CUBREBOCAS,
    Defecto.LENTES_OSCUROS: Accesorio.LENTES_OSCUROS,
    Defecto.GORRA: Accesorio.GORRA,
}


@dataclass(frozen=True, slots=True)
class Imagenes:
    """The images of a capture, JPEG. Cards 1280 x 810, photo 720 x 960, signature 800 x 300 (width x height)."""

    anverso: bytes
    reverso: bytes
    foto: bytes
    firma: bytes

    @property
    def total(self) -> int:
        """Bytes of the four."""
        return len(self.anverso) + len(self.reverso) + len(self.foto) + len(self.firma)


def dibujar(captura: Captura) -> Imagenes:
    """The four images. When the capture is to be quarantined for it, `anverso` is not an image at all."""
    rng = np.random.default_rng(captura.semilla)
    front, back = _tarjeta(captura, rng)
    anverso = jpeg(front, _CALIDAD_TARJETA)
    if captura.verdad.cuarentena is Cuarentena.NO_ES_IMAGEN:
        anverso = b"esto no es una imagen\n" * 64
    return Imagenes(
        anverso=anverso,
        reverso=jpeg(back, _CALIDAD_TARJETA),
        foto=jpeg(_foto(captura, rng), _CALIDAD_FOTO),
        firma=jpeg(_firma(captura, rng), _CALIDAD_FIRMA),
    )


def _tarjeta(c: Captura, rng: np.random.Generator) -> tuple[Imagen, Imagen]:
    """Pictures of front and back."""
    match c.defecto:
        case Defecto.IMAGEN_NO_CPV:
            sides = escena.otra_tarjeta(rng, back=False), escena.otra_tarjeta(rng, back=True)
        case Defecto.DOS_ANVERSOS:
            sides = (cpv.anverso(c.persona),) * 2
        case Defecto.DOS_REVERSOS:
            sides = (cpv.reverso(c.persona),) * 2
        case Defecto.DISTINTAS_CPV:
            sides = cpv.anverso(c.persona), cpv.reverso(_otra(c))
        case Defecto.SIMULACION:
            return _simulacion(c, rng)
        case _:
            sides = cpv.anverso(c.persona), cpv.reverso(c.persona)
    match c.defecto:
        case Defecto.PANTALLA:
            return escena.pantalla(sides[0], rng), escena.pantalla(sides[1], rng)
        case Defecto.COPIA_BLANCO_Y_NEGRO | Defecto.COPIA_A_COLOR:
            color = c.defecto is Defecto.COPIA_A_COLOR
            return escena.fotocopia(sides[0], rng, color=color), escena.fotocopia(sides[1], rng, color=color)
    front, back = escena.fotografiar(sides[0], rng), escena.fotografiar(sides[1], rng)
    if c.defecto is Defecto.ILEGIBLE_CLAVE:
        escena.ilegible(front, rng)
    elif c.defecto is Defecto.ILEGIBLE_REVERSO:
        back = desenfocar(back, 14)
    return front, back


def _simulacion(c: Captura, rng: np.random.Generator) -> tuple[Imagen, Imagen]:
    """One template's card with other data pasted on; its back is the very same picture every time."""
    template = _otra(c)
    card = cpv.anverso(template)
    escena.sobreponer(card, template, c.persona)
    back = escena.fotografiar(cpv.reverso(template), np.random.default_rng(template.semilla))
    return escena.fotografiar(card, rng), back


def _foto(c: Captura, rng: np.random.Generator) -> Imagen:
    match c.defecto:
        case Defecto.FOTO_DE_CREDENCIAL:
            return escena.foto_de_credencial(cpv.anverso(c.persona), c.persona, rng)
        case Defecto.OBJETO:
            return escena.foto(escena.objeto(rng), rng)
    year = c.capturado_en.year
    features = rasgos_de(c.persona.semilla, c.persona.sexo, year - c.persona.nacimiento.year)
    if c.defecto is Defecto.PERSONA_DISTINTA:
        other = _otra(c)
        features = rasgos_distintos(features, other.semilla, other.sexo, year - other.nacimiento.year)
    picture = escena.foto(dibujar_rostro(features, toma_viva(rng), _ACCESORIOS.get(c.defecto)), rng)
    return desenfocar(picture, 30) if c.defecto is Defecto.ILEGIBLE_FOTO else picture


def _firma(c: Captura, rng: np.random.Generator) -> Imagen:
    """The signature, dark on white, one channel."""
    match c.defecto:
        case Defecto.SIN_FIRMA:
            ink = np.zeros((firma.ALTO, firma.ANCHO), np.uint8)
        case Defecto.FIRMA_SIMBOLO:
            ink = firma.simbolo(tuple(firma.Simbolo)[int(rng.integers(len(firma.Simbolo)))])
        case Defecto.FIRMA_NOMBRE:
            other = _otra(c)
            ink = firma.nombre_a_mano(f"{other.nombre.split()[0]} {other.paterno}", other.semilla, rng)
        case Defecto.FIRMA_DISTINTA:
            ink = firma.rubrica(c.semilla, rng)
        case Defecto.ILEGIBLE_FIRMA:
            ink = desenfocar(firma.tachada(firma.firma_de(c.persona, rng), rng), 8)
        case _:
            ink = firma.firma_de(c.persona, rng)
    return 255 - ink


def _otra(c: Captura) -> Persona:
    """The second person of a defect that needs one. Raises ValueError when the plan gave none."""
    if c.otra is None:
        raise ValueError(f"la captura {c.numero} no tiene segunda persona")
    return c.otra
