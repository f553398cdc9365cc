"""Every metric of this service, declared once. None carries personal data."""

from prometheus_client import Counter, Gauge, Histogram

DESCUADRES = Counter(
    "apoyo_resultados_descuadres_total",
    "Totals whose statuses did not add up to the records received: must stay 0 (SPEC 8)",
    ["proceso"],
)
RECIBIDOS = Gauge("apoyo_resultados_recibidos", "Records received, as the projection has them", ["proceso"])
PAQUETES = Gauge(
    "apoyo_resultados_paquetes",
    "Of the records received: opened, in quarantine (apart: of what is destroyed by order), neither yet. They add up to recibidos",
    ["proceso", "apertura"],
)
DIVERGENTES = Counter(
    "apoyo_resultados_divergentes_total", "Events that repeat the version in force with other content", ["topic"]
)
TOTALES_SEGUNDOS = Histogram(
    "apoyo_resultados_totales_seconds",
    "Time to compute the totals of a process",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ESPECTADORES = Gauge("apoyo_resultados_espectadores", "Open streams of live totals")
