"""The oracle: the final status of each capture, when everything is reviewed correctly and the compulsa is done.

Written from SPEC 8 (D 10.4, 10.7, P 15.3) without looking at the services, and as simply as possible.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal

from dispositivo.poblacion.plan import Captura

Politica = Literal["primero_recibido", "todos", "ninguno"]


def esperado(
    capturas: Iterable[Captura],
    recibido_en: Mapping[int, datetime],
    politica: Politica = "primero_recibido",
    desempate: Callable[[Captura], str] = lambda c: c.folio,
) -> dict[int, str]:
    """Status of each capture of one proceso by its number; those without a reception time were not received and have none.

    Same person, two solicitudes (P 15.3): `primero_recibido` counts the first of all; `todos` the first of each solicitud;
    `ninguno` none. Within a solicitud the first received counts, always. `desempate` orders those received at the same instant.
    """
    received = [c for c in capturas if c.numero in recibido_en]
    states: dict[int, str] = {}
    clean_by_person: dict[str, list[Captura]] = defaultdict(list)
    for c in received:
        if c.verdad.cuarentena:
            states[c.numero] = "en_procesamiento"
        elif not c.verdad.limpia:
            states[c.numero] = "con_inconsistencia"
        else:
            states[c.numero] = c.verdad.situacion.value
            if c.verdad.persona_id:
                clean_by_person[c.verdad.persona_id].append(c)

    for group in clean_by_person.values():
        group.sort(key=lambda c: (recibido_en[c.numero], desempate(c)))
        solicitudes = {c.solicitud for c in group}
        counted: set[str] = set()
        for c in group:
            place = c.solicitud if politica == "todos" else "proceso"
            if place in counted or (politica == "ninguno" and len(solicitudes) > 1):
                states[c.numero] = "duplicado"
            counted.add(place)
    return states
