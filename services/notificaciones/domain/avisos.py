"""What actors are told: that a solicitud is registered, that an auxiliar is, under which e-mail, and that one is dismissed.

- Confirmation of a solicitud: its folio, the period and the portal's address (P 6, D 2.3). By the profile it goes out at once, or
  when the signed cédula is held (P 6.1 F). The cédula brings it in any case where it was not sent before: never none.
- To an auxiliar: Id Proceso and Id Auxiliar (P 7.4, D 3); at a change of e-mail, to the new address (P 9.17, D 6.7); at a
  dismissal, its cause (P 7.7, D 3.8).
- To DERFE: which criteria of a process its OPL changed, and what it adds to the catalogue (P 13.4, 13.8, D 10.4).
"""

from schemas.eventos import AuxiliarDadoDeBaja, ProcesoRegistrado
from schemas.hora import hora_centro
from schemas.perfil import DUENO, PerfilReglas
from schemas.tipos import proceso_de
from services.notificaciones.domain import PIE, Texto, componer, ficha

_DE_QUIEN = {
    "promovente": "la persona aspirante o promovente",
    "opl": "el Organismo Público Local",
    "ine": "el Instituto Nacional Electoral",
}


def mismo_correo(uno: str, otro: str) -> bool:
    """Whether two addresses are one, as they are for who logs in (`schemas.actores.acceso_de`)."""
    return uno.strip().casefold() == otro.strip().casefold()


def confirmacion(solicitud: str, proceso: ProcesoRegistrado, portal: str) -> Texto:
    """That a solicitud is registered. `portal`: its address."""
    return Texto(
        f"Confirmación de registro de la solicitud {solicitud}",
        componer(
            (
                "CONFIRMACIÓN DE REGISTRO",
                f"La solicitud con folio {solicitud} quedó registrada.",
                ficha(
                    ("Folio", solicitud),
                    ("Id Proceso", proceso.proceso),
                    ("Id Solicitante", solicitud.removeprefix(f"{proceso.proceso}-")),
                    ("Inicio del periodo", hora_centro(proceso.inicio)),
                    ("Fin del periodo", hora_centro(proceso.fin)),
                    ("Portal", portal),
                ),
                "Entre al portal con esta cuenta de correo para registrar a sus auxiliares y consultar el avance de los apoyos.\n"
                "Conserve este mensaje: el folio identifica su solicitud.\n" + PIE,
            )
        ),
    )


def alta(solicitud: str, auxiliar: str) -> Texto:
    """That an auxiliar is registered."""
    return Texto(
        f"Registro de auxiliar ({solicitud})",
        componer(
            (
                "REGISTRO DE AUXILIAR",
                "Su registro como auxiliar está hecho.",
                _quien(solicitud, auxiliar),
                "Con el Id Proceso, el Id Auxiliar y esta cuenta de correo dará de alta su dispositivo en la aplicación.\n"
                "Conserve este mensaje.\n" + PIE,
            )
        ),
    )


def cambio_de_correo(solicitud: str, auxiliar: str) -> Texto:
    """That an auxiliar is reached at this address from now on."""
    return Texto(
        f"Cambio de correo de auxiliar ({solicitud})",
        componer(
            (
                "CAMBIO DE CORREO DE AUXILIAR",
                "Esta cuenta de correo queda registrada en lugar de la anterior.",
                _quien(solicitud, auxiliar),
                "Su Id Auxiliar, sus dispositivos y lo que ya envió no cambian. En adelante sus acuses llegarán a esta cuenta.\n"
                + PIE,
            )
        ),
    )


def baja(evento: AuxiliarDadoDeBaja) -> Texto:
    """That an auxiliar is dismissed, since when, by whom and why."""
    return Texto(
        f"Baja de auxiliar ({evento.solicitud})",
        componer(
            (
                "BAJA DE AUXILIAR",
                "Su registro como auxiliar se dio de baja.",
                _quien(evento.solicitud, evento.auxiliar),
                ficha(
                    ("Fecha de la baja", hora_centro(evento.desde)),
                    ("La determinó", _DE_QUIEN[evento.por]),
                    ("Causa", evento.motivo),
                ),
                "A partir de esa fecha ya no puede captar apoyos para esta solicitud. Lo que se recibió antes no cambia.\n"
                "Si tiene dudas, acuda a la persona aspirante o promovente, o al Organismo Público Local.\n" + PIE,
            )
        ),
    )


_CRITERIOS = {
    "misma_persona": "Qué vale si una persona apoya a dos aspirantes o promoventes",
    "audiencia_cubre": "Qué se revisa en una audiencia",
    "cuentan": "Quién cuenta para el umbral",
    "inconsistencias_propias": "Inconsistencias que el OPL agrega al catálogo",
}


def criterios_que_cambiaron(antes: PerfilReglas, despues: PerfilReglas) -> list[str]:
    """The rules of the OPL that differ, by their field."""
    return [
        campo for campo, dueno in DUENO.items() if dueno == "opl" and getattr(antes, campo) != getattr(despues, campo)
    ]


def criterios(proceso: ProcesoRegistrado, antes: PerfilReglas, despues: PerfilReglas) -> Texto:
    """To DERFE: that the OPL changed its criteria, which ones, and what it adds to the catalogue from now on."""
    cambiaron = [_CRITERIOS.get(campo, campo) for campo in criterios_que_cambiaron(antes, despues)]
    propias = [f"{p.tipo}: {p.descripcion} ({p.fundamento})" for p in despues.inconsistencias_propias]
    return Texto(
        f"Cambio de criterios de revisión ({proceso.proceso})",
        componer(
            (
                "CAMBIO DE CRITERIOS DE REVISIÓN",
                "El Organismo Público Local modificó criterios de su proceso (P 13.4, 13.8; D 10.4).",
                ficha(
                    ("Id Proceso", proceso.proceso),
                    ("Versión de las reglas", f"de {antes.version} a {despues.version}"),
                    ("Cuenta que lo hizo", proceso.por or "no consta"),
                ),
                "Cambió:\n" + "\n".join(f"- {nombre}" for nombre in cambiaron),
                "Inconsistencias que el OPL agrega al catálogo:\n"
                + "\n".join(f"- {p}" for p in propias or ["ninguna"]),
                "Lo que ya se decidió conserva la versión con que se decidió. El portal muestra cada versión.\n" + PIE,
            )
        ),
    )


def _quien(solicitud: str, auxiliar: str) -> str:
    return ficha(("Id Proceso", proceso_de(solicitud)), ("Solicitud", solicitud), ("Id Auxiliar", auxiliar))
