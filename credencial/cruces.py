"""Cross-checks among the form, the services QR, the MRZ, the barcode, the CURP and the clave de elector (SPEC 6).

They help the reviewer and never decide. A finding is as sure as the rule that it rests on. An `alerta` rests on an official text
or on arithmetic (layout and check digits of the MRZ, check digit of the CURP), on two readings of one and the same code, or on the
dates and sex that CURP, clave and MRZ all carry. What secondary sources say (formats of clave, CURP, CIC and OCR; letters of
names; states; what QR and barcodes hold) or nobody confirms (the composite digit) is an `advertencia`.

No finding carries personal data: only names of fields, and positions from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from credencial import claves, codigos, curp, entidades, modelos, mrz

Severidad = Literal["alerta", "advertencia"]


@dataclass(frozen=True, slots=True)
class DatosCredencial:
    """What is compared. `lectura_*`: texts read by machine, None when nothing was read."""

    modelo: str
    clave_elector: str
    nombre: str
    primer_apellido: str
    segundo_apellido: str | None = None
    numero_emision: str | None = None
    cic: str | None = None
    ocr: str | None = None
    curp: str | None = None
    lectura_qr: str | None = None
    lectura_codigo_barras: str | None = None
    lectura_mrz: str | None = None
    lectura_ocr: str | None = None


@dataclass(frozen=True, slots=True)
class Hallazgo:
    """A disagreement. `codigo`: constant word. `inciso`: of SPEC 7's catalogue, the one it serves. `detalle`: fields, positions."""

    codigo: str
    severidad: Severidad
    inciso: str
    detalle: str


def revisar_datos(datos: DatosCredencial) -> list[Hallazgo]:
    """Every disagreement found, in a fixed order. Never raises: what cannot be read is itself a finding."""
    return [*_formulario(datos), *_curp(datos), *_mrz(datos), *_qr(datos), *_entre_lecturas(datos), *_barras(datos)]


def _formulario(d: DatosCredencial) -> Iterator[Hallazgo]:
    try:
        clave = claves.leer_clave(d.clave_elector)
    except claves.ClaveInvalida:
        yield Hallazgo("clave_formato", "advertencia", "f", "clave_elector")
    else:
        if not clave.fecha_posible:
            yield Hallazgo("clave_fecha", "advertencia", "f", "clave_elector 7-12")
        if clave.letras not in claves.prefijos(d.nombre, d.primer_apellido, d.segundo_apellido):
            yield Hallazgo("clave_nombre", "advertencia", "n", "clave_elector 1-6, nombre")
    if d.cic is not None and not codigos.es_cic(d.cic):
        yield Hallazgo("cic_formato", "advertencia", "f", "cic")
    if d.ocr is not None and not _es_ocr(d.ocr):
        yield Hallazgo("ocr_formato", "advertencia", "f", "ocr")
    model = modelos.modelo(d.modelo)
    if model.conocido:
        readings = (
            ("mrz", d.lectura_mrz, {modelos.Codigo.MRZ}),
            ("codigo_barras", d.lectura_codigo_barras, {modelos.Codigo.BARRAS, modelos.Codigo.PDF417}),
        )
        for name, text, carriers in readings:
            if text and not carriers & model.codigos:
                yield Hallazgo("modelo_codigos", "advertencia", "n", f"modelo, {name}")


def _curp(d: DatosCredencial) -> Iterator[Hallazgo]:
    if d.curp is None:
        return
    try:
        read = curp.leer_curp(d.curp)
    except curp.CurpInvalida:
        yield Hallazgo("curp_formato", "advertencia", "f", "curp")
        return
    if not read.digito_correcto:
        yield Hallazgo("curp_digito", "alerta", "n", "curp 18")
    if not read.fecha_posible:
        yield Hallazgo("curp_fecha", "advertencia", "n", "curp 5-10, 17")
    names = d.nombre, d.primer_apellido, d.segundo_apellido
    if (read.letras, read.consonantes) != (curp.letras_iniciales(*names), curp.consonantes(*names)):
        yield Hallazgo("curp_nombre", "advertencia", "n", "curp 1-4, 14-16, nombre")
    try:
        clave = claves.leer_clave(d.clave_elector)
    except claves.ClaveInvalida:
        return
    if clave.nacimiento != read.nacimiento:
        yield Hallazgo("curp_clave_fecha", "alerta", "n", "curp 5-10, clave_elector 7-12")
    if clave.sexo != read.sexo:
        yield Hallazgo("curp_clave_sexo", "alerta", "n", "curp 11, clave_elector 15")
    if entidades.POR_NUMERO[clave.entidad].letras != read.entidad:
        yield Hallazgo("curp_clave_entidad", "advertencia", "n", "curp 12-13, clave_elector 13-14")
    if clave.letras in claves.prefijos(d.nombre, d.primer_apellido, d.segundo_apellido):
        return  # the clave may skip José or María where the CURP does not, or the other way round
    pairs = ((1, 1), (2, 14), (3, 3), (4, 15), (5, 4), (6, 16))
    different = [str(c) for c, k in pairs if clave.letras[c - 1] != d.curp[k - 1]]
    if different:
        yield Hallazgo("curp_clave_letras", "advertencia", "n", f"clave_elector {', '.join(different)}; curp")


