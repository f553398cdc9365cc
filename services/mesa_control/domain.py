"""Decisions of Mesa de Control. Pure: no clock, no I/O.

Rules:

- Every record is reviewed (P 13.4, D 10.1): it waits in the queue from the moment its status is `en_mesa_de_control`, oldest
  reception first, until it is decided.
- A record is one person's at a time, for a bounded time; whoever is late finds out: two never decide the same one unknowingly.
- A decision is "sin inconsistencia", or one or more inconsistencies of the catalogue for its modality, each once, with its detail
  where the catalogue asks for one (P 13.7, D 10.3).
- What a rule saw at reception (SPEC 7, last row) is part of every decision, and no person chooses it (P 7.7, 8.11, D 4.9, 4.10).
- While a correction of the form waits for its lookup the record is not decided, nor by who saw only the lookup before it (D 10.3).
- Whoever decided may decide again within a time (undo): the new version replaces the one that it names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from credencial.codigos import identificadores_en, leer_qr
from credencial.inconsistencias import CATALOGO_VERSION, POR_CLAVE, Norma, Subtipo, de_revision
from credencial.inconsistencias import Inconsistencia as Entrada
from credencial.mrz import Mrz, MrzInvalida, leer_mrz, linea_de_nombres
from schemas.ciclo_de_vida import Ciclo, Estado, en_cuarentena, estado
from schemas.eventos import (
    MAX_FOLIOS_DE_ALERTA,
    Alerta,
    Inconsistencia,
    ReferenciaPerfil,
    RegistroClasificado,
    RegistroCorregido,
    RegistroDescifrado,
)
from schemas.paquete import DatosRegistro, Modalidad
from schemas.perfil import PerfilReglas, TipoProceso

ESPERANDO = "esperando"
CUARENTENA = "cuarentena"
PENDIENTE = "pendiente"
DECIDIDO = "decidido"


class Rechazo(Exception):
    """The order cannot be carried out; nothing changed. `codigo`: constant word; `datos`: what the person should know."""

    def __init__(self, codigo: str, **datos: Any) -> None:
        super().__init__(codigo)
        self.codigo = codigo
        self.datos = datos


@dataclass(frozen=True, slots=True)
class Eleccion:
    """One inconsistency that a person chose."""

    clave: str
    detalle: str | None = None


@dataclass(frozen=True, slots=True)
class Orden:
    """What a person orders. `compulsado_version`: the lookup that was on the screen. `reemplaza`: the decision to replace.

    `excepciones`: inconsistencies that would be, and are valid by their exception.
    """

    elecciones: tuple[Eleccion, ...]
    compulsado_version: int
    reemplaza: int | None = None
    excepciones: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """Version of the decision that it makes."""
        return (self.reemplaza or 0) + 1


@dataclass(frozen=True, slots=True)
class Asignacion:
    """Who has the record, and until when."""

    operador: str
    hasta: datetime


@dataclass(frozen=True, slots=True)
class Contexto:
    """What a decision is made under, and recorded with it."""

    ahora: datetime
    perfil: ReferenciaPerfil
    actores_offset: int
    deshacer: timedelta
    reglas: PerfilReglas


def en_consulta(ciclo: Ciclo, correccion: int) -> bool:
    """Whether the form's newest correction (0: none) still waits for its lookup, or for being known here."""
    return ciclo.compulsado is not None and ciclo.compulsado.correccion_version != correccion


def cola(ciclo: Ciclo, correccion: int = 0) -> str:
    """Where the record stands: `esperando`, `cuarentena`, `pendiente` or `decidido`. `correccion`: the form's newest one."""
    if ciclo.clasificado is not None:
        return DECIDIDO
    if en_cuarentena(ciclo):
        return CUARENTENA
    if en_consulta(ciclo, correccion):
        return ESPERANDO
    return PENDIENTE if estado(ciclo) is Estado.EN_MESA_DE_CONTROL else ESPERANDO


def en_cola(proceso: str, estado_cola: str) -> str:
    """Both in one field: what waits in a process is found however much is decided, by any engine."""
    return f"{proceso}/{estado_cola}"


