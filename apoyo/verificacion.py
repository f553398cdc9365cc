"""What must hold of a log and of what was derived from it, recomputed from the topics alone. Pure: `apoyo/verify.py` reads.

`Hechos` folds the four topics of a lifecycle, the accesses, the retries, the corrections, the envíos, what compulsa says to itself
of persons, the two topics of the portal's lookups, and orders to destroy with how far each is carried out. Each check looks at the
folded facts (and, where it compares, at what somebody read of the objects or of resultados) and returns one `Comprobacion`, a row
of the report. Findings name folios, lookups, places (`topic/partition/offset`) and objects, never contents.

A repetition of an event is no fault: delivery is at least once, a relay may publish what was published already, and
`quarantine redrive` does so on purpose. The same id or the same version with other bytes is one.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from kernel.stream import Record
from kernel.stream.murmur import partition_of
from schemas.ciclo_de_vida import TOPICS, Ciclo, Estado, aplicar, en_cuarentena, estado
from schemas.envelope import Evento, EventoInvalido, keep_newest
from schemas.envelope import leer as leer_sobre
from schemas.eventos import (
    POR_TIPO,
    AccesoRegistrado,
    ConsultaRespondida,
    ConsultaSolicitada,
    DestruccionOrdenada,
    EnvioAbierto,
    EnvioCerrado,
    ExpedientesDestruidos,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
    Veredicto,
)
from schemas.paquete import objeto_de
from schemas.tipos import descomponer_folio, proceso_de

PAQUETES, EXPEDIENTES = "paquetes", "expedientes"
"""The buckets that events name objects of."""
CUBOS = (PAQUETES, EXPEDIENTES)

LEIDOS = (
    EnvioAbierto.topic,
    RegistroRecibido.topic,
    AccesoRegistrado.topic,
    RegistroDescifrado.topic,
    RegistroCorregido.topic,
    RegistroCompulsado.topic,
    RegistroClasificado.topic,
    ReintentoSolicitado.topic,
    MiembroDePersona.topic,
    Veredicto.topic,
    ConsultaSolicitada.topic,
    ConsultaRespondida.topic,
    ExpedientesDestruidos.topic,
)
"""Topics that are read; each before those that follow from it."""

Posiciones = Mapping[str, Mapping[int, int]]
"""Topic → partition → next offset."""


class Alcance(StrEnum):
    """How many stored objects are read and hashed. `NINGUNO`: the object store is not asked at all."""

    MUESTRA = "muestra"
    TODOS = "todos"
    NINGUNO = "ninguno"


class Dictamen(StrEnum):
    """What came of a check. `AVISO`: something to clean up, which the design foresees and which harms nothing."""

    BIEN = "bien"
    AVISO = "aviso"
    MAL = "mal"
    NO_HECHA = "no_hecha"


TITULOS = {
    "esquemas": "Cada evento cumple su esquema",
    "apartados": "Lo ilegible, apartado en cuarentena",
    "identificadores": "Un solo evento por ce_id",
    "versiones_divergentes": "Un solo contenido por versión",
    "huecos": "Versiones sin huecos",
    "huerfanos": "Todo evento es de un folio recibido",
    "envios": "Todo registro llegó en un envío abierto",
    "reintentos": "Todo reintento es de una cuarentena",
    "accesos": "Todo acceso es a un registro recibido",
    "vistos": "Quien decidió tuvo antes el registro",
    "correcciones": "Toda corrección tiene su consulta",
    "veredictos": "Todo veredicto es de registros anunciados",
    "consultas": "Una respuesta por consulta al padrón",
    "conservacion": "Recibidos = abiertos + cuarentena + pendientes",
    "nombres_de_objetos": "Objetos nombrados por su hash",
    "objetos_presentes": "Objetos guardados",
    "contenido_de_objetos": "Contenido igual a su SHA-256",
    "objetos_sin_evento": "Todo objeto tiene su evento",
    "paquetes_vencidos": "Paquetes borrados tras su plazo",
    "destruidos": "Expedientes destruidos por orden",
    "totales": "Totales de resultados",
    "proyeccion": "Estado de cada folio en resultados",
}
"""Every check by its key, in the order of the report."""
DE_OBJETOS = ("objetos_presentes", "contenido_de_objetos", "objetos_sin_evento", "paquetes_vencidos", "destruidos")


@dataclass(frozen=True, slots=True)
class Hallazgo:
    """One thing found. `donde`: folio, place in the log or object; `que`: Spanish, without contents."""

    donde: str
    que: str


@dataclass(frozen=True, slots=True)
class Comprobacion:
    """A check, or why it was not made (`impedimento`). `revisados`: how many things it looked at; `pedida`: was it wanted."""

    clave: str
    revisados: int = 0
    hallazgos: tuple[Hallazgo, ...] = ()
    nota: str = ""
    grave: bool = True
    impedimento: str = ""
    pedida: bool = True

    @property
    def dictamen(self) -> Dictamen:
        """The outcome."""
        if self.impedimento:
            return Dictamen.NO_HECHA
        if not self.hallazgos:
            return Dictamen.BIEN
        return Dictamen.MAL if self.grave else Dictamen.AVISO


class Objeto(NamedTuple):
    """An object that an event names. `sha256`: what its bytes must have; empty when the event does not say a valid one."""

    cubo: str
    nombre: str
    sha256: str
    folio: str


class Proyectado(NamedTuple):
    """What resultados' projection says of a folio. `offsets`: topic → offset of its fact in force."""

    folio: str
    estado: str | None
    cuarentena: bool
    offsets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cuenta:
    """Totals of a process or solicitud. `en_cuarentena` within `en_procesamiento`."""

    recibidos: int
    estados: Mapping[str, int]
    en_cuarentena: int