def _mrz(d: DatosCredencial) -> Iterator[Hallazgo]:
    if d.lectura_mrz is None:
        return
    try:
        read = mrz.leer_mrz(d.lectura_mrz)
    except mrz.MrzInvalida as error:
        # Of a model that is not known, nothing is.
        unsure: Severidad = "alerta" if modelos.Codigo.MRZ in modelos.modelo(d.modelo).codigos else "advertencia"
        yield Hallazgo("mrz_formato", unsure, "f", f"mrz línea {error.linea}" if error.linea else "mrz")
        return
    for failing in read.digitos_incorrectos:
        # What the composite digit covers is not confirmed.
        severity: Severidad = "advertencia" if failing == "compuesto" else "alerta"
        yield Hallazgo("mrz_digito", severity, "n", f"mrz, dígito de {failing}")
    for name, form, said in (
        ("cic", d.cic, read.cic),
        ("ocr", d.ocr, read.ocr),
        ("numero_emision", d.numero_emision, read.numero_emision),
    ):
        if form is not None and form != said:
            yield Hallazgo(f"mrz_{name}", "alerta", "c", f"mrz, {name}")
    try:
        clave = claves.leer_clave(d.clave_elector)
    except claves.ClaveInvalida:
        clave = None
    if clave and clave.nacimiento != read.nacimiento:
        yield Hallazgo("mrz_nacimiento", "alerta", "c", "mrz, clave_elector 7-12")
    if clave and read.sexo != "X" and clave.sexo != read.sexo:
        yield Hallazgo("mrz_sexo", "alerta", "c", "mrz, clave_elector 15")
    names = d.nombre, d.primer_apellido, d.segundo_apellido
    if read.nombres_linea != mrz.linea_de_nombres(*names):
        # How the zone writes other signs than letters is not said.
        plain = all(c.isalpha() or c.isspace() for name in names if name for c in name)
        yield Hallazgo("mrz_nombre", "alerta" if plain else "advertencia", "c", "mrz línea 3, nombre")
    for name, date_ in (("nacimiento", read.nacimiento), ("vencimiento", read.vencimiento)):
        if not claves.fecha_posible(date_):
            yield Hallazgo("mrz_fecha", "alerta", "n", f"mrz, {name}")
    if not read.vencimiento.endswith("1231"):
        yield Hallazgo("mrz_vigencia", "advertencia", "n", "mrz, vencimiento")


def _qr(d: DatosCredencial) -> Iterator[Hallazgo]:
    read = codigos.leer_qr(d.lectura_qr) if d.lectura_qr else None
    if read is None:  # a short or generic form says nothing
        return
    if d.ocr is not None and d.ocr != read.ocr:
        yield Hallazgo("qr_ocr", "advertencia", "c", "qr, ocr")
    if d.cic is not None and d.cic != read.cic:
        yield Hallazgo("qr_cic", "advertencia", "c", "qr, cic")
    if d.numero_emision is not None and d.numero_emision != read.numero_emision:
        yield Hallazgo("qr_numero_emision", "advertencia", "c", "qr, numero_emision")


def _entre_lecturas(d: DatosCredencial) -> Iterator[Hallazgo]:
    """QR and MRZ are on the same side of the same card: a difference means that something was put over it."""
    qr = codigos.leer_qr(d.lectura_qr) if d.lectura_qr else None
    if qr is None or d.lectura_mrz is None:
        return
    try:
        zone = mrz.leer_mrz(d.lectura_mrz)
    except mrz.MrzInvalida:
        return
    if (qr.cic, qr.ocr) != (zone.cic, zone.ocr):
        yield Hallazgo("qr_mrz", "advertencia", "n", "qr, mrz")


def _barras(d: DatosCredencial) -> Iterator[Hallazgo]:
    if d.lectura_codigo_barras is not None:
        cics, ocrs = codigos.identificadores_en(d.lectura_codigo_barras)
        if d.cic is not None and cics and d.cic not in cics:
            yield Hallazgo("barras_cic", "advertencia", "c", "codigo_barras, cic")
        if d.ocr is not None and ocrs and d.ocr not in ocrs:
            yield Hallazgo("barras_ocr", "advertencia", "c", "codigo_barras, ocr")
    if d.lectura_ocr is not None and d.ocr is not None and "".join(d.lectura_ocr.split()) != d.ocr:
        yield Hallazgo("lectura_ocr", "alerta", "c", "lectura de ocr, ocr")


def _es_ocr(texto: str) -> bool:
    try:
        codigos.leer_ocr(texto)
    except codigos.CodigoInvalido:
        return False
    return True
