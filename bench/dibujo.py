"""The cost of a registro, drawn: one bar for each measure, one colour for each process. Pure.

`python -m bench.dibujo "before=build/a.json" "after=build/b.json" > picture.svg` compares runs.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_COLORES = (
    "#4269d0",
    "#efb118",
    "#ff725c",
    "#6cc5b0",
    "#3ca951",
    "#a463f2",
    "#9c6b4e",
    "#97bbf5",
    "#9498a0",
    "#ff8ab7",
)
_ANCHO, _ALTO, _MARGEN = 760, 30, 190


def barras(titulo: str, medidas: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """An SVG. `medidas`: label and milliseconds of processor of each process, per registro."""
    procesos = sorted({p for _, cpu in medidas for p in cpu}, key=lambda p: -max(cpu.get(p, 0.0) for _, cpu in medidas))
    color = {p: _COLORES[n % len(_COLORES)] for n, p in enumerate(procesos)}
    escala = (_ANCHO - _MARGEN - 60) / max(sum(cpu.values()) for _, cpu in medidas)
    partes = [_texto(8, 22, titulo, "bold")]
    for fila, (nombre, cpu) in enumerate(medidas):
        y, x = 38 + fila * (_ALTO + 8), float(_MARGEN)
        partes.append(_texto(_MARGEN - 8, y + 20, nombre, ancla="end"))
        for proceso in procesos:
            ancho = cpu.get(proceso, 0.0) * escala
            partes.append(
                f'<rect x="{x:.1f}" y="{y}" width="{ancho:.1f}" height="{_ALTO}" fill="{color[proceso]}">'
                f"<title>{escape(proceso)}: {cpu.get(proceso, 0.0):.1f} ms</title></rect>"
            )
            if ancho > 26:
                partes.append(_texto(x + ancho / 2, y + 20, f"{cpu[proceso]:.0f}", ancla="middle"))
            x += ancho
        partes.append(_texto(x + 6, y + 20, f"{sum(cpu.values()):.0f} ms"))
    base = 38 + len(medidas) * (_ALTO + 8) + 18
    for n, proceso in enumerate(procesos):
        x, y = 8 + 150 * (n % 5), base + 22 * (n // 5)
        partes.append(f'<rect x="{x}" y="{y - 11}" width="12" height="12" fill="{color[proceso]}"/>')
        partes.append(_texto(x + 18, y, proceso))
    alto = base + 22 * ((len(procesos) + 4) // 5)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_ANCHO} {alto}" font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(partes)}</svg>\n'
    )


def _texto(x: float, y: float, texto: str, peso: str = "normal", ancla: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{peso}" text-anchor="{ancla}">{escape(texto)}</text>'


def main() -> None:
    """Draw the end-to-end cost of each file given as `label=file` on the embedded log."""
    medidas = []
    for argumento in sys.argv[1:]:
        nombre, _, archivo = argumento.partition("=")
        cifras = json.loads(Path(archivo).read_text(encoding="utf-8"))
        medidas.append((nombre, cifras["embebida"]["end_to_end"]["cpu_ms"]))
    sys.stdout.write(barras("CPU por registro, de punta a punta", medidas))


if __name__ == "__main__":
    main()
