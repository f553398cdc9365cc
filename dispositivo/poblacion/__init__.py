"""A synthetic population: persons, their cards, the roll, what is captured, and what should become of it.

Everything follows from an integer seed; dates are passed in. `dibujo` draws the images and is imported apart.
"""

from dispositivo.poblacion.auxiliares import Auxiliar, escribir_auxiliares
from dispositivo.poblacion.oraculo import esperado
from dispositivo.poblacion.padron import escribir_padron
from dispositivo.poblacion.personas import Persona, Poblador
from dispositivo.poblacion.plan import (
    Captura,
    Clase,
    Cuarentena,
    Defecto,
    Equipo,
    Extras,
    Plan,
    Solicitud,
    Verdad,
    equipos_sinteticos,
    planear,
)

__all__ = [
    "Auxiliar",
    "Captura",
    "Clase",
    "Cuarentena",
    "Defecto",
    "Equipo",
    "Extras",
    "Persona",
    "Plan",
    "Poblador",
    "Solicitud",
    "Verdad",
    "equipos_sinteticos",
    "escribir_auxiliares",
    "escribir_padron",
    "esperado",
    "planear",
]
