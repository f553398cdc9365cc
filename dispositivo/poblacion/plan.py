"""A plan: which supports are captured, by whom and when, what is wrong with each, and the truth about it.

Proportions are those of the revocación de mandato of 2021-22 (REGISTRAL.md), with small extras so that every status appears
even among a few hundred. Same arguments, same plan.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache, cached_property
from itertools import cycle
from zoneinfo import ZoneInfo

from credencial.situaciones import CausaBaja, Situacion
from dispositivo.poblacion.auxiliares import Auxiliar, auxiliares_sinteticos
from dispositivo.poblacion.geografia import SEDES, Demarcacion, demarcacion
from dispositivo.poblacion.personas import Persona, Poblador, TipoFirma
from dispositivo.poblacion.tarjeta import textos_reverso
from schemas.paquete import DatosRegistro, Lecturas, Ubicacion
from schemas.tipos import componer_folio

ZONA = ZoneInfo("America/Mexico_City")
MINIMO_CON_TODAS = 150
"""From this many captures on, every class is present at least once."""


class Clase(StrEnum):
    """Why a capture was planned; see `PROPORCIONES` and `Extras` for how many there are of each."""

    LIMPIA = "limpia"
    FOTO = "foto"
    DUPLICADO_MISMA_SOLICITUD = "duplicado_misma_solicitud"
    FOTOCOPIA = "fotocopia"
    DUPLICADO_OTRA_SOLICITUD = "duplicado_otra_solicitud"
    FIRMA = "firma"
    BAJA = "baja"
    CREDENCIAL = "credencial"
    OTRA = "otra"
    NO_ENCONTRADO = "no_encontrado"
    OTRA_REGISTRAL = "otra_registral"
    SIN_FIRMA = "sin_firma"
    SIMULACION = "simulacion"
    CUARENTENA = "cuarentena"
    FUERA_DE_AMBITO = "fuera_de_ambito"
    DISPOSITIVO_NO_AUTORIZADO = "dispositivo_no_autorizado"
    AUXILIAR_DADO_DE_BAJA = "auxiliar_dado_de_baja"
    FUERA_DE_PERIODO = "fuera_de_periodo"


TOTAL_2022 = 1_382_031
PROPORCIONES: dict[Clase, int] = {
    Clase.FOTO: 88_630,
    Clase.DUPLICADO_MISMA_SOLICITUD: 57_930,
    Clase.FOTOCOPIA: 51_454,
    Clase.DUPLICADO_OTRA_SOLICITUD: 32_782,
    Clase.FIRMA: 19_966,
    Clase.BAJA: 14_604,
    Clase.CREDENCIAL: 13_157,
    Clase.OTRA: 11_765,
    Clase.NO_ENCONTRADO: 3_268,
    Clase.OTRA_REGISTRAL: 1_963,
    Clase.SIN_FIRMA: 1_439,
    Clase.SIMULACION: 22,
}
"""Records with a defect among `TOTAL_2022` captured by app."""


@dataclass(frozen=True, slots=True)
class Extras:
    """Shares (0-1) added to `PROPORCIONES`. `sin_lectura`: clean captures in which the device could read no code (D 5.8).

    `miembro_inconsistente`: inconsistent captures of a person who also has a clean one. `errata`: clean captures whose form was
    mistyped, so that nobody is found by it until it is corrected from the image (D 10.3).
    """

    cuarentena: float = 0.01
    fuera_de_ambito: float = 0.01
    otra_registral: float = 0.004
    dispositivo_no_autorizado: float = 0.003
    auxiliar_dado_de_baja: float = 0.003
    fuera_de_periodo: float = 0.003
    sin_lectura: float = 0.02
    miembro_inconsistente: float = 0.1
    errata: float = 0.02


class Defecto(StrEnum):
    """What is visibly wrong with the images; `dibujo` draws it."""

    NINGUNO = "ninguno"
    IMAGEN_NO_CPV = "imagen_no_cpv"
    DOS_ANVERSOS = "dos_anversos"
    DOS_REVERSOS = "dos_reversos"
    DISTINTAS_CPV = "distintas_cpv"
    PANTALLA = "pantalla"
    COPIA_BLANCO_Y_NEGRO = "copia_blanco_y_negro"
    COPIA_A_COLOR = "copia_a_color"
    ILEGIBLE_CLAVE = "ilegible_clave"
    ILEGIBLE_REVERSO = "ilegible_reverso"
    ILEGIBLE_FOTO = "ilegible_foto"
    ILEGIBLE_FIRMA = "ilegible_firma"
    PERSONA_DISTINTA = "persona_distinta"
    OBJETO = "objeto"
    FOTO_DE_CREDENCIAL = "foto_de_credencial"
    CUBREBOCAS = "cubrebocas"
    LENTES_OSCUROS = "lentes_oscuros"
    GORRA = "gorra"
    FIRMA_SIMBOLO = "firma_simbolo"
    FIRMA_NOMBRE = "firma_nombre"
    FIRMA_DISTINTA = "firma_distinta"
    SIN_FIRMA = "sin_firma"
    SIMULACION = "simulacion"


VERDAD_DEL_DEFECTO: dict[Defecto, tuple[str, str | None]] = {
    Defecto.IMAGEN_NO_CPV: ("a", None),
    Defecto.DOS_ANVERSOS: ("b", None),
    Defecto.DOS_REVERSOS: ("b", None),
    Defecto.DISTINTAS_CPV: ("c", None),
    Defecto.PANTALLA: ("d", None),
    Defecto.COPIA_BLANCO_Y_NEGRO: ("e", None),
    Defecto.COPIA_A_COLOR: ("e", None),
    Defecto.ILEGIBLE_CLAVE: ("f", "Ilegible: clave de elector"),
    Defecto.ILEGIBLE_REVERSO: ("f", "Ilegible: número de emisión o CIC"),
    Defecto.ILEGIBLE_FOTO: ("f", "Ilegible: foto viva"),
    Defecto.ILEGIBLE_FIRMA: ("f", "Ilegible: firma"),
    Defecto.PERSONA_DISTINTA: ("g", None),
    Defecto.OBJETO: ("h", "Objeto fotografiado"),
    Defecto.FOTO_DE_CREDENCIAL: ("h", "Foto no tomada directamente de la persona"),
    Defecto.CUBREBOCAS: ("i", "Cubrebocas"),
    Defecto.LENTES_OSCUROS: ("i", "Lentes oscuros"),
    Defecto.GORRA: ("i", "Gorra"),
    Defecto.FIRMA_SIMBOLO: ("j", "Un símbolo en lugar de la firma de la credencial"),
    Defecto.FIRMA_NOMBRE: ("k", None),
    Defecto.FIRMA_DISTINTA: ("l", None),
    Defecto.SIN_FIRMA: ("m", None),
    Defecto.SIMULACION: ("n", "Información sobrepuesta"),
}
"""What a correct reviewer decides on each defect: inciso of the catalogue, and detail where it asks for one."""

_DEFECTOS: dict[Clase, tuple[Defecto, ...]] = {
    Clase.FOTO: (
        Defecto.FOTO_DE_CREDENCIAL,
        Defecto.CUBREBOCAS,
        Defecto.PERSONA_DISTINTA,
        Defecto.LENTES_OSCUROS,
        Defecto.OBJETO,
        Defecto.GORRA,
    ),
    Clase.FOTOCOPIA: (Defecto.COPIA_BLANCO_Y_NEGRO, Defecto.COPIA_A_COLOR),
    Clase.FIRMA: (Defecto.FIRMA_SIMBOLO, Defecto.FIRMA_NOMBRE, Defecto.FIRMA_DISTINTA),
    Clase.CREDENCIAL: (
        Defecto.PANTALLA,
        Defecto.IMAGEN_NO_CPV,
        Defecto.DISTINTAS_CPV,
        Defecto.DOS_ANVERSOS,
        Defecto.DOS_REVERSOS,
    ),
    Clase.OTRA: (Defecto.ILEGIBLE_CLAVE, Defecto.ILEGIBLE_REVERSO, Defecto.ILEGIBLE_FOTO, Defecto.ILEGIBLE_FIRMA),
    Clase.SIN_FIRMA: (Defecto.SIN_FIRMA,),
    Clase.SIMULACION: (Defecto.SIMULACION,),
}
_FIRMA_COMPARABLE = frozenset(_DEFECTOS[Clase.FIRMA]) | {Defecto.SIN_FIRMA, Defecto.ILEGIBLE_FIRMA}
_CON_OTRA_PERSONA = frozenset(
    {Defecto.DISTINTAS_CPV, Defecto.PERSONA_DISTINTA, Defecto.FIRMA_NOMBRE, Defecto.SIMULACION}
)
_SIN_REVERSO = frozenset({Defecto.IMAGEN_NO_CPV, Defecto.DOS_ANVERSOS, Defecto.ILEGIBLE_REVERSO})
_DUPLICADOS = (Clase.DUPLICADO_MISMA_SOLICITUD, Clase.DUPLICADO_OTRA_SOLICITUD)
_REGLAS = frozenset({Clase.DISPOSITIVO_NO_AUTORIZADO, Clase.AUXILIAR_DADO_DE_BAJA, Clase.FUERA_DE_PERIODO})
_MANIFESTACION = "Por voluntad propia otorgo mi apoyo a {}, y sé que mis datos se usarán únicamente para verificarlo."


class Cuarentena(StrEnum):
    """Why a package will not be opened: it is sealed wrong, or a part that should be an image is not one."""

    PAQUETE_NO_ABRE = "paquete_no_abre"
    NO_ES_IMAGEN = "no_es_imagen"


@dataclass(frozen=True, slots=True)
class Solicitud:
    """Who asks for the support. `id`: folio of the solicitud.

    Who may support it: `entidad`, and within it a district or a municipio; None when it is national.
    """

    id: str
    entidad: str | None
    denominacion: str
    distrito_federal: str | None = None
    distrito_local: str | None = None
    municipio: str | None = None

    def abarca(self, lugar: Demarcacion) -> bool:
        """Whether who lives there may support it."""
        return (
            self.entidad in (None, lugar.entidad)
            and self.distrito_federal in (None, lugar.distrito_federal)
            and self.distrito_local in (None, lugar.distrito_local)
            and self.municipio in (None, lugar.municipio)
        )

    @property
    def es_de_una_parte(self) -> bool:
        """Whether a part of its entidad alone may support it."""
        return any((self.distrito_federal, self.distrito_local, self.municipio))


@cache
def _secciones(entidad: str, solicitud: Solicitud, dentro: bool) -> tuple[int, ...]:
    """Of its entidad, those whose people may support it, or those whose people may not: looked for once, there are thousands."""
    todas = range(1, SEDES[entidad].secciones + 1)
    return tuple(n for n in todas if solicitud.abarca(demarcacion(entidad, n)) is dentro)


@dataclass(frozen=True, slots=True)
class Equipo:
    """An auxiliar with a device. The caller registers both, and dismisses those `auxiliar_de_baja` before they send."""

    solicitud: str
    auxiliar: str
    dispositivo: str
    autorizado: bool = True
    auxiliar_de_baja: bool = False


@dataclass(frozen=True, slots=True)
class Verdad:
    """The truth about a capture.

    `inconsistencias`: (inciso, detail) that a correct reviewer decides. `reglas`: what reception marks by rule, when the profile
    receives it at all. `situacion`: what the roll says, for the capture's solicitud. `persona_id`: id in the roll, None when not
    found. `cuarentena`: the package cannot be opened.
    """

    inconsistencias: tuple[tuple[str, str | None], ...]
    reglas: tuple[str, ...]
    situacion: Situacion
    causa_baja: CausaBaja | None
    persona_id: str | None
    cuarentena: Cuarentena | None

    @property
    def limpia(self) -> bool:
        """Without inconsistency, of review or by rule."""
        return not self.inconsistencias and not self.reglas


@dataclass(frozen=True, slots=True)
class Captura:
    """One planned capture. `numero`: from 1, in the order of `capturado_en` (UTC). `registro`: random id, 20 hex digits.

    `otra`: the second person that some defects need (other card, other face, other name). `semilla`: of the drawing.
    `corregido`: what the form should say, when it was mistyped (`datos`); the truth holds once it was corrected.
    """

    numero: int
    registro: str
    solicitud: str
    auxiliar: str
    dispositivo: str
    capturado_en: datetime
    modelo: str
    datos: DatosRegistro
    persona: Persona
    otra: Persona | None
    clase: Clase
    defecto: Defecto
    semilla: int
    verdad: Verdad
    corregido: DatosRegistro | None = None

    @property
    def folio(self) -> str:
        """Folio of the record (P 9.14)."""
        return componer_folio(self.solicitud, self.auxiliar, self.dispositivo, self.registro)


@dataclass(frozen=True)
class Plan:
    """Captures in the order in which they are taken, the persons of the roll who appear in them, and the auxiliares."""

    semilla: int
    referencia: date
    capturas: tuple[Captura, ...]
    en_padron: tuple[Persona, ...]
    auxiliares: tuple[Auxiliar, ...]

    def padron(self, factor: float = 3.0) -> list[Persona]:
        """The roll, ordered by id: those who appear in captures and others, `factor` times as many in all; and the auxiliares."""
        rng = random.Random(f"padron-{self.semilla}")
        poblador = Poblador(f"padron-personas-{self.semilla}", self.referencia, evitar=self._todas)
        causas = tuple(CausaBaja)
        people = list(self.en_padron)
        while len(people) < factor * len(self.en_padron):
            chance = rng.random()
            if chance < 0.03:
                people.append(poblador.persona(situacion=Situacion.BAJA, causa_baja=rng.choice(causas)))
            else:
                listed = Situacion.EN_LISTA_NOMINAL if chance > 0.04 else Situacion.EN_PADRON_NO_LISTA_NOMINAL
                people.append(poblador.persona(situacion=listed))
        people += [a.persona for a in self.auxiliares if a.persona.situacion != Situacion.NO_ENCONTRADO]
        return sorted(people, key=lambda p: p.id_registro)

    @cached_property
    def _todas(self) -> tuple[Persona, ...]:
        return (*self.en_padron, *(c.persona for c in self.capturas), *(a.persona for a in self.auxiliares))


def situacion_de(persona: Persona, solicitud: Solicitud) -> Situacion:
    """What the roll says of a person for a solicitud. Baja is told wherever they live."""
    struck = persona.situacion in (Situacion.BAJA, Situacion.NO_ENCONTRADO)
    at_home = solicitud.abarca(persona.demarcacion)
    return persona.situacion if at_home or struck else Situacion.FUERA_DE_AMBITO


def equipos_sinteticos(semilla: int, solicitudes: Sequence[Solicitud], por_solicitud: int = 4) -> tuple[Equipo, ...]:
    """Auxiliares with one or two devices each; in each solicitud one more who is dismissed and one device not authorised.

    The device not authorised is the third of the first auxiliar (P 8.11, D 4.9: two active devices).
    """
    rng = random.Random(f"equipos-{semilla}")
    teams: list[Equipo] = []
    for s in solicitudes:
        for number in range(1, por_solicitud + 1):
            devices = 2 if number == 1 else rng.choice((1, 1, 2))
            teams += [Equipo(s.id, f"A{number:04d}", _hex(rng, 12)) for _ in range(devices)]
        teams.append(Equipo(s.id, "A0001", _hex(rng, 12), autorizado=False))
        teams.append(Equipo(s.id, f"A{por_solicitud + 1:04d}", _hex(rng, 12), auxiliar_de_baja=True))
    return tuple(teams)


def planear(
    semilla: int,
    cuantas: int,
    solicitudes: Sequence[Solicitud],
    equipos: Sequence[Equipo],
    inicio: datetime,
    fin: datetime,
    *,
    hasta: datetime | None = None,
    extras: Extras | None = None,
) -> Plan:
    """Plan `cuantas` captures of one proceso whose period is [inicio, fin); all three instants are aware.

    `hasta`: take no capture after it (a period that is still running). A class that the arguments make impossible is left out: no
    solicitud of a state, no `fuera_de_ambito`; one solicitud only, no duplicate in another; no team dismissed or with a device not
    authorised, none of that rule. Raises ValueError when a solicitud has no team in good standing, or the period is empty.
    """
    own = {s.id for s in solicitudes}
    equipos = [e for e in equipos if e.solicitud in own]
    return _Planeador(semilla, cuantas, solicitudes, equipos, inicio, fin, hasta, extras or Extras()).plan()


def contar(
    cuantas: int, solicitudes: Sequence[Solicitud], equipos: Sequence[Equipo], extras: Extras
) -> dict[Clase, int]:
    """How many of each class: largest remainders, and from `MINIMO_CON_TODAS` captures on at least one of each possible class."""
    shares = {clase: count / TOTAL_2022 for clase, count in PROPORCIONES.items()}
    shares[Clase.OTRA_REGISTRAL] += extras.otra_registral
    shares |= {
        Clase.CUARENTENA: extras.cuarentena,
        Clase.FUERA_DE_AMBITO: extras.fuera_de_ambito,
        Clase.DISPOSITIVO_NO_AUTORIZADO: extras.dispositivo_no_autorizado,
        Clase.AUXILIAR_DADO_DE_BAJA: extras.auxiliar_dado_de_baja,
        Clase.FUERA_DE_PERIODO: extras.fuera_de_periodo,
    }
    if len(solicitudes) == 1:
        shares[Clase.DUPLICADO_MISMA_SOLICITUD] += shares.pop(Clase.DUPLICADO_OTRA_SOLICITUD)
    if all(s.entidad is None for s in solicitudes):
        del shares[Clase.FUERA_DE_AMBITO]
    if all(e.autorizado for e in equipos):
        del shares[Clase.DISPOSITIVO_NO_AUTORIZADO]
    if not any(e.auxiliar_de_baja for e in equipos):
        del shares[Clase.AUXILIAR_DADO_DE_BAJA]
    shares[Clase.LIMPIA] = max(0.0, 1 - sum(shares.values()))
    counts = {clase: int(share * cuantas) for clase, share in shares.items()}
    by_remainder = sorted(shares, key=lambda c: counts[c] - shares[c] * cuantas)
    for clase in by_remainder[: cuantas - sum(counts.values())]:
        counts[clase] += 1
    if cuantas >= MINIMO_CON_TODAS:
        for clase in shares:
            if not counts[clase] and shares[clase] > 0:
                counts[clase] += 1
                counts[Clase.LIMPIA] -= 1
    return counts


@dataclass(slots=True)
class _Hueco:
    """A capture being planned."""

    clase: Clase
    defecto: Defecto
    solicitud: Solicitud
    persona: Persona


class _Planeador:
    def __init__(
        self,
        semilla: int,
        cuantas: int,
        solicitudes: Sequence[Solicitud],
        equipos: Sequence[Equipo],
        inicio: datetime,
        fin: datetime,
        hasta: datetime | None,
        extras: Extras,
    ) -> None:
        self._semilla = semilla
        self._cuantas = cuantas
        self._solicitudes = solicitudes
        self._todos_los_equipos = equipos
        self._inicio, self._fin = inicio, fin
        self._ultimo = min(fin, hasta or fin)
        if self._ultimo <= inicio:
            raise ValueError("el periodo está vacío")
        self._extras = extras
        self._rng = random.Random(semilla)
        self._referencia = inicio.astimezone(ZONA).date()
        self._poblador = Poblador(f"personas-{semilla}", self._referencia)
        self._causas = cycle(CausaBaja)
        self._cuarentenas = cycle(Cuarentena)
        self._defectos = {clase: cycle(options) for clase, options in _DEFECTOS.items()}
        self._equipos: dict[str, dict[Clase, list[Equipo]]] = {
            s.id: {
                Clase.LIMPIA: [e for e in equipos if e.solicitud == s.id and e.autorizado and not e.auxiliar_de_baja],
                Clase.DISPOSITIVO_NO_AUTORIZADO: [e for e in equipos if e.solicitud == s.id and not e.autorizado],
                Clase.AUXILIAR_DADO_DE_BAJA: [e for e in equipos if e.solicitud == s.id and e.auxiliar_de_baja],
            }
            for s in solicitudes
        }
        if not all(teams[Clase.LIMPIA] for teams in self._equipos.values()):
            raise ValueError("cada solicitud necesita un equipo en regla")

    def plan(self) -> Plan:
        counts = contar(self._cuantas, self._solicitudes, self._todos_los_equipos, self._extras)
        holes = [
            self._hueco(clase) for clase, count in counts.items() if clase not in _DUPLICADOS for _ in range(count)
        ]
        not_found = [h for h in holes if h.clase is Clase.NO_ENCONTRADO]
        if len(not_found) > 1:  # who is not found is never a duplicate, even when captured twice
            not_found[1].persona, not_found[1].solicitud = not_found[0].persona, not_found[0].solicitud
        duplicates = self._duplicar(holes, counts)
        self._mezclar_inconsistentes(holes, duplicates)
        timed = sorted(
            ((self._momento(h), i, h) for i, h in enumerate([*holes, *duplicates])), key=lambda item: item[:2]
        )
        bases = self._lugares()
        template = self._poblador.persona(tipo_firma=TipoFirma.RUBRICA)
        capturas = tuple(
            self._captura(numero, moment, hole, bases, template) for numero, (moment, _, hole) in enumerate(timed, 1)
        )
        capturas = self._con_erratas(capturas)
        people = {c.persona.id_registro: c.persona for c in capturas if c.persona.situacion != Situacion.NO_ENCONTRADO}
        people |= {c.otra.id_registro: c.otra for c in capturas if c.otra}
        appearing = [*people.values(), *(c.persona for c in capturas)]
        return Plan(
            self._semilla, self._referencia, capturas, tuple(people.values()), self._auxiliares(evitar=appearing)
        )

    def _con_erratas(self, capturas: tuple[Captura, ...]) -> tuple[Captura, ...]:
        """Some clean captures of persons in the roll, mistyped, no code read: every other one without CIC and OCR (D 5.8)."""
        rng = random.Random(f"erratas-{self._semilla}")
        candidates = [
            c
            for c in capturas
            if c.clase in (Clase.LIMPIA, *_DUPLICADOS) and c.verdad.limpia and c.verdad.persona_id is not None
        ]
        wanted = round(self._extras.errata * self._cuantas)
        if self._extras.errata and self._cuantas >= MINIMO_CON_TODAS:
            wanted = max(wanted, 2)
        chosen = {c.numero: n for n, c in enumerate(rng.sample(candidates, min(wanted, len(candidates))))}
        return tuple(
            _con_errata(c, sin_codigos=chosen[c.numero] % 2 == 0) if c.numero in chosen else c for c in capturas
        )

    def _auxiliares(self, evitar: list[Persona]) -> tuple[Auxiliar, ...]:
        teams = self._todos_los_equipos
        counted = (
            (s.id, s.entidad, len({e.auxiliar for e in teams if e.solicitud == s.id})) for s in self._solicitudes
        )
        return auxiliares_sinteticos(self._semilla, counted, self._referencia, evitar)

    def _hueco(self, clase: Clase) -> _Hueco:
        defecto = next(self._defectos[clase]) if clase in self._defectos else Defecto.NINGUNO
        if clase in (Clase.DISPOSITIVO_NO_AUTORIZADO, Clase.AUXILIAR_DADO_DE_BAJA):
            options = [s for s in self._solicitudes if self._equipos[s.id][clase]]
        elif clase is Clase.FUERA_DE_AMBITO:
            options = [s for s in self._solicitudes if s.entidad]
        else:
            options = list(self._solicitudes)
        solicitud = self._rng.choice(options)
        entidad, seccion = self._lugar(solicitud, dentro=clase is not Clase.FUERA_DE_AMBITO)
        persona = self._poblador.persona(
            entidad,
            seccion=seccion,
            situacion=_SITUACION.get(clase, Situacion.EN_LISTA_NOMINAL),
            causa_baja=next(self._causas) if clase is Clase.BAJA else None,
            tipo_firma=TipoFirma.RUBRICA if defecto in _FIRMA_COMPARABLE else None,
        )
        return _Hueco(clase, defecto, solicitud, persona)

    def _lugar(self, solicitud: Solicitud, *, dentro: bool) -> tuple[str | None, int | None]:
        """Entidad and sección (None: any) of somebody who may support it, or may not: then from the other parts of its entidad,
        or from another one."""
        entidad = solicitud.entidad
        if entidad is not None and solicitud.es_de_una_parte:
            return entidad, self._rng.choice(_secciones(entidad, solicitud, dentro))
        return entidad if dentro else self._rng.choice([e for e in SEDES if e != entidad]), None

    def _duplicar(self, holes: list[_Hueco], counts: Mapping[Clase, int]) -> list[_Hueco]:
        """Captures of persons who already have a clean one: mostly pairs, some groups of three or more.

        One original each of baja, of other registral situation and outside the ámbito: any situation can be duplicated.
        """
        fresh = [h for h in holes if h.clase is Clase.LIMPIA]
        self._rng.shuffle(fresh)
        wanted = [clase for clase in _DUPLICADOS for _ in range(counts.get(clase, 0))]
        self._rng.shuffle(wanted)
        if len(wanted) > 8:
            for clase in (Clase.BAJA, Clase.OTRA_REGISTRAL, Clase.FUERA_DE_AMBITO):
                fresh += [h for h in holes if h.clase is clase][1:2]  # the first stays, so that its status is seen
        used: list[_Hueco] = []
        duplicates: list[_Hueco] = []
        for number, clase in enumerate(wanted):
            again = bool(used) and (number == 1 or self._rng.random() < 0.1 or not fresh)
            original = self._rng.choice(used) if again else fresh.pop()
            if not again:
                used.append(original)
            solicitud = original.solicitud
            if clase is Clase.DUPLICADO_OTRA_SOLICITUD:
                others = [s for s in self._solicitudes if s.id != solicitud.id]
                home = original.persona.demarcacion
                solicitud = self._rng.choice([s for s in others if s.abarca(home)] or others)
            duplicates.append(_Hueco(clase, Defecto.NINGUNO, solicitud, original.persona))
        return duplicates

    def _mezclar_inconsistentes(self, holes: list[_Hueco], duplicates: list[_Hueco]) -> None:
        """Give some inconsistent captures, and one in quarantine, a person who also has a clean capture."""
        targets = duplicates + [h for h in holes if h.clase is Clase.LIMPIA][: len(duplicates)]
        movable = [h for h in holes if h.clase in (Clase.FOTO, Clase.FOTOCOPIA, Clase.FUERA_DE_PERIODO)]
        self._rng.shuffle(movable)
        chosen = movable[: max(1, int(len(movable) * self._extras.miembro_inconsistente))]
        chosen += [h for h in holes if h.clase is Clase.CUARENTENA][:1]
        if targets:
            for hole in chosen:
                target = self._rng.choice(targets)
                hole.persona, hole.solicitud = target.persona, target.solicitud

    def _momento(self, hole: _Hueco) -> datetime:
        """When the capture is taken: mostly by day; outside the period, some days before or in the hours after its end."""
        rng = self._rng
        if hole.clase is Clase.FUERA_DE_PERIODO:
            if self._ultimo == self._fin and rng.random() < 0.5:
                return _utc(self._fin + timedelta(seconds=rng.randrange(60, 20 * 3600)))
            return _utc(self._inicio - timedelta(seconds=rng.randrange(60, 3 * 86400)))
        span = int((self._ultimo - self._inicio).total_seconds())
        moment = self._inicio
        for _ in range(8):
            moment = self._inicio + timedelta(seconds=rng.randrange(max(span, 1)))
            if rng.random() < _ACTIVIDAD[moment.astimezone(ZONA).hour]:
                break
        return _utc(moment)

    def _lugares(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Where each auxiliar works (degrees)."""
        places: dict[tuple[str, str], tuple[float, float]] = {}
        states = {s.id: s.entidad for s in self._solicitudes}
        for solicitud, by_class in self._equipos.items():
            for team in (t for teams in by_class.values() for t in teams):
                seat = SEDES[states[solicitud] or self._rng.choice(tuple(SEDES))]
                place = seat.latitud + self._rng.uniform(-0.2, 0.2), seat.longitud + self._rng.uniform(-0.2, 0.2)
                places.setdefault((solicitud, team.auxiliar), place)
        return places

    def _captura(
        self,
        numero: int,
        moment: datetime,
        hole: _Hueco,
        bases: Mapping[tuple[str, str], tuple[float, float]],
        template: Persona,
    ) -> Captura:
        rng = self._rng
        persona, solicitud = hole.persona, hole.solicitud
        teams = self._equipos[solicitud.id]
        team = rng.choice(teams.get(hole.clase) or teams[Clase.LIMPIA])
        otra = None
        if hole.defecto is Defecto.SIMULACION:  # one template carries the data of many persons
            otra = template
        elif hole.defecto in _CON_OTRA_PERSONA:
            otra = self._poblador.persona(solicitud.entidad)
            if hole.defecto is Defecto.DISTINTAS_CPV:
                otra = replace(otra, modelo=persona.modelo, emitida=persona.emitida)
        found = persona.situacion != Situacion.NO_ENCONTRADO
        cuarentena = None
        if hole.clase is Clase.CUARENTENA:
            cuarentena = next(self._cuarentenas)
        return Captura(
            numero=numero,
            registro=_hex(rng, 20),
            solicitud=solicitud.id,
            auxiliar=team.auxiliar,
            dispositivo=team.dispositivo,
            capturado_en=moment,
            modelo=persona.modelo,
            datos=self._datos(hole, otra, bases[solicitud.id, team.auxiliar]),
            persona=persona,
            otra=otra,
            clase=hole.clase,
            defecto=hole.defecto,
            semilla=rng.getrandbits(48),
            verdad=Verdad(
                inconsistencias=tuple(_inconsistencias(hole)),
                reglas=(hole.clase.value,) if hole.clase in _REGLAS else (),
                situacion=situacion_de(persona, solicitud),
                causa_baja=persona.causa_baja,
                persona_id=persona.id_registro if found else None,
                cuarentena=cuarentena,
            ),
        )

    def _datos(self, hole: _Hueco, otra: Persona | None, base: tuple[float, float]) -> DatosRegistro:
        rng, p = self._rng, hole.persona
        holder = otra if otra and hole.defecto in (Defecto.DISTINTAS_CPV, Defecto.SIMULACION) else p
        unread = hole.defecto in _SIN_REVERSO or (
            hole.defecto is Defecto.NINGUNO and rng.random() < self._extras.sin_lectura
        )
        has_cic = p.modelo != "C" and not unread
        return DatosRegistro(
            modelo=p.modelo,
            clave_elector=p.clave_elector,
            numero_emision=p.numero_emision,
            cic=p.cic if has_cic else None,
            ocr=p.ocr if has_cic or p.modelo == "C" else None,
            nombre=p.nombre,
            primer_apellido=p.paterno,
            segundo_apellido=p.materno,
            curp=p.curp if rng.random() < 0.9 else None,
            lecturas=Lecturas() if unread else self._lecturas(holder),
            original_mostrado=True,
            solicitante_mostrado=hole.solicitud.denominacion,
            manifestacion=_MANIFESTACION.format(hole.solicitud.denominacion),
            ubicacion=Ubicacion(
                latitud=round(base[0] + rng.gauss(0, 0.01), 6),
                longitud=round(base[1] + rng.gauss(0, 0.01), 6),
                precision_m=round(3 + rng.expovariate(0.1), 1),
            ),
        )

    def _lecturas(self, holder: Persona) -> Lecturas:
        """What the device read from the back; each code fails now and then."""
        rng, texts = self._rng, textos_reverso(holder)
        return Lecturas(
            qr=texts.qr_servicios if rng.random() < 0.93 else None,
            codigo_barras=(texts.barras or texts.pdf417) if rng.random() < 0.9 else None,
            mrz="\n".join(texts.mrz) if texts.mrz and rng.random() < 0.95 else None,
            ocr=texts.ocr,
        )