def decidir(
    ciclo: Ciclo,
    asignacion: Asignacion | None,
    operador: str,
    orden: Orden,
    contexto: Contexto,
    correccion: RegistroCorregido | None = None,
) -> RegistroClasificado:
    """The decision that the order makes. `correccion`: the form's newest one.

    Raises Rechazo: `registro_no_listo`, `registro_asignado_a_otra_persona`, `registro_ya_decidido`, `decision_desconocida`,
    `solo_quien_decidio`, `plazo_para_deshacer_vencido`, `compulsa_desconocida`, `correccion_en_consulta`,
    `registro_corregido`, `inconsistencia_desconocida`, `inconsistencia_por_regla`, `inconsistencia_repetida`, `detalle_requerido`,
    `excepcion_desconocida`, `excepcion_contradictoria`.
    """
    descifrado, compulsado, recibido = ciclo.descifrado, ciclo.compulsado, ciclo.recibido
    if recibido is None or compulsado is None or not isinstance(descifrado, RegistroDescifrado):
        raise Rechazo("registro_no_listo")
    _puede_decidir(ciclo.clasificado, asignacion, operador, orden, contexto)
    if orden.compulsado_version > compulsado.version:
        raise Rechazo("compulsa_desconocida")
    if en_consulta(ciclo, correccion.version if correccion else 0):
        raise Rechazo("correccion_en_consulta")
    if correccion is not None and orden.compulsado_version <= correccion.compulsado_version:
        raise Rechazo(
            "registro_corregido", operador=correccion.operador, corregido_en=correccion.corregido_en.isoformat()
        )
    reglas = reglas_de(ciclo)
    return RegistroClasificado(
        version=orden.version,
        folio=recibido.folio,
        por="revision",
        inconsistencias=[
            *_elegidas(orden.elecciones, ofrecidas(recibido.modalidad, contexto.reglas)),
            *(Inconsistencia(clave=regla, origen="regla") for regla in reglas),
        ],
        excepciones=_excepciones(orden, recibido.modalidad),
        catalogo=version_de(contexto.reglas),
        operador=operador,
        decidido_en=contexto.ahora,
        compulsado_version=orden.compulsado_version,
        perfil=contexto.perfil,
        actores_offset=contexto.actores_offset,
    )


def _puede_decidir(
    anterior: RegistroClasificado | None, asignacion: Asignacion | None, operador: str, orden: Orden, contexto: Contexto
) -> None:
    vigente = anterior.version if anterior else 0
    if vigente != (orden.reemplaza or 0):
        raise ya_decidido(anterior) if anterior else Rechazo("decision_desconocida")
    if anterior is None:
        if asignacion and asignacion.operador != operador and asignacion.hasta > contexto.ahora:
            raise Rechazo("registro_asignado_a_otra_persona")
    elif anterior.operador != operador:
        raise Rechazo("solo_quien_decidio")
    elif contexto.ahora > anterior.decidido_en + contexto.deshacer:
        raise Rechazo("plazo_para_deshacer_vencido")


def ya_decidido(decision: RegistroClasificado) -> Rechazo:
    """Somebody was first: who, and when."""
    return Rechazo("registro_ya_decidido", operador=decision.operador, decidido_en=decision.decidido_en.isoformat())


def es_respuesta_a(decision: RegistroClasificado, orden: Orden) -> bool:
    """Whether the decision is what the order asks for: else its idempotency key was used for something else."""
    chosen = [(i.clave, i.detalle) for i in decision.inconsistencias if i.origen == "revision"]
    ordered = [(e.clave, _limpio(e.detalle)) for e in orden.elecciones]
    return (
        decision.version == orden.version
        and chosen == ordered
        and decision.excepciones == sorted(set(orden.excepciones))
    )


def version_de(perfil: PerfilReglas) -> str:
    """The version that a decision names: of the norms' catalogue, and of the profile whose additions stand beside it, if any."""
    return f"{CATALOGO_VERSION}+{perfil.version}" if perfil.inconsistencias_propias else CATALOGO_VERSION


