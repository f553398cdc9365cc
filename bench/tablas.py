"""The figures of a run as tables. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

METAS = {
    "registros_per_s": 30.0,
    "ratio_to_floor": 0.35,
    "rebuild": 10_000.0,
    "growth": 0.15,
    "descifrado": 60.0,
    "descifrado_times_floor": 2.0,
    "next_record_p95_ms": 100.0,
    "claim_times_floor": 5.0,
}
"""What we want to reach (two cores, every engine on them)."""

LOGS = {"embebida": "bitácora embebida", "kafka": "Kafka"}


def tablas(cifras: Mapping[str, Any]) -> Iterator[Table]:
    """Of the sections that were run."""
    medidas = {LOGS[nombre]: cifras[nombre] for nombre in LOGS if nombre in cifras}
    if medidas or {"rebuild", "growth", "descifrado"} & cifras.keys():
        yield _resumen(medidas, cifras)
    if medidas:
        yield _por_proceso(medidas)
    if "growth" in cifras:
        yield _crecimiento(cifras["growth"])
    if "examen" in cifras:
        yield _examen(cifras["examen"])
    if "por_pendientes" in cifras.get("mesa", {}):
        yield _mesa(cifras["mesa"])
    if "huellas" in cifras:
        yield _halladas(cifras["huellas"])
        yield _busquedas(cifras["huellas"])
        yield _halladas_en_el_motor(cifras["huellas"])
    if "next_record_p95_ms" in cifras.get("mesa", {}):
        yield _pagina(cifras["mesa"])


def crecimiento(filas: Sequence[Mapping[str, Any]]) -> float:
    """How much dearer a registro is with the most state than with the least: 0.1 is 10 %."""
    return float(filas[-1]["cpu_ms_per_registro"] / filas[0]["cpu_ms_per_registro"] - 1)


def _resumen(medidas: Mapping[str, Any], cifras: Mapping[str, Any]) -> Table:
    table = _tabla(f"Rendimiento ({cifras['nucleos']} núcleos, documentos: {cifras['documentos']})", "Medida")
    table.add_column("Meta", justify="right")
    for nombre in medidas:
        table.add_column(nombre, justify="right")
    renglones = (
        (
            "Registros por segundo, de punta a punta",
            f"≥ {METAS['registros_per_s']:.0f}",
            "end_to_end",
            "registros_per_s",
            ".1f",
        ),
        ("Piso: registros por segundo de las primitivas", "", "floor", "registros_per_s", ".1f"),
        ("Razón al piso", f"≥ {METAS['ratio_to_floor']:.2f}", "end_to_end", "ratio_to_floor", ".2f"),
        ("CPU por registro, ms", "", "end_to_end", "cpu_ms_per_registro", ".0f"),
        ("Acuse a media carga, p50 ms", "", "ack", "p50_ms", ".0f"),
        ("Acuse a media carga, p99 ms", "", "ack", "p99_ms", ".0f"),
    )
    for texto, meta, grupo, campo, formato in renglones if medidas else ():
        table.add_row(texto, meta, *(format(m[grupo][campo], formato) for m in medidas.values()))
    vacias = [""] * max(0, len(medidas) - 1)
    if not medidas:
        table.add_column("", justify="right")
    if "rebuild" in cifras:
        valor = f"{cifras['rebuild']['events_per_s']:,.0f}"
        table.add_row("Reconstrucción, eventos por segundo", f"≥ {METAS['rebuild']:,.0f}", valor, *vacias)
    if "growth" in cifras and len(cifras["growth"]) > 1:
        valor = f"{crecimiento(cifras['growth']):+.0%}"
        table.add_row("Costo al crecer el estado", f"≤ {METAS['growth']:+.0%}", valor, *vacias)
    if "descifrado" in cifras:
        etapa = cifras["descifrado"]
        table.add_row(
            "Descifrado solo, registros por segundo",
            f"≥ {METAS['descifrado']:.0f}",
            f"{etapa['registros_per_s']:.1f}",
            *vacias,
        )
        table.add_row(
            "Descifrado solo, veces el piso",
            f"≤ {METAS['descifrado_times_floor']:.1f}",
            f"{etapa['times_floor']:.2f}",
            *vacias,
        )
    return table


def _por_proceso(medidas: Mapping[str, Any]) -> Table:
    table = _tabla("CPU por registro, ms (en reposo, % de un núcleo)", "Proceso")
    procesos: dict[str, None] = {}
    for nombre, m in medidas.items():
        table.add_column(nombre, justify="right")
        procesos |= dict.fromkeys(m["end_to_end"]["cpu_ms"])
    for proceso in procesos:
        celdas = []
        for m in medidas.values():
            ms = m["end_to_end"]["cpu_ms"].get(proceso)
            celdas.append("" if ms is None else f"{ms:.1f} ({m['idle_percent'].get(proceso, 0.0):.1f})")
        table.add_row(proceso, *celdas)
    return table


def _pagina(mesa: Mapping[str, Any]) -> Table:
    meta = f"meta: p95 ≤ {METAS['next_record_p95_ms']:.0f}; fue {mesa['next_record_p95_ms']:.0f}"
    table = _tabla(f"De la tecla al siguiente registro, ms, con {mesa['network_delay_ms']} ms de red ({meta})", "Paso")
    for nombre in ("p50", "p95", "máximo"):
        table.add_column(nombre, justify="right")
    for paso, nombre in (
        ("paced", "una decisión cada 2 s"),
        ("bursts", "ráfagas de cinco"),
        ("floor", "piso: una tecla que nada hace"),
    ):
        table.add_row(nombre, *(f"{mesa[paso][c]:.0f}" for c in ("p50_ms", "p95_ms", "max_ms")))
    return table


def _crecimiento(filas: Sequence[Mapping[str, Any]]) -> Table:
    table = _tabla("Costo de un registro según lo ya guardado", "Guardados")
    for nombre in ("CPU ms", "razón", "registros/s"):
        table.add_column(nombre, justify="right")
    for fila in filas:
        razon = fila["cpu_ms_per_registro"] / filas[0]["cpu_ms_per_registro"]
        table.add_row(
            f"{fila['registros']:,}",
            f"{fila['cpu_ms_per_registro']:.0f}",
            f"{razon:.2f}",
            f"{fila['registros_per_s']:.1f}",
        )
    return table


def _halladas(cifras: Mapping[str, Any]) -> Table:
    entre = cifras["entre_registros"]
    titulo = (
        f"Imágenes repetidas, semilla {cifras['semilla']}, umbral {cifras['umbral']:g}; "
        f"{cifras['ms_por_registro']:.1f} ms de CPU por registro\n"
        f"Alertas entre {entre['pares']:,} pares de distintas personas: {entre['alertas']}; "
        f"entre {entre['pares_honestos']} de la misma: {entre['alertas_honestas']}\n"
        f"Candidatos por búsqueda entre un millón: {entre['candidatos_entre_un_millon']:.0f} por los pares, "
        f"{cifras['un_millon']['candidatos_por_busqueda']:.2f} con signos al azar"
    )
    return _por_parte(titulo, cifras["halladas"])


def _por_parte(titulo: str, halladas: Mapping[str, Mapping[str, float]]) -> Table:
    partes = ("anverso", "reverso", "foto", "firma")
    table = _tabla(titulo, "Halladas")
    for parte in partes:
        table.add_column(parte, justify="right")
    for que, por_parte in halladas.items():
        table.add_row(que, *(f"{por_parte[parte]:.2f}" if parte in por_parte else "" for parte in partes))
    return table


def _busquedas(cifras: Mapping[str, Any]) -> Table:
    motor = cifras["motor"]
    table = _tabla("Guardar y buscar las huellas de un registro", "Guardados")
    for nombre in ("ms", "p95 ms", "CPU ms", "CPU del motor, ms", "sembrar uno, ms"):
        table.add_column(nombre, justify="right")
    for fila in [*motor["por_guardados"], motor["con_candidatos"]]:
        guardados = f"{fila['guardados']:,}" if "guardados" in fila else "con candidatos"
        medidas = (fila.get(que) for que in ("ms", "p95_ms", "cpu_ms", "cpu_del_motor_ms", "sembrar_del_motor_ms"))
        table.add_row(guardados, *("" if medida is None else f"{medida:.1f}" for medida in medidas))
    return table


def _halladas_en_el_motor(cifras: Mapping[str, Any]) -> Table:
    motor = cifras["motor"]
    return _por_parte(f"Halladas entre {motor['por_guardados'][-1]['guardados']:,} guardados", motor["halladas"])


def _examen(cifras: Mapping[str, Any]) -> Table:
    ms = cifras["ms_por_expediente"]
    titulo = (
        f"Alertas de las imágenes, semilla {cifras['semilla']}; ✗: no alcanza la meta de {cifras['meta']:.2f}\n"
        f"Por expediente: {ms['decodificar']:.1f} ms de decodificar y {ms['examinar']:.1f} de examinar"
    )
    table = _tabla(titulo, "Alerta")
    table.box = None  # it fits 80 columns
    table.columns[0].no_wrap = True
    table.add_column("Inc.")
    for nombre in ("Umbral", "Prec.", "Exhaust.", "Sí", "No"):
        table.add_column(nombre, justify="right")
    table.add_column("Estado")
    for codigo, fila in cifras["alertas"].items():
        alcanza = min(fila["precision"], fila["exhaustividad"]) >= cifras["meta"]
        estado = "encendida" if fila["encendida"] else "apagada"
        table.add_row(
            codigo,
            fila["inciso"],
            f"{fila['umbral']:g}",
            f"{fila['precision']:.3f}",
            f"{fila['exhaustividad']:.3f}",
            str(fila["positivas"]),
            str(fila["negativas"]),
            estado if alcanza else f"{estado} ✗",
        )
    return table


def _tabla(titulo: str, primera: str) -> Table:
    table = Table(title=titulo, title_justify="left")
    table.add_column(primera)
    return table


def _mesa(cifras: Mapping[str, Any]) -> Table:
    table = _tabla(f"Mesa de Control: reclamar y decidir, {cifras['personas']} personas a la vez", "Pendientes")
    for columna in (
        "Pares por segundo",
        "p50 ms",
        "p95 ms",
        "Reclamo, p95 ms",
        "Escrituras por segundo",
        "Veces el piso",
    ):
        table.add_column(columna, justify="right")
    for fila in cifras["por_pendientes"]:
        table.add_row(
            f"{fila['pendientes']:,}",
            f"{fila['pares_por_s']:.0f}",
            f"{fila['p50_ms']:.0f}",
            f"{fila['p95_ms']:.0f}",
            f"{fila['claim_p95_ms']:.0f}",
            f"{fila['escrituras_por_s']:.0f}",
            f"{fila['times_floor']:.1f}",
        )
    table.add_row("Meta", "", "", "", "", "", f"≤ {METAS['claim_times_floor']:.0f}")
    return table