class Hechos:
    """The topics folded, up to `fines`; `leer` each record once. What does not fit its schema is set apart as a finding."""

    def __init__(self, fines: Posiciones) -> None:
        self.fines = fines
        self.eventos = 0
        self.invalidos: list[Hallazgo] = []
        self.ciclos: dict[str, Ciclo] = {}
        self.abiertos: dict[str, EnvioAbierto] = {}
        self.cerrados: dict[str, EnvioCerrado] = {}
        self.abierto_en: dict[tuple[str, int], datetime] = {}
        """When descifrado said of a folio that it was opened, by version."""
        self.cuarentenas: set[tuple[str, int]] = set()
        """Folio and version of every quarantine, in force or not."""
        self.reintentos: dict[tuple[str, int], ReintentoSolicitado] = {}
        self.accesos: dict[str, tuple[str, str]] = {}
        """Id of each access → folio, who."""
        self.decididos: set[tuple[str, str]] = set()
        """Folio and who decided it, in force or not."""
        self.correcciones: dict[str, RegistroCorregido] = {}
        """Folio → its newest correction."""
        self.anunciados: dict[str, set[str]] = {}
        """Folio → persons that it was announced to, inside compulsa."""
        self.veredictos: list[Veredicto] = []
        self.solicitadas: dict[str, ConsultaSolicitada] = {}
        self.respondidas: dict[str, list[ConsultaRespondida]] = {}
        self.destruidos: dict[str, ExpedientesDestruidos] = {}
        """Process → how far the order to destroy what it holds is carried out."""
        self.ordenados: dict[str, datetime] = {}
        """Process → when somebody ordered it."""
        self.contenidos: dict[tuple[str, str, int], dict[bytes, str]] = {}
        """(topic, subject, version) → SHA-256 of each content seen → where it was seen first."""
        self.identificadores: dict[str, dict[bytes, str]] = {}
        """`ce_id` → the same."""
        self.objetos: dict[tuple[str, str], Objeto] = {}

    @property
    def fines_de_vida(self) -> Posiciones:
        """Where the four topics of a lifecycle ended."""
        return {topic: self.fines[topic] for topic in TOPICS}

    def leer(self, record: Record) -> None:
        """Fold a record in; one at or after `fines` is left for another time."""
        if record.offset >= self.fines[record.topic].get(record.partition, 0):
            return
        self.eventos += 1
        lugar = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            sobre = leer_sobre(POR_TIPO, record.headers, record.value)
        except EventoInvalido as error:
            self.invalidos.append(Hallazgo(lugar, f"{error.motivo} {error.detalle}".rstrip()))
            return
        evento = sobre.evento
        if motivo := _fuera_de_lugar(record, evento, len(self.fines[record.topic])):
            self.invalidos.append(Hallazgo(lugar, motivo))
            return
        huella = hashlib.sha256(record.value).digest()
        asunto = evento.asunto
        self.identificadores.setdefault(sobre.id, {}).setdefault(huella, lugar)
        vistas = self.contenidos.setdefault((record.topic, asunto, evento.version), {})
        nueva = huella not in vistas
        vistas.setdefault(huella, lugar)
        match evento:
            case EnvioAbierto():
                self.abiertos.setdefault(asunto, evento)
            case EnvioCerrado():
                self.cerrados.setdefault(asunto, evento)
            case ReintentoSolicitado():
                self.reintentos.setdefault((asunto, evento.version), evento)
            case AccesoRegistrado():
                self.accesos.setdefault(evento.acceso, (evento.folio, evento.quien))
            case RegistroCorregido():
                keep_newest(self.correcciones, asunto, evento)
            case ExpedientesDestruidos():
                keep_newest(self.destruidos, evento.proceso, evento)
            case MiembroDePersona():
                self.anunciados.setdefault(evento.folio, set()).add(evento.persona)
            case Veredicto() if nueva:
                self.veredictos.append(evento)
            case ConsultaSolicitada():
                self.solicitadas[asunto] = evento
            case ConsultaRespondida() if nueva:
                self.respondidas.setdefault(asunto, []).append(evento)
            case Veredicto() | ConsultaRespondida():
                pass
            case _:
                self.ciclos[asunto] = aplicar(self.ciclos.get(asunto, Ciclo()), evento, record.offset)
                if isinstance(evento, RegistroDescifrado):
                    self.abierto_en.setdefault((asunto, evento.version), sobre.hora)
                if isinstance(evento, RegistroClasificado):
                    self.decididos.add((asunto, evento.operador))
                if isinstance(evento, RegistroEnCuarentena):
                    self.cuarentenas.add((asunto, evento.version))
        if objeto := _objeto(evento):
            self.objetos.setdefault((objeto.cubo, objeto.nombre), objeto)

    def ordenar(self, record: Record) -> None:
        """Learn of an order to destroy from a record of `actores`; what else it says is no concern of these checks."""
        try:
            evento = leer_sobre(
                {DestruccionOrdenada.ce_type(): DestruccionOrdenada}, record.headers, record.value
            ).evento
        except EventoInvalido:
            return
        if isinstance(evento, DestruccionOrdenada):
            self.ordenados.setdefault(evento.proceso, evento.ordenada_en)

    def retirado(self, objeto: Objeto, hasta: datetime) -> bool:
        """Whether it is the package of a record that was opened up to then, and that is the last word about it; or anything of a
        process that is destroyed by order."""
        if proceso_de(objeto.folio) in self.destruidos:
            return True
        if objeto.cubo != PAQUETES or (ciclo := self.ciclos.get(objeto.folio)) is None:
            return False
        ultimo = ciclo.descifrado
        return isinstance(ultimo, RegistroDescifrado) and self.abierto_en[objeto.folio, ultimo.version] <= hasta

    def totales(self) -> dict[str, Cuenta]:
        """Totals of each process and of each solicitud, by its id."""
        por_grupo: dict[str, list[Ciclo]] = {}
        for folio, ciclo in self.ciclos.items():
            for grupo in (proceso_de(folio), descomponer_folio(folio).solicitud):
                por_grupo.setdefault(grupo, []).append(ciclo)
        return {grupo: _cuenta(ciclos) for grupo, ciclos in sorted(por_grupo.items())}