def ofrecidas(modalidad: Modalidad, perfil: PerfilReglas) -> tuple[Entrada, ...]:
    """What can be chosen for a record of that modality, under that profile."""
    propias = tuple(
        Entrada(
            clave=p.clave,
            tipo=p.tipo,
            descripcion=p.descripcion,
            pide_detalle=p.pide_detalle,
            fundamento=p.fundamento,
            modalidades=tuple(m.value for m in p.modalidades),
        )
        for p in perfil.inconsistencias_propias
        if modalidad in p.modalidades
    )
    return (*de_revision(modalidad.value), *propias)


def _elegidas(elecciones: Sequence[Eleccion], entradas: Sequence[Entrada]) -> list[Inconsistencia]:
    catalogo = {entrada.clave: entrada for entrada in entradas}
    chosen: dict[str, Inconsistencia] = {}
    for eleccion in elecciones:
        entrada = catalogo.get(eleccion.clave)
        if entrada is None:
            conocida = POR_CLAVE.get(eleccion.clave)
            por_regla = conocida is not None and conocida.origen == "regla"
            raise Rechazo(
                "inconsistencia_por_regla" if por_regla else "inconsistencia_desconocida", clave=eleccion.clave
            )
        if eleccion.clave in chosen:
            raise Rechazo("inconsistencia_repetida", clave=eleccion.clave)
        detalle = _limpio(eleccion.detalle)
        if entrada.pide_detalle and detalle is None:
            raise Rechazo("detalle_requerido", clave=eleccion.clave)
        chosen[eleccion.clave] = Inconsistencia(clave=eleccion.clave, detalle=detalle, origen="revision")
    return list(chosen.values())


def _excepciones(orden: Orden, modalidad: Modalidad) -> list[str]:
    """P 13.7 j, k, m: only where the catalogue has an exception, and nothing is both an inconsistency and valid."""
    con_excepcion = {entrada.clave for entrada in de_revision(modalidad.value) if entrada.excepcion}
    elegidas = {eleccion.clave for eleccion in orden.elecciones}
    for clave in orden.excepciones:
        if clave not in con_excepcion:
            raise Rechazo("excepcion_desconocida", clave=clave)
        if clave in elegidas:
            raise Rechazo("excepcion_contradictoria", clave=clave)
    return sorted(set(orden.excepciones))


def _limpio(detalle: str | None) -> str | None:
    return (detalle or "").strip() or None


def reglas_de(ciclo: Ciclo) -> list[str]:
    """Inconsistencies by rule, as reception and decryption saw them, each once."""
    found = ciclo.recibido.reglas if ciclo.recibido else []
    opened = ciclo.descifrado.reglas if isinstance(ciclo.descifrado, RegistroDescifrado) else []
    return list(dict.fromkeys([*found, *opened]))


def norma_de(tipo: TipoProceso) -> Norma:
    """Which norm's forms of an inconsistency the process lists."""
    return "P" if tipo is TipoProceso.CANDIDATURA_INDEPENDIENTE else "D"


def subtipos_de(entrada: Entrada, norma: Norma) -> list[Subtipo]:
    """The forms of an inconsistency under that norm."""
    return [s for s in entrada.subtipos if norma in s.normas]


# What helps to look -------------------------------------------------------------------------------------------------------

