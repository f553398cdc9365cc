"""The rules of a profile in words, and how they are changed, each by its owner (SPEC 2; P 13.4, 13.8; D 10.4). Pure.

A rule's form field is its name; a term has two, `<name>_dias` and `<name>_habiles`. What an OPL adds to the catalogue of
inconsistencies (P 13.8) has five for each, `propia_<n>_<field>`: one without any text is none, and any other has all five.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.paquete import Modalidad
from schemas.perfil import DUENO, MAX_PROPIAS, Dueno, InconsistenciaPropia, PerfilReglas, Plazo
from services.portal.domain.captura import Captura
from services.portal.domain.terminos import en_palabras

Pares = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Opciones:
    """One of several words, or several of them."""

    pares: Pares
    varias: bool = False


@dataclass(frozen=True, slots=True)
class Numero:
    """A whole number. `unidad`: what it counts; `nada`: what no number means, where that is allowed."""

    minimo: int
    maximo: int
    unidad: str
    nada: str = ""


@dataclass(frozen=True, slots=True)
class EnDias:
    """A term in days. `nada`: what no term means, where that is allowed."""

    nada: str = ""


@dataclass(frozen=True, slots=True)
class Propias:
    """Inconsistencies that the OPL adds to the catalogue (P 13.8)."""


@dataclass(frozen=True, slots=True)
class Regla:
    """One rule: its name for people, its numeral, and what it may be."""

    campo: str
    nombre: str
    numeral: str
    valor: Opciones | Numero | EnDias | Propias

    @property
    def dueno(self) -> Dueno:
        """Who may change it."""
        return DUENO[self.campo]


_RECEPCION: Pares = (
    ("recibir_inconsistente", "se recibe, con inconsistencia"),
    ("no_recibir", "no se recibe"),
)

REGLAS: tuple[Regla, ...] = (
    Regla("registra", "Quién registra el proceso y sus solicitudes", "P 6.1; D 1.2",
          Opciones((("opl", "el OPL"), ("ine", "el INE, con los datos del OPL")))),
    Regla("confirmacion", "Correo de confirmación de una solicitud", "P 6.1 F; D 2.3",
          Opciones((("tras_cedula_firmada", "después de la cédula firmada"), ("inmediata", "en cuanto se registra")))),
    Regla("emblema_tipos", "Tipos de imagen del emblema", "P 6.1 E; D 1.2",
          Opciones((("image/png", "PNG"), ("image/jpeg", "JPG")), varias=True)),
    Regla("telefono_de_auxiliar", "Teléfono de cada auxiliar", "P 7.3; D 3",
          Opciones((("opcional", "opcional"), ("requerido", "requerido")))),
    Regla("consulta_de_auxiliar", "Cuándo se verifica al auxiliar en el padrón", "P 7.6; D 4.5",
          Opciones((("al_registrar", "al registrarlo"), ("al_enrolar", "al enrolar su dispositivo")))),
    Regla("baja_por_consulta", "Si el padrón no lo encuentra", "P 7.6; D 4.5",
          Opciones((("automatica", "se da de baja en ese momento"), ("por_ine", "lo decide el INE")))),
    Regla("bajas_de_auxiliar", "Quién puede dar de baja a un auxiliar", "P 7.6, 7.7, 8.6; D 3.4, 3.8, 4.5, 4.10",
          Opciones((("promovente", "aspirante o promovente"), ("opl", "el OPL"), ("ine", "el INE")), varias=True)),
    Regla("tras_baja_de_auxiliar", "Apoyo recibido después de la baja del auxiliar", "P 7.7; D 3.4", Opciones(_RECEPCION)),
    Regla("tras_baja_por_ine", "Apoyo recibido después de la baja por dispositivos que decide el INE", "D 4.10",
          Opciones(_RECEPCION)),
    Regla("dispositivos_activos", "Dispositivos activos de cada auxiliar", "P 8.11; D 4.9", Numero(1, 10, "dispositivos")),
    Regla("dispositivo_no_autorizado", "Apoyo de un dispositivo no autorizado", "P 8.11; D 4.9", Opciones(_RECEPCION)),
    Regla("mi_apoyo_modelos", "Mi Apoyo: modelos de credencial", "P 10.1; D 7.3",
          Opciones(tuple((modelo, modelo) for modelo in "CDEFGH"), varias=True)),
    Regla("mi_apoyo_consulta", "Mi Apoyo: cuándo se consulta el padrón", "P 10.6-10.8; D 7.7-7.10",
          Opciones((("tras_codigo", "después del código de activación"), ("antes_de_codigo", "antes del código de activación")))),
    Regla("mi_apoyo_un_correo_una_persona", "Mi Apoyo: un correo y un dispositivo son de una sola persona", "D 7.25",
          Opciones((("si", "sí"), ("no", "no")))),
    Regla("gracia_horas", "Tiempo para enviar después del término", "P 9.16; D 6.6", Numero(0, 720, "horas")),
    Regla("plazo_de_revision", "Plazo de revisión, desde la recepción en Mesa de Control", "P 13.9; D 10.2", EnDias()),
    Regla("compulsa", "Cuándo se hace la compulsa definitiva", "D 10.7 b",
          Opciones((("continua", "conforme se revisa"), ("al_final", "al final, cuando la ordena el OPL")))),
    Regla("misma_persona", "Si una persona apoya a dos aspirantes o promoventes", "P 15.3",
          Opciones((("primero_recibido", "vale el que se recibió primero"), ("todos", "valen todos"),
                    ("ninguno", "no vale ninguno")))),
    Regla("inconsistencias_propias", "Inconsistencias que el OPL agrega al catálogo", "P 13.8; D 10.4", Propias()),
    Regla("cuentan", "Quién cuenta para el umbral", "",
          Opciones((("lista_nominal", "quien está en la lista nominal"), ("padron", "quien está en el padrón")))),
    Regla("audiencia_cubre", "Qué se revisa en una audiencia", "P 14.1; D 11.2, 11.4 c",
          Opciones((("con_inconsistencia", "con inconsistencia"), ("no_encontrado", "no encontrados"), ("baja", "bajas")),
                   varias=True)),
    Regla("audiencia_aviso_horas", "Aviso al INE antes de una audiencia", "D 11.3", Numero(0, 720, "horas")),
    Regla("audiencia_resultados_horas", "Tiempo para notificar los resultados de una audiencia", "D 11.9", Numero(0, 720, "horas")),
    Regla("llave_opl_dias_antes", "Cuándo se entrega la llave pública del OPL", "P 15.1; D 13.6",
          Numero(0, 366, "días antes del inicio", nada="antes de la entrega")),
    Regla("entrega_preliminar", "Entrega preliminar, desde el aviso de que terminó la revisión", "D 13.2", EnDias("no hay")),
    Regla("entrega_final", "Entrega final, desde el aviso de que terminaron las audiencias", "P 15.2; D 13.4",
          EnDias("después de la revisión y la conciliación")),
    Regla("entrega_unica", "Entrega única, contada desde 48 horas después del término", "D 13.7", EnDias("no hay")),
    Regla("portal_cierra", "Cierre del portal para la persona promovente, después de la entrega final", "D 13.8",
          EnDias("no cierra")),
    Regla("expedientes", "Qué pasa con los expedientes", "P 16.1; D 13.9",
          Opciones((("tres_meses_y_archivo", "se consultan tres meses después del resultado final; luego, las reglas de archivo"),
                    ("al_confirmar_apertura", "se borran cuando el OPL confirma que pudo abrirlos")))),
)  # fmt: skip
"""Every rule of a profile, in the order in which a process meets them."""


def decir(regla: Regla, perfil: PerfilReglas) -> str:
    """What a profile says of a rule, in words."""
    valor = getattr(perfil, regla.campo)
    match regla.valor:
        case Opciones(pares, varias):
            elegidas = _valores(valor)
            nombres = [texto for clave, texto in pares if clave in elegidas]
            return ", ".join(nombres) if varias else nombres[0]
        case Numero(_, _, unidad, nada):
            return nada if valor is None else f"{valor} {unidad}"
        case EnDias(nada):
            return nada if valor is None else en_palabras(valor)
        case Propias():
            return "; ".join(_decir_propia(p) for p in valor) or "ninguna"


def llenar(regla: Regla, perfil: PerfilReglas) -> dict[str, Any]:
    """The form fields of a rule, as a profile says."""
    valor = getattr(perfil, regla.campo)
    if isinstance(regla.valor, Propias):
        return {campo: dicho for n, propia in enumerate(valor) for campo, dicho in _llenar_propia(n, propia).items()}
    if isinstance(regla.valor, EnDias):
        plazo: Plazo | None = valor
        return {
            f"{regla.campo}_dias": str(plazo.dias) if plazo else "",
            f"{regla.campo}_habiles": "si" if plazo and plazo.habiles else "no",
        }
    return {regla.campo: _valores(valor) if isinstance(regla.valor, Opciones) else "" if valor is None else str(valor)}


def leer(valores: Mapping[str, Sequence[str]], perfil: PerfilReglas, organo: Dueno) -> PerfilReglas:
    """The profile with the rules of that owner as the form says, of the next version; the rest stays. Raises Invalida."""
    c = Captura(valores)
    cambios: dict[str, Any] = {}
    for regla in REGLAS:
        if regla.dueno != organo:
            continue
        match regla.valor:
            case Opciones(pares, True):
                cambios[regla.campo] = c.varias(regla.campo, [clave for clave, _ in pares])
            case Opciones(pares):
                elegida = c.opcion(regla.campo, [clave for clave, _ in pares])
                es_logica = isinstance(getattr(perfil, regla.campo), bool)
                cambios[regla.campo] = elegida == "si" if es_logica else elegida
            case Numero(minimo, maximo, _, nada):
                cambios[regla.campo] = c.entero(regla.campo, minimo, maximo, opcional=bool(nada))
            case EnDias(nada):
                dias = c.entero(f"{regla.campo}_dias", 0, 366, opcional=bool(nada))
                habiles = c.opcion(f"{regla.campo}_habiles", ("si", "no"), opcional=dias is None) == "si"
                cambios[regla.campo] = None if dias is None else Plazo(dias=dias, habiles=habiles)
            case Propias():
                cambios[regla.campo] = _leer_propias(c)
    c.terminar()
    return PerfilReglas.model_validate({**perfil.model_dump(), **cambios})


MODALIDADES: Pares = (
    (Modalidad.AUXILIAR.value, "con auxiliar"),
    (Modalidad.MI_APOYO.value, "Mi Apoyo"),
    (Modalidad.CAPTURA_MANUAL.value, "captura manual"),
)


_TEXTOS = ("descripcion", "tipo", "fundamento")
"""What is written of an addition; the rest of it is chosen."""


def propias_por_mostrar(valores: Mapping[str, Any]) -> list[int]:
    """Which of the additions a form shows: those that say something, and two more, while there is room."""
    dichas = [n for n in range(MAX_PROPIAS) if any(valores.get(f"propia_{n}_{texto}") for texto in _TEXTOS)]
    libres = [n for n in range(MAX_PROPIAS) if n not in dichas]
    return sorted([*dichas, *libres[:2]])


def _decir_propia(propia: InconsistenciaPropia) -> str:
    modalidades = ", ".join(texto for clave, texto in MODALIDADES if Modalidad(clave) in propia.modalidades)
    detalle = ", con detalle" if propia.pide_detalle else ""
    return f"{propia.tipo}: {propia.descripcion} ({propia.fundamento}; {modalidades}{detalle})"


def _llenar_propia(n: int, propia: InconsistenciaPropia) -> dict[str, Any]:
    return {
        f"propia_{n}_descripcion": propia.descripcion,
        f"propia_{n}_tipo": propia.tipo,
        f"propia_{n}_fundamento": propia.fundamento,
        f"propia_{n}_detalle": "si" if propia.pide_detalle else "no",
        f"propia_{n}_modalidades": [m.value for m in propia.modalidades],
    }


def _leer_propias(c: Captura) -> list[dict[str, Any]]:
    propias: dict[str, dict[str, Any]] = {}
    for n in range(MAX_PROPIAS):
        campo = f"propia_{n}_"
        if not any(c.crudo(campo + texto) for texto in _TEXTOS):
            continue
        descripcion = c.texto(f"{campo}descripcion", maximo=200)
        clave = f"opl_{hashlib.sha256(descripcion.encode()).hexdigest()[:8]}"
        if clave in propias:
            c.error(f"{campo}descripcion", "Esa descripción está dos veces.")
        propias[clave] = {
            "clave": clave,
            "descripcion": descripcion,
            "tipo": c.texto(f"{campo}tipo", maximo=60),
            "fundamento": c.texto(f"{campo}fundamento", maximo=100),
            "pide_detalle": c.opcion(f"{campo}detalle", ("si", "no")) == "si",
            "modalidades": [Modalidad(m) for m in c.varias(f"{campo}modalidades", [m for m, _ in MODALIDADES])],
        }
    return list(propias.values())


def diferencias(antes: PerfilReglas, despues: PerfilReglas) -> list[str]:
    """What changed from one profile to another, in words: `rule: before → after`."""
    return [
        f"{regla.nombre}: {decir(regla, antes)} → {decir(regla, despues)}"
        for regla in REGLAS
        if getattr(antes, regla.campo) != getattr(despues, regla.campo)
    ]


def _valores(valor: Any) -> list[str]:
    if isinstance(valor, bool):
        return ["si" if valor else "no"]
    return [str(v) for v in valor] if isinstance(valor, list) else [str(valor)]