# What follows from the topics alone ------------------------------------------------------------------------------------


def de_los_topics(hechos: Hechos, apartados: Mapping[str, bool]) -> list[Comprobacion]:
    """Every check that needs nothing but the topics. `apartados`: place of each event in quarantine → whether it waits."""
    return [
        esquemas(hechos, apartados),
        en_espera(apartados),
        identificadores(hechos),
        versiones_divergentes(hechos),
        huecos(hechos),
        huerfanos(hechos),
        envios(hechos),
        reintentos(hechos),
        accesos(hechos),
        vistos(hechos),
        correcciones(hechos),
        veredictos(hechos),
        consultas(hechos),
        conservacion(hechos),
        nombres_de_objetos(hechos),
    ]


def esquemas(hechos: Hechos, apartados: Mapping[str, bool]) -> Comprobacion:
    """Every event fits its published schema, in its own topic, under its own key, in its key's partition; or was set aside."""
    sueltos = tuple(h for h in hechos.invalidos if h.donde not in apartados)
    nota = (
        f"{len(hechos.invalidos) - len(sueltos)} ilegibles, en cuarentena"
        if len(sueltos) < len(hechos.invalidos)
        else ""
    )
    return Comprobacion("esquemas", hechos.eventos, sueltos, nota)


def en_espera(apartados: Mapping[str, bool]) -> Comprobacion:
    """What is in quarantine is kept, and no fault; somebody should answer for it."""
    esperan = tuple(
        Hallazgo(lugar, "espera respuesta (apoyo quarantine list, redrive, accept)")
        for lugar, pendiente in apartados.items()
        if pendiente
    )
    nota = f"{len(apartados) - len(esperan)} reenviados o aceptados" if apartados else "nada en cuarentena"
    return Comprobacion("apartados", len(apartados), esperan, nota, grave=False)


