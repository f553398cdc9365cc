"""A made-up electoral geography whose sizes resemble the real one: 300 federal districts, about 71 000 secciones.

Inside a state, districts and municipios are consecutive runs of secciones, so that a sección fixes the rest. The municipio
keys are this roll's own.
"""

from dataclasses import dataclass

SECCIONES_POR_DISTRITO = 236


@dataclass(frozen=True, slots=True)
class Sede:
    """A state: how many federal districts, and roughly where its people are (degrees, WGS 84)."""

    numero: str
    distritos: int
    latitud: float
    longitud: float

    @property
    def secciones(self) -> int:
        """Number of secciones, numbered from 1."""
        return self.distritos * SECCIONES_POR_DISTRITO


SEDES: dict[str, Sede] = {
    s.numero: s
    for s in (
        Sede("01", 3, 21.9, -102.3),
        Sede("02", 9, 32.4, -116.8),
        Sede("03", 2, 24.1, -110.3),
        Sede("04", 2, 19.8, -90.5),
        Sede("05", 8, 25.4, -101.0),
        Sede("06", 2, 19.2, -103.7),
        Sede("07", 13, 16.8, -93.1),
        Sede("08", 9, 28.6, -106.1),
        Sede("09", 22, 19.4, -99.1),
        Sede("10", 4, 24.0, -104.7),
        Sede("11", 15, 21.0, -101.3),
        Sede("12", 8, 17.6, -99.5),
        Sede("13", 7, 20.1, -98.7),
        Sede("14", 20, 20.7, -103.3),
        Sede("15", 40, 19.4, -99.4),
        Sede("16", 11, 19.7, -101.2),
        Sede("17", 5, 18.9, -99.2),
        Sede("18", 3, 21.5, -104.9),
        Sede("19", 14, 25.7, -100.3),
        Sede("20", 10, 17.1, -96.7),
        Sede("21", 16, 19.0, -98.2),
        Sede("22", 6, 20.6, -100.4),
        Sede("23", 4, 20.5, -87.4),
        Sede("24", 7, 22.2, -101.0),
        Sede("25", 7, 24.8, -107.4),
        Sede("26", 7, 29.1, -110.9),
        Sede("27", 6, 18.0, -92.9),
        Sede("28", 8, 23.7, -99.1),
        Sede("29", 3, 19.3, -98.2),
        Sede("30", 19, 19.2, -96.3),
        Sede("31", 6, 21.0, -89.6),
        Sede("32", 4, 22.8, -102.6),
    )
}


@dataclass(frozen=True, slots=True)
class Demarcacion:
    """Geo-electoral keys of a person, as the roll writes them."""

    entidad: str
    distrito_federal: str
    distrito_local: str
    municipio: str
    seccion: str


def demarcacion(entidad: str, seccion: int) -> Demarcacion:
    """The keys that a sección (from 1) of a state belongs to. Raises KeyError for an unknown state."""
    sede = SEDES[entidad]
    locales = 2 + 2 * sede.distritos
    municipios = 3 + 8 * sede.distritos
    return Demarcacion(
        entidad=entidad,
        distrito_federal=f"{1 + (seccion - 1) // SECCIONES_POR_DISTRITO:02d}",
        distrito_local=f"{1 + (seccion - 1) * locales // sede.secciones:02d}",
        municipio=f"{1 + (seccion - 1) * municipios // sede.secciones:03d}",
        seccion=f"{seccion:04d}",
    )
