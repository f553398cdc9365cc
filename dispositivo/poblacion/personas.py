"""Synthetic persons and the voter card each of them holds. Same seed, same persons; nobody in particular is meant."""

import random
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Literal

from credencial.claves import componer_clave, prefijos
from credencial.codigos import componer_ocr
from credencial.curp import componer_curp
from credencial.entidades import POR_NUMERO
from credencial.modelos import VIGENCIA_ANIOS
from credencial.nombres import normalizar
from credencial.situaciones import CausaBaja, Situacion
from dispositivo.poblacion import nombres
from dispositivo.poblacion.geografia import SEDES, Demarcacion, demarcacion

MAYORIA_DE_EDAD = 18

_MUJERES, _HOMBRES, _APELLIDOS = (
    tuple(map(normalizar, names)) for names in (nombres.MUJERES, nombres.HOMBRES, nombres.APELLIDOS)
)
_MODELOS = (("G", 0.62), ("E", 0.26), ("D", 0.04), ("C", 0.03), ("H", 0.03), ("F", 0.02))
"""Plausible shares; only their order of magnitude is meant."""
_EMISION = {
    "C": (2009, 2012),
    "D": (2013, 2014),
    "E": (2015, 2018),
    "F": (2016, 2018),
    "G": (2019, None),
    "H": (2019, None),
}
"""First and last year of issue that the population uses; None: the year before the reference date."""


class TipoFirma(StrEnum):
    """How a person signs, on the card and on the support (P 13.7 j, k, m: valid when it is the one on the CPV)."""

    RUBRICA = "rubrica"
    NOMBRE = "nombre"
    SIMBOLO = "simbolo"
    SIN_FIRMA = "sin_firma"


@dataclass(frozen=True, slots=True)
class Persona:
    """A person, their card, and what the roll says of them.

    `id_registro`: opaque id in the roll, stable across cuts. `paterno`, `materno`: one may be missing. Names are upper case as on
    the card. `entidad_nacimiento`: number, 87 or 88 when abroad. `vigencia`: last year of validity of the card. `semilla`: of
    the face and the signature.
    """

    id_registro: str
    nombre: str
    paterno: str
    materno: str | None
    nacimiento: date
    sexo: str
    entidad_nacimiento: str
    demarcacion: Demarcacion
    domicilio: tuple[str, str]
    clave_elector: str
    curp: str
    cic: str
    ocr: str
    numero_emision: str
    consecutivo: str
    modelo: str
    emitida: int
    tipo_firma: TipoFirma
    semilla: int
    situacion: Situacion = Situacion.EN_LISTA_NOMINAL
    causa_baja: CausaBaja | None = None

    @property
    def vigencia(self) -> int:
        """Last year of validity of the card, to 31 December."""
        return self.emitida + VIGENCIA_ANIOS

    @property
    def nombre_completo(self) -> str:
        """Given names and surnames, in that order."""
        return " ".join(p for p in (self.nombre, self.paterno, self.materno) if p)