def identificadores(hechos: Hechos) -> Comprobacion:
    """An id is of one event alone."""
    repetidos = hechos.eventos - len(hechos.invalidos) - sum(len(h) for h in hechos.identificadores.values())
    return Comprobacion(
        "identificadores",
        len(hechos.identificadores),
        tuple(
            Hallazgo(id_, f"con {len(huellas)} contenidos: {', '.join(sorted(huellas.values()))}")
            for id_, huellas in hechos.identificadores.items()
            if len(huellas) > 1
        ),
        f"{repetidos} eventos repetidos, sin efecto" if repetidos else "ninguno repetido",
    )


def versiones_divergentes(hechos: Hechos) -> Comprobacion:
    """A version of a folio in a topic has one content."""
    return Comprobacion(
        "versiones_divergentes",
        len(hechos.contenidos),
        tuple(
            Hallazgo(folio, f"{topic} versión {version}: {', '.join(sorted(huellas.values()))}")
            for (topic, folio, version), huellas in hechos.contenidos.items()
            if len(huellas) > 1
        ),
    )


def huecos(hechos: Hechos) -> Comprobacion:
    """The versions of a folio in a topic are 1, 2, 3… without one missing. Those of a verdict only grow: of its person's group, not
    each changes it."""
    por_asunto: dict[tuple[str, str], set[int]] = {}
    for topic, folio, version in hechos.contenidos:
        if topic != Veredicto.topic:
            por_asunto.setdefault((topic, folio), set()).add(version)
    hallazgos = []
    for (topic, folio), versiones in por_asunto.items():
        if faltan := sorted(set(range(1, max(versiones))) - versiones):
            hallazgos.append(Hallazgo(folio, f"{topic}: falta la versión {', '.join(map(str, faltan))}"))
    return Comprobacion("huecos", len(por_asunto), tuple(hallazgos))


def huerfanos(hechos: Hechos) -> Comprobacion:
    """Every folio that an event is about, compulsa's own included, or that one names as the first of its person, was received."""
    hallazgos = []
    for folio, ciclo in hechos.ciclos.items():
        if ciclo.recibido is None:
            hallazgos.append(Hallazgo(folio, f"sin registro_recibido, con {', '.join(sorted(ciclo.hechos))}"))
        if ciclo.compulsado is not None and (otro := ciclo.compulsado.duplicado_de) is not None:
            primero = hechos.ciclos.get(otro)
            if primero is None or primero.recibido is None:
                hallazgos.append(Hallazgo(folio, f"duplicado de {otro}, que no se ha recibido"))
    for folio in hechos.anunciados:
        ciclo_suyo = hechos.ciclos.get(folio)
        if ciclo_suyo is None or ciclo_suyo.recibido is None:
            hallazgos.append(Hallazgo(folio, f"sin registro_recibido, con {MiembroDePersona.topic}"))
    return Comprobacion("huerfanos", len(hechos.ciclos), tuple(hallazgos))


def envios(hechos: Hechos) -> Comprobacion:
    """Every record came in an envío that its own sender had opened: ingesta takes none before.

    A closing may count a record that a death left in ingesta's outbox: until the relay publishes it, it is missing and no fault.
    """
    hallazgos, llegados = [], set()
    for folio, ciclo in hechos.ciclos.items():
        if (recibido := ciclo.recibido) is None:
            continue
        llegados.add((recibido.envio, folio))
        abierto = hechos.abiertos.get(recibido.envio)
        if abierto is None:
            hallazgos.append(Hallazgo(folio, f"llegó en el envío {recibido.envio}, que nadie abrió"))
        elif _remitente(abierto) != _remitente(recibido):
            hallazgos.append(Hallazgo(folio, f"llegó en el envío {recibido.envio}, que es de otro dispositivo"))
    faltan = sum((e, folio) not in llegados for e, c in hechos.cerrados.items() for folio in c.folios or ())
    nota = f"{len(hechos.abiertos)} abiertos, {len(hechos.cerrados)} cerrados"
    nota += f"; {faltan} registros contados al cerrar, por publicarse" if faltan else ""
    return Comprobacion("envios", len(hechos.abiertos), tuple(hallazgos), nota)