_SITUACION: dict[Clase, Situacion] = {
    Clase.BAJA: Situacion.BAJA,
    Clase.NO_ENCONTRADO: Situacion.NO_ENCONTRADO,
    Clase.OTRA_REGISTRAL: Situacion.EN_PADRON_NO_LISTA_NOMINAL,
}
_ACTIVIDAD = (0.02,) * 6 + (0.1, 0.2, 0.4, 0.6, 0.9, 1, 1, 0.9, 0.7, 0.6, 0.8, 1, 1, 0.9, 0.6, 0.3, 0.1, 0.05)
"""How likely a capture is at each hour of the day, Mexico City."""


def _inconsistencias(hole: _Hueco) -> Iterator[tuple[str, str | None]]:
    if hole.defecto is not Defecto.NINGUNO:
        inciso, detail = VERDAD_DEL_DEFECTO[hole.defecto]
        if hole.defecto is Defecto.ILEGIBLE_REVERSO and hole.persona.modelo == "C":
            detail = "Ilegible: OCR"
        yield inciso, detail


def _con_errata(captura: Captura, *, sin_codigos: bool) -> Captura:
    """The capture with another last digit of the clave, without CIC, and with such an OCR or none."""
    bien, p = captura.datos, captura.persona
    mal = bien.model_copy(
        update={
            "clave_elector": _mal_tecleado(p.clave_elector),
            "cic": None,
            "ocr": None if sin_codigos else _mal_tecleado(p.ocr),
            "lecturas": Lecturas(),
        }
    )
    tarjeta = bien.model_copy(
        update={"cic": p.cic if p.modelo != "C" else None, "ocr": p.ocr, "lecturas": mal.lecturas}
    )
    return replace(captura, datos=mal, corregido=tarjeta)


def _mal_tecleado(texto: str) -> str:
    """The text with another last digit."""
    return texto[:-1] + str((int(texto[-1]) + 1) % 10)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _hex(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"
