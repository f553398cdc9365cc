"""Facts and figures in words: what the pages say and the API answers. No personal data."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from credencial.inconsistencias import POR_CLAVE
from credencial.situaciones import TEXTO_CAUSA, TEXTO_SITUACION, CausaBaja, Situacion
from kernel.documents import Document
from kernel.web import miles
from schemas.ciclo_de_vida import TOPICS, VERSION, Ciclo, Estado, de_documento
from schemas.eventos import (
    DestruccionOrdenada,
    Fase,
    Inconsistencia,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
)
from schemas.hora import fecha
from schemas.perfil import InconsistenciaPropia
from services.resultados.domain import Cuenta, Totales

NOMBRE: Mapping[Estado, str] = {
    Estado.EN_PROCESAMIENTO: "En procesamiento",
    Estado.EN_MESA_DE_CONTROL: "En Mesa de Control",
    Estado.CON_INCONSISTENCIA: "Con inconsistencia",
    Estado.DUPLICADO: "Duplicado",
    Estado.PARA_ENVIO_A_COMPULSA: "Para envío a compulsa",
    Estado.EN_LISTA_NOMINAL: "En lista nominal",
    Estado.EN_PADRON_NO_LISTA_NOMINAL: "En padrón, no en lista nominal",
    Estado.BAJA: "Baja del padrón",
    Estado.NO_ENCONTRADO: "No encontrado",
    Estado.FUERA_DE_AMBITO: "Fuera de ámbito",
}
"""Statuses as people read them (D 10.7)."""

EXPLICACION: Mapping[Estado, str] = {
    Estado.EN_PROCESAMIENTO: "El registro se recibió y se está preparando para su revisión.",
    Estado.EN_MESA_DE_CONTROL: "El registro espera que una persona lo revise en Mesa de Control.",
    Estado.CON_INCONSISTENCIA: "En la revisión se encontró al menos una inconsistencia.",
    Estado.DUPLICADO: "Hay otro registro de la misma persona, y este no es el que cuenta.",
    Estado.PARA_ENVIO_A_COMPULSA: "La revisión no encontró inconsistencias. Falta la compulsa definitiva contra el padrón.",
    Estado.EN_LISTA_NOMINAL: "La persona está en la lista nominal.",
    Estado.EN_PADRON_NO_LISTA_NOMINAL: "La persona está en el padrón electoral, pero no en la lista nominal.",
    Estado.BAJA: "La persona está dada de baja del padrón electoral.",
    Estado.NO_ENCONTRADO: "Los datos no se encontraron en el padrón electoral.",
    Estado.FUERA_DE_AMBITO: "La persona no pertenece al ámbito de la solicitud.",
}
EN_CUARENTENA = (
    "El registro se recibió, pero no se pudo abrir. Está en revisión técnica: no se perdió ni hay que reenviarlo."
)
DESTRUIDO_EN_CUARENTENA = (
    "El registro se recibió, pero nunca se pudo abrir, y su paquete se destruyó por orden con los demás."
)

_EN_PROCESO = (Estado.EN_PROCESAMIENTO, Estado.PARA_ENVIO_A_COMPULSA)


@dataclass(frozen=True, slots=True)
class Barra:
    """One step of the funnel: it begins where the one before ended, in percent of what was received."""

    estado: Estado
    nombre: str
    registros: int
    desde: float
    ancho: float


def frase(cuenta: Cuenta) -> str:
    """The totals in one sentence whose figures add up."""
    recibidos, estados = cuenta.recibidos, cuenta.estados
    if not recibidos:
        return "Todavía no se recibe ningún registro."
    en_proceso = sum(estados[e] for e in _EN_PROCESO)
    en_mesa, en_lista = estados[Estado.EN_MESA_DE_CONTROL], estados[Estado.EN_LISTA_NOMINAL]
    otros = sum(estados.values()) - en_proceso - en_mesa - en_lista
    partes = [
        _parte(en_mesa, "espera revisión", "esperan revisión"),
        _parte(en_lista, "está en lista nominal", "están en lista nominal"),
        _parte(otros, "tiene otro resultado", "tienen otro resultado"),
        _parte(en_proceso, "está en proceso", "están en proceso"),
    ]
    dichas = [parte for parte in partes if parte]
    ultima = f"{', '.join(dichas[:-1])} y {dichas[-1]}" if len(dichas) > 1 else dichas[0] if dichas else ""
    inicio = "Se recibió 1 registro" if recibidos == 1 else f"Se recibieron {miles(recibidos)} registros"
    return f"{inicio}: {ultima}." if ultima else f"{inicio}."


def _parte(cuantos: int, uno: str, varios: str) -> str:
    return f"{miles(cuantos)} {uno if cuantos == 1 else varios}" if cuantos else ""


def embudo(cuenta: Cuenta) -> list[Barra]:
    """The bars of every status, end to end: together they are as long as what was received."""
    barras: list[Barra] = []
    antes = 0
    for estado, registros in cuenta.estados.items():
        barras.append(
            Barra(
                estado,
                NOMBRE[estado],
                registros,
                round(porcentaje(antes, cuenta.recibidos), 3),
                round(porcentaje(registros, cuenta.recibidos), 3),
            )
        )
        antes += registros
    return barras


def porcentaje(parte: int, total: int) -> float:
    """Of 0 it is 0."""
    return 100 * parte / total if total else 0.0


def totales_json(totales: Totales, denominaciones: Mapping[str, str]) -> dict[str, Any]:
    """Totals as the API answers them. `denominaciones`: of each registered solicitud."""
    return {
        "proceso": totales.proceso,
        **_cuenta_json(totales.cuenta),
        "por_solicitud": [
            {"solicitud": solicitud, "denominacion": denominaciones.get(solicitud), **_cuenta_json(cuenta)}
            for solicitud, cuenta in totales.por_solicitud.items()
        ],
        "cuadra": totales.cuadra,
        "regla_version": VERSION,
        "al": totales.al.isoformat(),
        "posiciones": {
            topic: {str(partition): offset for partition, offset in sorted(positions.items())}
            for topic, positions in totales.posiciones.items()
        },
    }


def _cuenta_json(cuenta: Cuenta) -> dict[str, Any]:
    return {
        "recibidos": cuenta.recibidos,
        "estados": {estado.value: n for estado, n in cuenta.estados.items()},
        "en_cuarentena": cuenta.en_cuarentena,
    }


@dataclass(frozen=True, slots=True)
class Paso:
    """One fact in force of a folio, in words."""

    hora: datetime
    que: str
    detalle: str
    topic: str
    version: int


@dataclass(frozen=True, slots=True)
class Motivo:
    """One inconsistency of a decision, in words."""

    clave: str
    tipo: str
    descripcion: str
    detalle: str | None
    origen: str


@dataclass(frozen=True, slots=True)
class Ficha:
    """All that a page or a program is told of one folio. Built from its document."""

    folio: str
    proceso: str
    solicitud: str
    auxiliar: str
    estado: Estado
    nombre: str
    explicacion: str
    cuarentena: bool
    recibido: RegistroRecibido
    compulsado: RegistroCompulsado | None
    motivos: list[Motivo]
    historia: list[Paso]
    divergentes: list[str]
    duplicado_de: str | None
    destruccion: DestruccionOrdenada | None

    @property
    def situacion(self) -> str | None:
        """Registral situation in words, with its cause."""
        return _situacion(self.compulsado) if self.compulsado else None

    def json(self) -> dict[str, Any]:
        """As the API answers it."""
        compulsado = self.compulsado
        return {
            "folio": self.folio,
            "proceso": self.proceso,
            "solicitud": self.solicitud,
            "auxiliar": self.auxiliar,
            "estado": self.estado.value,
            "estado_en_palabras": self.nombre,
            "explicacion": self.explicacion,
            "en_cuarentena": self.cuarentena,
            "codigo_integridad": self.recibido.codigo_integridad,
            "recibido_en": self.recibido.recibido_en.isoformat(),
            "hechos": [
                {"topic": p.topic, "version": p.version, "hora": p.hora.isoformat(), "que": p.que, "detalle": p.detalle}
                for p in self.historia
            ],
            "motivos": [
                {
                    "clave": m.clave,
                    "tipo": m.tipo,
                    "descripcion": m.descripcion,
                    "detalle": m.detalle,
                    "origen": m.origen,
                }
                for m in self.motivos
            ],
            "fase": compulsado.fase.value if compulsado else None,
            "situacion": compulsado.situacion.value if compulsado else None,
            "causa_baja": compulsado.causa_baja if compulsado else None,
            "corte": compulsado.corte if compulsado else None,
            "duplicado_de": self.duplicado_de,
            "divergentes": self.divergentes,
            "datos_destruidos": destruccion_json(self.destruccion),
            "regla_version": VERSION,
        }


def ficha(
    documento: Document,
    ve: Callable[[str], bool] = lambda folio: True,
    propias: Mapping[str, InconsistenciaPropia] = MappingProxyType({}),
    destruccion: DestruccionOrdenada | None = None,
) -> Ficha:
    """What is told of a received folio. `ve`: whether who asks may see another folio, that it may be named; `propias`: what OPLs
    added to the catalogue; `destruccion`: the order by which its data were destroyed."""
    ciclo = de_documento(documento)
    recibido = ciclo.recibido
    if recibido is None:
        raise ValueError("not received")
    estado = Estado(documento["estado"])
    cuarentena = documento["cuarentena"]
    return Ficha(
        folio=documento["_id"],
        proceso=documento["proceso"],
        solicitud=documento["solicitud"],
        auxiliar=documento["auxiliar"],
        estado=estado,
        nombre=NOMBRE[estado],
        explicacion=(DESTRUIDO_EN_CUARENTENA if destruccion else EN_CUARENTENA) if cuarentena else EXPLICACION[estado],
        cuarentena=cuarentena,
        recibido=recibido,
        compulsado=ciclo.compulsado,
        motivos=_motivos(ciclo.clasificado.inconsistencias if ciclo.clasificado else (), propias),
        historia=_historia(ciclo, documento["horas"], ve),
        divergentes=documento["divergentes"],
        duplicado_de=_duplicado_de(ciclo.compulsado, ve),
        destruccion=destruccion,
    )


def destruccion_json(orden: DestruccionOrdenada | None) -> dict[str, Any] | None:
    """The order by which data were destroyed, as the API answers it."""
    return orden.model_dump(mode="json", include={"ordenada_en", "numeral", "documento", "motivo"}) if orden else None


def _motivos(inconsistencias: Iterable[Inconsistencia], propias: Mapping[str, InconsistenciaPropia]) -> list[Motivo]:
    motivos = []
    for i in inconsistencias:
        base = POR_CLAVE.get(i.clave)
        entrada = base or propias.get(i.clave)  # an OPL's own (P 13.8)
        detalle = i.detalle
        if base and detalle:
            detalle = next((s.descripcion for s in base.subtipos if s.clave == detalle), detalle)
        motivos.append(
            Motivo(
                i.clave,
                entrada.tipo if entrada else "Otra",
                entrada.descripcion if entrada else i.clave,
                detalle,
                i.origen,
            )
        )
    return motivos


def _duplicado_de(compulsado: RegistroCompulsado | None, ve: Callable[[str], bool]) -> str | None:
    otro = compulsado.duplicado_de if compulsado else None
    return otro if otro and ve(otro) else None


def _historia(ciclo: Ciclo, horas: Mapping[str, str], ve: Callable[[str], bool]) -> list[Paso]:
    pasos = []
    for topic, hecho in ciclo.hechos.items():
        que, detalle = _en_palabras(hecho.evento, ve)
        pasos.append(Paso(_cuando(hecho.evento, horas[topic]), que, detalle, topic, hecho.evento.version))
    return sorted(pasos, key=lambda p: (p.hora, TOPICS.index(p.topic)))


def _cuando(evento: object, hora: str) -> datetime:
    """The moment that the fact itself names, or else when it was written."""
    match evento:
        case RegistroRecibido():
            return evento.recibido_en
        case RegistroClasificado():
            return evento.decidido_en
        case _:
            return datetime.fromisoformat(hora)


def _en_palabras(evento: object, ve: Callable[[str], bool]) -> tuple[str, str]:
    match evento:
        case RegistroRecibido():
            return "Se recibió", "Con acuse de recibo"
        case RegistroDescifrado():
            alertas = len(evento.alertas)
            vio = "sin alertas" if not alertas else "con 1 alerta" if alertas == 1 else f"con {alertas} alertas"
            return "Se abrió y se examinó", f"Examen automático {vio} para quien revisa"
        case RegistroEnCuarentena():
            return "No se pudo abrir", f"En revisión técnica (motivo: {evento.motivo.replace('_', ' ')})"
        case RegistroCompulsado():
            fase = "Consulta preliminar al padrón" if evento.fase is Fase.PRELIMINAR else "Compulsa definitiva"
            otro = _duplicado_de(evento, ve)
            duplicado = ". Ya había un registro de la misma persona" if evento.duplicado_de else ""
            duplicado += f": {otro}" if otro else ""
            return fase, f"{_situacion(evento)} (corte del {fecha(date.fromisoformat(evento.corte))}){duplicado}"
        case RegistroClasificado():
            if evento.sin_inconsistencia:
                return "Se revisó", "Sin inconsistencia"
            cuantas = len(evento.inconsistencias)
            return "Se revisó", "Con 1 inconsistencia" if cuantas == 1 else f"Con {cuantas} inconsistencias"
        case _:
            raise TypeError(type(evento).__name__)


def _situacion(compulsado: RegistroCompulsado) -> str:
    if compulsado.situacion is SituacionRegistral.PENDIENTE:
        return "Pendiente: falta cargar el corte del padrón que le corresponde"
    texto = TEXTO_SITUACION[Situacion(compulsado.situacion.value)]
    causa = compulsado.causa_baja
    if causa is None:
        return texto
    conocida = causa in {c.value for c in CausaBaja}
    return f"{texto}: {TEXTO_CAUSA[CausaBaja(causa)].lower() if conocida else causa.replace('_', ' ')}"