def reintentos(hechos: Hechos) -> Comprobacion:
    """A retry is of a quarantine of that version, and repeats what reception said. Those without an answer are counted."""
    hallazgos = []
    for (folio, version), reintento in hechos.reintentos.items():
        ciclo = hechos.ciclos.get(folio)
        if (folio, version) not in hechos.cuarentenas:
            hallazgos.append(Hallazgo(folio, f"reintento de la versión {version}, que no es una cuarentena"))
        if ciclo is not None and ciclo.recibido is not None and _por_abrir(reintento) != _por_abrir(ciclo.recibido):
            hallazgos.append(Hallazgo(folio, f"el reintento de la versión {version} no dice lo que dijo la recepción"))
    esperan = sum((RegistroEnCuarentena.topic, f, v + 1) not in hechos.contenidos for f, v in hechos.reintentos)
    return Comprobacion("reintentos", len(hechos.reintentos), tuple(hallazgos), f"{esperan} sin respuesta todavía")


def accesos(hechos: Hechos) -> Comprobacion:
    """Nobody was given a record that was not received."""
    hallazgos = tuple(
        Hallazgo(folio, f"acceso {acceso} de {quien} a un registro que nadie recibió")
        for acceso, (folio, quien) in hechos.accesos.items()
        if folio not in hechos.ciclos
    )
    personas = len({quien for _, quien in hechos.accesos.values()})
    return Comprobacion("accesos", len(hechos.accesos), hallazgos, f"de {personas} cuentas")


def vistos(hechos: Hechos) -> Comprobacion:
    """Whoever decided had been given the record (SPEC 7: people review every one). A program that decides unseen is told here."""
    dados = set(hechos.accesos.values())
    hallazgos = tuple(
        Hallazgo(folio, f"lo decidió {quien}, a quien no consta que se le entregara")
        for folio, quien in sorted(hechos.decididos - dados)
    )
    return Comprobacion("vistos", len(hechos.decididos), hallazgos, grave=False)


def correcciones(hechos: Hechos) -> Comprobacion:
    """A correction is of an opened record and under its key; a lookup names none that was not made. Those not looked up yet are
    counted."""
    hallazgos = []
    esperan = 0
    for folio, correccion in hechos.correcciones.items():
        ciclo = hechos.ciclos.get(folio, Ciclo())
        abierto = ciclo.descifrado
        if not isinstance(abierto, RegistroDescifrado):
            hallazgos.append(Hallazgo(folio, f"corrección versión {correccion.version} de lo que no se ha abierto"))
        elif abierto.llave != correccion.llave:
            hallazgos.append(Hallazgo(folio, f"corrección versión {correccion.version} bajo otra llave"))
        esperan += ciclo.compulsado is None or ciclo.compulsado.correccion_version < correccion.version
    for folio, ciclo in hechos.ciclos.items():
        hecha = hechos.correcciones[folio].version if folio in hechos.correcciones else 0
        if ciclo.compulsado is not None and ciclo.compulsado.correccion_version > hecha:
            nombrada = ciclo.compulsado.correccion_version
            hallazgos.append(Hallazgo(folio, f"compulsado por la corrección versión {nombrada}, que no existe"))
    return Comprobacion("correcciones", len(hechos.correcciones), tuple(hallazgos), f"{esperan} sin consulta todavía")


def veredictos(hechos: Hechos) -> Comprobacion:
    """A verdict is about a record, and its duplicate of one, that were both announced to that person (inside compulsa)."""
    hallazgos = tuple(
        Hallazgo(v.folio, f"veredicto versión {v.version} sobre {folio}, que no se anunció a esa persona")
        for v in hechos.veredictos
        for folio in (v.folio, v.duplicado_de)
        if folio is not None and v.persona not in hechos.anunciados.get(folio, ())
    )
    return Comprobacion("veredictos", len(hechos.veredictos), hallazgos)