TEXTO_ALERTA: dict[str, str] = {
    "clave_formato": "Clave de elector mal formada",
    "clave_fecha": "Fecha imposible en la clave de elector",
    "clave_nombre": "Clave de elector y nombre no coinciden",
    "cic_formato": "CIC mal formado",
    "ocr_formato": "OCR mal formado",
    "modelo_codigos": "Código que ese modelo no lleva",
    "curp_formato": "CURP mal formada",
    "curp_digito": "Dígito verificador de la CURP incorrecto",
    "curp_nombre": "CURP y nombre no coinciden",
    "curp_fecha": "CURP: fecha de nacimiento imposible",
    "curp_clave_fecha": "CURP y clave: distinta fecha de nacimiento",
    "curp_clave_sexo": "CURP y clave: distinto sexo",
    "curp_clave_entidad": "CURP y clave: distinta entidad",
    "curp_clave_letras": "CURP y clave: distintas letras",
    "mrz_formato": "MRZ ilegible",
    "mrz_digito": "Dígito verificador de la MRZ incorrecto",
    "mrz_fecha": "MRZ: fecha imposible",
    "mrz_cic": "MRZ y formulario: distinto CIC",
    "mrz_ocr": "MRZ y formulario: distinto OCR",
    "mrz_numero_emision": "MRZ y formulario: distinta emisión",
    "mrz_nacimiento": "MRZ y clave: distinto nacimiento",
    "mrz_sexo": "MRZ y clave: distinto sexo",
    "mrz_nombre": "MRZ y formulario: distinto nombre",
    "mrz_vigencia": "Vigencia inusual en la MRZ",
    "qr_ocr": "QR y formulario: distinto OCR",
    "qr_cic": "QR y formulario: distinto CIC",
    "qr_numero_emision": "QR y formulario: distinta emisión",
    "qr_mrz": "QR y MRZ se contradicen",
    "qr_imagen": "QR de imagen y dispositivo: distintos",
    "barras_cic": "Código de barras y formulario: distinto CIC",
    "barras_ocr": "Código de barras y formulario: distinto OCR",
    "lectura_ocr": "OCR leído y formulario: distintos",
    "imagen_uniforme": "Imagen de un solo tono",
    "imagen_identica": "Misma imagen en otro registro",
    "imagen_repetida": "Imagen repetida en otro registro",
    "imagen_oscura": "Imagen oscura",
    "imagen_borrosa": "Imagen borrosa",
    "reverso_sin_codigos": "Sin código legible: ¿es una CPV?",
    "lados_iguales": "Parece el mismo lado que el anverso",
    "pantalla": "Posible pantalla",
    "copia_blanco_y_negro": "Sin color: posible fotocopia",
    "copia_en_papel": "Papel alrededor: posible fotocopia",
    "sin_rostro": "Sin rostro de frente",
    "varios_rostros": "Más de un rostro",
    "rostro_chico": "Rostro chico: ¿de una credencial?",
    "cubrebocas": "Posible cubrebocas",
    "lentes_oscuros": "Posibles lentes oscuros",
    "frente_cubierta": "Frente cubierta",
    "firma_en_blanco": "Firma en blanco",
    "firma_simbolo": "Posible símbolo",
}
"""What the reviewer reads of an alert; of one that is not here, its code in words."""


def texto_de_alerta(alerta: Alerta) -> str:
    """The alert in words, with its measure when it is not plain yes or no."""
    text = TEXTO_ALERTA.get(alerta.codigo) or alerta.codigo.replace("_", " ").capitalize()
    return text if alerta.medida == alerta.umbral == 1.0 else f"{text} {alerta.medida:.2f}"


def con_las_de_otros(
    propias: Sequence[Alerta], folio: str, otras: Iterable[tuple[str, Sequence[Alerta]]]
) -> list[Alerta]:
    """The alerts of a record, and turned round those of other records (each with its folio) that name it.

    An alert names the records that came before it: so who reviews an earlier one learns of the later ones, too.
    """
    alertas = list(propias)
    lugar = {(a.codigo, a.parte): n for n, a in enumerate(alertas)}
    for otro, suyas in sorted(otras, key=lambda otra: otra[0]):
        for suya in (a for a in suyas if folio in a.folios):
            n = lugar.setdefault((suya.codigo, suya.parte), len(alertas))
            if n == len(alertas):
                alertas.append(suya.model_copy(update={"folios": [], "detalle": ""}))
            folios = list(dict.fromkeys([*alertas[n].folios, otro]))
            if folios != alertas[n].folios:
                alertas[n] = alertas[n].model_copy(
                    update={
                        "folios": folios[:MAX_FOLIOS_DE_ALERTA],
                        "medida": max(alertas[n].medida, suya.medida),
                        "detalle": f"en al menos {len(folios)} registro{'' if len(folios) == 1 else 's'} más",
                    }
                )
    return alertas