class Poblador:
    """Makes persons one after another; no two share a clave, CURP, CIC, OCR or roll id.

    `referencia`: date at which everyone is at least 18 and whose year bounds the cards' issue. `evitar`: persons made by
    another Poblador, whose identifiers must not come again.
    """

    def __init__(self, semilla: int | str, referencia: date, evitar: Iterable[Persona] = ()) -> None:
        self._rng = random.Random(semilla)
        self._referencia = referencia
        self._entidades = tuple(SEDES)
        self._pesos = tuple(accumulate(s.distritos for s in SEDES.values()))
        self._usados: set[str] = set()
        for p in evitar:
            self._usados.update((p.id_registro, p.clave_elector, p.curp, p.cic, p.ocr[4:]))

    def persona(
        self,
        entidad: str | None = None,
        *,
        seccion: int | None = None,
        situacion: Situacion = Situacion.EN_LISTA_NOMINAL,
        causa_baja: CausaBaja | None = None,
        tipo_firma: TipoFirma | None = None,
    ) -> Persona:
        """One more person. `entidad`, `seccion`: where they vote; by default any. `tipo_firma`: by default mostly a rubric."""
        rng = self._rng
        if entidad is None:
            entidad = self._alguna_entidad()
        sexo = "M" if rng.random() < 0.52 else "H"
        nacimiento = self._nacimiento()
        natal = self._entidad_natal(entidad)
        modelo, emitida = self._credencial(nacimiento)
        sede = demarcacion(entidad, seccion or rng.randrange(SEDES[entidad].secciones) + 1)
        while True:
            nombre, paterno, materno = self._nombre(sexo)
            opciones = prefijos(nombre, paterno, materno)
            letras = opciones[0] if rng.random() < 0.8 else rng.choice(opciones)
            clave = componer_clave(letras, nacimiento, natal, sexo, f"{rng.randrange(1000):03d}")
            letras_natal = POR_NUMERO[natal].letras
            curp = componer_curp(nombre, paterno, materno, nacimiento, sexo, letras_natal, self._homonimia(nacimiento))
            if clave not in self._usados and curp not in self._usados:
                break
        self._usados.update((clave, curp))
        tramites = rng.choice((0, 0, 0, 1, 1, 2, 3))
        return Persona(
            id_registro=self._unico(16, "x"),
            nombre=nombre,
            paterno=paterno,
            materno=materno,
            nacimiento=nacimiento,
            sexo=sexo,
            entidad_nacimiento=natal,
            demarcacion=sede,
            domicilio=(
                f"C {rng.choice(nombres.CALLES)} {rng.randrange(1, 990)}",
                f"COL {rng.choice(nombres.COLONIAS)} {rng.randrange(1000, 99999):05d}",
            ),
            clave_elector=clave,
            curp=curp,
            cic=self._unico(9, "d"),
            ocr=componer_ocr(sede.seccion, self._unico(9, "d")),
            numero_emision=f"{tramites:02d}",
            consecutivo=f"{rng.randrange(100_000):05d}",
            modelo=modelo,
            emitida=emitida,
            tipo_firma=tipo_firma or self._tipo_firma(),
            semilla=rng.getrandbits(48),
            situacion=situacion,
            causa_baja=causa_baja,
        )

    def _alguna_entidad(self) -> str:
        return self._entidades[bisect(self._pesos, self._rng.randrange(self._pesos[-1]))]

    def _entidad_natal(self, entidad: str) -> str:
        chance = self._rng.random()
        if chance < 0.8:
            return entidad
        return self._alguna_entidad() if chance < 0.995 else "87"

    def _nacimiento(self) -> date:
        """Between 18 and 88 years ago; more of the young."""
        ref = self._referencia
        newest = date(ref.year - MAYORIA_DE_EDAD, ref.month, min(ref.day, 28))
        return newest - timedelta(days=int(70 * 365 * self._rng.random() ** 1.5))

    def _credencial(self, nacimiento: date) -> tuple[str, int]:
        """Model and year of issue: not before the person was of age."""
        chance, modelo = self._rng.random(), "G"
        for candidate, share in _MODELOS:
            chance -= share
            if chance < 0:
                modelo = candidate
                break
        first, last = _EMISION[modelo]
        mayor = nacimiento.year + MAYORIA_DE_EDAD
        if last is not None and mayor > last:
            modelo, first, last = "G", 2019, None
        end = max(last or self._referencia.year - 1, first)
        start = min(max(first, mayor, self._referencia.year - VIGENCIA_ANIOS), end)
        return modelo, max(self._rng.randint(start, end), mayor)

    def _nombre(self, sexo: str) -> tuple[str, str, str | None]:
        rng = self._rng
        names = _MUJERES if sexo == "M" else _HOMBRES
        chance = rng.random()
        nombre = rng.choice(names)
        if chance < 0.12:
            common = ("MARIA", "MARIA", "MA.") if sexo == "M" else ("JOSE", "JOSE", "J.")
            nombre = f"{rng.choice(common)} {nombre}"
        elif chance < 0.2 and sexo == "M":
            nombre = f"MARIA {rng.choice(('DEL CARMEN', 'DE LOS ANGELES', 'DE LA LUZ', 'DEL ROSARIO', 'DE JESÚS'))}"
        elif chance < 0.55:
            second = rng.choice(names)
            nombre = f"{nombre} {second}" if second != nombre else nombre
        paterno = rng.choice(_APELLIDOS)
        materno = rng.choice(_APELLIDOS) if rng.random() < 0.985 else None
        return nombre, paterno, materno

    def _homonimia(self, nacimiento: date) -> str:
        repeated = min(int(self._rng.expovariate(1.5)), 5)
        return str(repeated) if nacimiento.year < 2000 else "ABCDEF"[repeated]

    def _tipo_firma(self) -> TipoFirma:
        chance = self._rng.random()
        if chance < 0.80:
            return TipoFirma.RUBRICA
        if chance < 0.985:
            return TipoFirma.NOMBRE
        return TipoFirma.SIMBOLO if chance < 0.993 else TipoFirma.SIN_FIRMA

    def _unico(self, length: int, base: Literal["d", "x"]) -> str:
        """A code of `length` decimal (d) or hexadecimal (x) digits that was not given before."""
        while True:
            code = f"{self._rng.randrange((10 if base == 'd' else 16) ** length):0{length}{base}}"
            if code not in self._usados:
                self._usados.add(code)
                return code