def consultas(hechos: Hechos) -> Comprobacion:
    """A lookup of the portal has one answer at most, of the person that was asked about. Those without one are counted."""
    hallazgos = []
    for consulta, respuestas in hechos.respondidas.items():
        if len(respuestas) > 1:
            hallazgos.append(Hallazgo(consulta, f"{len(respuestas)} respuestas"))
        solicitada = hechos.solicitadas.get(consulta)
        if solicitada is None:
            hallazgos.append(Hallazgo(consulta, "respondida, y nadie la pidió"))
        elif any((r.sujeto, r.llave) != (solicitada.sujeto, solicitada.llave) for r in respuestas):
            hallazgos.append(Hallazgo(consulta, "la respuesta es de otra persona"))
    sin_respuesta = len(hechos.solicitadas.keys() - hechos.respondidas.keys())
    nota = f"{len(hechos.solicitadas)} pedidas, {sin_respuesta} sin respuesta todavía"
    return Comprobacion("consultas", len(hechos.solicitadas), tuple(hallazgos), nota)


def conservacion(hechos: Hechos) -> Comprobacion:
    """Received = opened + quarantined + pending = sum of the statuses. Each is counted on its own."""
    ciclos = hechos.ciclos.values()
    recibidos = sum(RegistroRecibido.topic in c.hechos for c in ciclos)
    abiertos = sum(isinstance(c.descifrado, RegistroDescifrado) for c in ciclos)
    cuarentena = sum(isinstance(c.descifrado, RegistroEnCuarentena) for c in ciclos)
    pendientes = sum(RegistroRecibido.topic in c.hechos and c.descifrado is None for c in ciclos)
    estados = sum(estado(c) is not None for c in ciclos)
    nota = (
        f"{recibidos} = {abiertos} abiertos + {cuarentena} en cuarentena + {pendientes} pendientes; estados: {estados}"
    )
    cuadra = recibidos == abiertos + cuarentena + pendientes == estados
    hallazgos = () if cuadra else (Hallazgo("totales", nota.replace("=", "≠", 1)),)
    return Comprobacion("conservacion", recibidos, hallazgos, nota)


def nombres_de_objetos(hechos: Hechos) -> Comprobacion:
    """An object is named by its hash: a package as `schemas.paquete.objeto_de` says, an expediente ending in its SHA-256."""
    hallazgos = tuple(
        Hallazgo(o.folio, f"{o.cubo}/{o.nombre}: el nombre no es el de su hash")
        for o in hechos.objetos.values()
        if not o.sha256
    )
    return Comprobacion("nombres_de_objetos", len(hechos.objetos), hallazgos)


# What is compared with what others hold --------------------------------------------------------------------------------


@dataclass
class Revision:
    """What was read of the objects: the names in each bucket, and what came of those whose bytes were read.

    `retirados`: how many are not there and need not be (`Hechos.retirado`); `vencidos`: those that are there and should not be;
    `resucitados`: what is stored, `bucket/name`, of processes that said before that nothing is.
    """

    nombres: Mapping[str, Set[str]]
    leidos: list[Objeto] = field(default_factory=list)
    ausentes: list[Objeto] = field(default_factory=list)
    alterados: list[Objeto] = field(default_factory=list)
    retirados: int = 0
    vencidos: list[Objeto] = field(default_factory=list)
    resucitados: list[str] = field(default_factory=list)

    def leer(self, objeto: Objeto, contenido: bytes | None) -> None:
        """Look at the bytes of an object; None when it is not there."""
        self.leidos.append(objeto)
        if contenido is None:
            self.ausentes.append(objeto)
        elif hashlib.sha256(contenido).hexdigest() != objeto.sha256:
            self.alterados.append(objeto)