# What was sent beside what the machine read ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lectura:
    """What one mark of the card says of a field. `nota`: what is wrong with the mark itself."""

    fuente: str
    valor: str
    coincide: bool
    nota: str = ""


@dataclass(frozen=True, slots=True)
class Campo:
    """A row of the form."""

    clave: str
    etiqueta: str
    enviado: str | None
    lecturas: tuple[Lectura, ...] = ()


def comparar(datos: DatosRegistro) -> list[Campo]:
    """The form, each field beside what MRZ, QR, barcode and OCR say of it (SPEC 6: codes that disagree with the form)."""
    mrz = _mrz(datos.lecturas.mrz)
    said = _por_campo(datos, mrz if isinstance(mrz, Mrz) else None)
    rows = [
        Campo("cic", "CIC", datos.cic, said["cic"]),
        Campo("ocr", "OCR", datos.ocr, said["ocr"]),
        Campo("clave_elector", "Clave de elector", datos.clave_elector, said["clave_elector"]),
        Campo("numero_emision", "Emisión", datos.numero_emision, said["numero_emision"]),
        Campo("nombre", "Nombre", _nombre(datos), said["nombre"]),
        Campo("curp", "CURP", datos.curp),
        Campo("modelo", "Modelo", datos.modelo),
    ]
    if isinstance(mrz, MrzInvalida):
        rows.append(Campo("mrz", "MRZ", None, (Lectura("MRZ", "", False, f"Ilegible: {mrz}"),)))
    return rows


def _por_campo(datos: DatosRegistro, mrz: Mrz | None) -> Mapping[str, tuple[Lectura, ...]]:
    said: dict[str, list[Lectura]] = {f: [] for f in ("cic", "ocr", "clave_elector", "numero_emision", "nombre")}
    if mrz:
        wrong = dict.fromkeys(mrz.digitos_incorrectos, "dígito verificador incorrecto")
        said["cic"].append(Lectura("MRZ", mrz.cic, mrz.cic == datos.cic, wrong.get("cic", "")))
        said["ocr"].append(Lectura("MRZ", mrz.ocr, mrz.ocr == datos.ocr))
        said["numero_emision"].append(Lectura("MRZ", mrz.numero_emision, mrz.numero_emision == datos.numero_emision))
        sexo = datos.clave_elector[14:15]
        same = datos.clave_elector[6:12] == mrz.nacimiento and mrz.sexo in {sexo, "X"}
        said["clave_elector"].append(
            Lectura(
                "MRZ",
                f"nacimiento {mrz.nacimiento}, sexo {mrz.sexo}",
                same,
                wrong.get("nacimiento", ""),
            )
        )
        same = mrz.nombres_linea == linea_de_nombres(datos.nombre, datos.primer_apellido, datos.segundo_apellido)
        said["nombre"].append(Lectura("MRZ", " ".join(mrz.nombres_linea.replace("<", " ").split()), same))
    qr = leer_qr(datos.lecturas.qr) if datos.lecturas.qr else None
    if qr:
        said["cic"].append(Lectura("QR", qr.cic, qr.cic == datos.cic))
        said["ocr"].append(Lectura("QR", qr.ocr, qr.ocr == datos.ocr))
        said["numero_emision"].append(Lectura("QR", qr.numero_emision, qr.numero_emision == datos.numero_emision))
    for fuente, texto in (("código", datos.lecturas.codigo_barras), ("OCR", datos.lecturas.ocr)):
        cics, ocrs = identificadores_en("".join((texto or "").split()) if fuente == "OCR" else texto or "")
        said["cic"] += [Lectura(fuente, cic, cic == datos.cic) for cic in sorted(cics)]
        said["ocr"] += [Lectura(fuente, ocr, ocr == datos.ocr) for ocr in sorted(ocrs)]
    return {field: tuple(readings) for field, readings in said.items()}


def _mrz(texto: str | None) -> Mrz | MrzInvalida | None:
    if not texto:
        return None
    try:
        return leer_mrz(texto)
    except MrzInvalida as error:
        return error


def _nombre(datos: DatosRegistro) -> str:
    return " ".join(p for p in (datos.primer_apellido, datos.segundo_apellido, datos.nombre) if p)
