"""The 32 states and birth abroad: number on the clave de elector, letters on the CURP, name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entidad:
    """A state. `numero`: two digits, as in the clave de elector. `letras`: as in the CURP."""

    numero: str
    letras: str
    nombre: str


ENTIDADES: tuple[Entidad, ...] = (
    Entidad("01", "AS", "Aguascalientes"),
    Entidad("02", "BC", "Baja California"),
    Entidad("03", "BS", "Baja California Sur"),
    Entidad("04", "CC", "Campeche"),
    Entidad("05", "CL", "Coahuila"),
    Entidad("06", "CM", "Colima"),
    Entidad("07", "CS", "Chiapas"),
    Entidad("08", "CH", "Chihuahua"),
    Entidad("09", "DF", "Ciudad de México"),
    Entidad("10", "DG", "Durango"),
    Entidad("11", "GT", "Guanajuato"),
    Entidad("12", "GR", "Guerrero"),
    Entidad("13", "HG", "Hidalgo"),
    Entidad("14", "JC", "Jalisco"),
    Entidad("15", "MC", "México"),
    Entidad("16", "MN", "Michoacán"),
    Entidad("17", "MS", "Morelos"),
    Entidad("18", "NT", "Nayarit"),
    Entidad("19", "NL", "Nuevo León"),
    Entidad("20", "OC", "Oaxaca"),
    Entidad("21", "PL", "Puebla"),
    Entidad("22", "QT", "Querétaro"),
    Entidad("23", "QR", "Quintana Roo"),
    Entidad("24", "SP", "San Luis Potosí"),
    Entidad("25", "SL", "Sinaloa"),
    Entidad("26", "SR", "Sonora"),
    Entidad("27", "TC", "Tabasco"),
    Entidad("28", "TS", "Tamaulipas"),
    Entidad("29", "TL", "Tlaxcala"),
    Entidad("30", "VZ", "Veracruz"),
    Entidad("31", "YN", "Yucatán"),
    Entidad("32", "ZS", "Zacatecas"),
)

EXTRANJERO = "NE"
"""CURP letters of who was born abroad."""
NUMEROS_EXTRANJERO = ("87", "88")
"""Numbers of who was born abroad, on the clave de elector (not confirmed)."""

POR_NUMERO: dict[str, Entidad] = {e.numero: e for e in ENTIDADES} | {
    n: Entidad(n, EXTRANJERO, "Nacida o nacido en el extranjero") for n in NUMEROS_EXTRANJERO
}
LETRAS: frozenset[str] = frozenset(e.letras for e in POR_NUMERO.values())


def nombre_de(numero: str) -> str:
    """Name of a state by its number; the number itself when it is not in the table."""
    entidad = POR_NUMERO.get(numero)
    return entidad.nombre if entidad else numero