def de_los_objetos(hechos: Hechos, revision: Revision) -> list[Comprobacion]:
    """Every check of what the object store holds.

    `revision.leidos` holds at least what its bucket's listing lacks, but for `revision.retirados`.
    """
    total = len(hechos.objetos)
    sobrantes = [
        Hallazgo(f"{cubo}/{nombre}", "ningún evento lo nombra")
        for cubo, nombres in revision.nombres.items()
        for nombre in sorted(nombres)
        if (cubo, nombre) not in hechos.objetos
    ]
    borrados = "objetos borrados por orden o tras su plazo" if hechos.destruidos else "paquetes borrados tras su plazo"
    return [
        Comprobacion(
            "objetos_presentes",
            total,
            _hallazgos(revision.ausentes, "no está guardado"),
            f"{revision.retirados} {borrados}" if revision.retirados else "por su nombre",
        ),
        Comprobacion(
            "contenido_de_objetos",
            len(revision.leidos),
            _hallazgos(revision.alterados, "el contenido no es el de su hash"),
            f"{len(revision.leidos)} de {total}",
        ),
        Comprobacion(
            "objetos_sin_evento",
            sum(len(nombres) for nombres in revision.nombres.values()),
            tuple(sobrantes),
            "una muerte súbita puede dejar alguno",
            grave=False,
        ),
        Comprobacion(
            "paquetes_vencidos",
            len(revision.nombres[PAQUETES]),
            _hallazgos(revision.vencidos, "sigue guardado después de su plazo"),
        ),
        destruidos(hechos, revision.resucitados),
    ]


def destruidos(hechos: Hechos, resucitados: Sequence[str]) -> Comprobacion:
    """Nothing is destroyed without an order; where one is carried out nothing is stored, and what was opened before was counted.

    What was in hand at that moment is opened and destroyed, too, and may come too late to be counted (ADR 37).
    """
    hallazgos = [
        Hallazgo(p, "se destruyó sin que nadie lo ordenara")
        for p in sorted(hechos.destruidos.keys() - hechos.ordenados)
    ]
    hallazgos += [Hallazgo(nombre, "sigue guardado después de su destrucción") for nombre in resucitados]
    for proceso, dicho in sorted(hechos.destruidos.items()):
        suyos = ((f, c.descifrado) for f, c in hechos.ciclos.items() if proceso_de(f) == proceso)
        horas = [hechos.abierto_en[f, d.version] for f, d in suyos if isinstance(d, RegistroDescifrado)]
        abiertos = sum(hora <= hechos.ordenados.get(proceso, hora) for hora in horas)
        if dicho.terminada and dicho.registros < abiertos:
            que = f"se abrieron {abiertos} registros antes de la orden y se destruyeron {dicho.registros}"
            hallazgos.append(Hallazgo(proceso, que))
    return Comprobacion("destruidos", len(hechos.destruidos), tuple(hallazgos))


def totales_publicados(hechos: Hechos, publicados: Iterable[Mapping[str, Any]]) -> Comprobacion:
    """What resultados answers for each process (`/api/procesos/{proceso}/totales`) is what the topics say."""
    propios = hechos.totales()
    suyos = {grupo: cuenta for respuesta in publicados for grupo, cuenta in _publicado(respuesta).items()}
    hallazgos = []
    for grupo in sorted(propios.keys() | suyos.keys()):
        propia, suya = propios.get(grupo, _cuenta(())), suyos.get(grupo, _cuenta(()))
        for nombre, debe, es in _renglones(propia, suya):
            if debe != es:
                hallazgos.append(Hallazgo(grupo, f"{nombre}: según los topics {debe}, según resultados {es}"))
    return Comprobacion("totales", len(suyos), tuple(hallazgos), "por proceso y solicitud")


def proyeccion(hechos: Hechos, proyectados: Iterable[Proyectado]) -> Comprobacion:
    """Each folio's status in resultados is the one that follows from the topics.

    The projection must have reached `hechos.fines`. A folio about which it knows something newer is left for another time.
    """
    hallazgos, faltan, moviendose = [], set(hechos.ciclos), 0
    for proyectado in proyectados:
        faltan.discard(proyectado.folio)
        if _mas_nuevo(hechos.fines, proyectado):
            moviendose += 1
            continue
        ciclo = hechos.ciclos.get(proyectado.folio)
        if ciclo is None:
            hallazgos.append(Hallazgo(proyectado.folio, "está en resultados y en ningún topic"))
            continue
        debe = _proyectar(proyectado.folio, ciclo)
        if debe != proyectado:
            hallazgos.append(
                Hallazgo(
                    proyectado.folio,
                    f"según los topics {_en_palabras(debe)}; según resultados {_en_palabras(proyectado)}",
                )
            )
    hallazgos += [Hallazgo(folio, "está en los topics y no en resultados") for folio in sorted(faltan)]
    nota = f"{moviendose} con eventos más nuevos que lo leído" if moviendose else "folio por folio"
    return Comprobacion("proyeccion", len(hechos.ciclos), tuple(hallazgos), nota)


