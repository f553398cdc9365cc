"""Metrics of mesa_control, each declared once. Labels are constants, never a person nor a folio."""

from prometheus_client import Counter, Gauge, Histogram

ASIGNACIONES = Counter(
    "apoyo_mesa_asignaciones_total", "Records handed to a person, by whether they were held already", ["tipo"]
)
DECISIONES = Counter("apoyo_mesa_decisiones_total", "Decisions made", ["resultado"])
RECHAZOS = Counter("apoyo_mesa_rechazos_total", "Orders refused, by reason", ["codigo"])
ILEGIBLES = Counter("apoyo_mesa_ilegibles_total", "Records passed over because they could not be opened")
REINTENTOS = Counter("apoyo_mesa_reintentos_total", "Retries of records in quarantine that people asked for")
CORRECCIONES = Counter("apoyo_mesa_correcciones_total", "Forms corrected from the image, by why", ["motivo"])
ACCESOS = Counter("apoyo_mesa_accesos_total", "Openings of data or of an image", ["que"])
PENDIENTES = Gauge("apoyo_mesa_pendientes", "Records that wait for a decision, by their term of review", ["plazo"])
ESPERA = Histogram(
    "apoyo_mesa_espera_segundos",
    "From reception to the first decision",
    buckets=(60, 600, 3600, 6 * 3600, 86400, 2 * 86400, 5 * 86400, 8 * 86400, 10 * 86400, 15 * 86400),
)