def alcanza(posiciones: Posiciones, fines: Posiciones) -> bool:
    """Whether everything before `fines` lies before `posiciones`."""
    return all(
        posiciones.get(topic, {}).get(partition, 0) >= end
        for topic, ends in fines.items()
        for partition, end in ends.items()
    )


def posiciones_de(publicado: Mapping[str, Any]) -> Posiciones:
    """The positions that totals of resultados hold for."""
    return {
        topic: {int(partition): offset for partition, offset in positions.items()}
        for topic, positions in publicado["posiciones"].items()
    }


# Pieces ----------------------------------------------------------------------------------------------------------------

_SHA256 = re.compile(r"[0-9a-f]{64}")


def _fuera_de_lugar(record: Record, evento: Evento, partitions: int) -> str:
    if evento.topic != record.topic:
        return f"evento_de_otro_topic {evento.nombre}"
    if record.key != evento.llave_mensaje:
        return "llave_ajena"
    if record.partition != partition_of(record.key, partitions):
        return "particion_ajena"
    return ""


def _remitente(evento: EnvioAbierto | RegistroRecibido) -> tuple[str, ...]:
    return evento.proceso, evento.solicitud, evento.auxiliar, evento.dispositivo


def _por_abrir(evento: RegistroRecibido | ReintentoSolicitado) -> tuple[object, ...]:
    return (
        *(evento.proceso, evento.envio, evento.codigo_integridad, evento.paquete_sha256, evento.objeto),
        *(evento.recibido_en, evento.reglas),
    )


def _objeto(evento: Evento) -> Objeto | None:
    match evento:
        case RegistroRecibido():
            bien = evento.objeto in {
                objeto_de(evento.proceso, evento.recibido_en, evento.paquete_sha256),
                f"{evento.proceso}/{evento.paquete_sha256}",  # release 0.1.0
            }
            return Objeto(PAQUETES, evento.objeto, evento.paquete_sha256 if bien else "", evento.folio)
        case RegistroDescifrado():
            final = evento.objeto.rpartition("/")[2]
            return Objeto(EXPEDIENTES, evento.objeto, final if _SHA256.fullmatch(final) else "", evento.folio)
        case _:
            return None


def _cuenta(ciclos: Iterable[Ciclo]) -> Cuenta:
    recibidos = [c for c in ciclos if c.recibido is not None]
    estados = Counter(str(estado(c)) for c in recibidos)
    return Cuenta(len(recibidos), {e.value: estados[e.value] for e in Estado}, sum(map(en_cuarentena, recibidos)))


def _publicado(respuesta: Mapping[str, Any]) -> dict[str, Cuenta]:
    partes = {respuesta["proceso"]: respuesta} | {s["solicitud"]: s for s in respuesta["por_solicitud"]}
    return {grupo: Cuenta(p["recibidos"], p["estados"], p["en_cuarentena"]) for grupo, p in partes.items()}


def _renglones(propia: Cuenta, suya: Cuenta) -> list[tuple[str, int, int]]:
    estados = [
        (e, propia.estados.get(e, 0), suya.estados.get(e, 0)) for e in propia.estados.keys() | suya.estados.keys()
    ]
    return [
        ("recibidos", propia.recibidos, suya.recibidos),
        ("en cuarentena", propia.en_cuarentena, suya.en_cuarentena),
        *sorted(estados),
    ]


def _mas_nuevo(fines: Posiciones, proyectado: Proyectado) -> bool:
    return any(
        offset >= fines[topic].get(partition_of(proyectado.folio, len(fines[topic])), 0)
        for topic, offset in proyectado.offsets.items()
        if topic in TOPICS
    )


def _proyectar(folio: str, ciclo: Ciclo) -> Proyectado:
    actual = estado(ciclo)
    offsets = {topic: hecho.offset for topic, hecho in ciclo.hechos.items()}
    return Proyectado(folio, actual.value if actual else None, en_cuarentena(ciclo), offsets)


def _en_palabras(proyectado: Proyectado) -> str:
    offsets = ", ".join(f"{topic}@{offset}" for topic, offset in sorted(proyectado.offsets.items()))
    return f"{proyectado.estado}{' en cuarentena' if proyectado.cuarentena else ''} ({offsets})"


def _hallazgos(objetos: Sequence[Objeto], que: str) -> tuple[Hallazgo, ...]:
    return tuple(Hallazgo(o.folio, f"{o.cubo}/{o.nombre}: {que}") for o in objetos)
