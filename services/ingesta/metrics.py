"""Every metric of ingesta, declared once.

`outcome`: `recibido`, `repetido`, `abierto`, `cerrado`, a code of README.md's table, or `error` (an engine that failed).
"""

from prometheus_client import Counter, Histogram

RECORDS = Counter("apoyo_ingesta_records_total", "Packages that devices sent, by outcome", ["outcome"])
ENVIOS = Counter("apoyo_ingesta_envios_total", "Envíos that devices opened or closed, by outcome", ["outcome"])
PACKAGE_BYTES = Histogram(
    "apoyo_ingesta_package_bytes",
    "Size of the packages received",
    buckets=(50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 4_194_304),
)
RECEIVE_SECONDS = Histogram(
    "apoyo_ingesta_receive_seconds",
    "From the whole body to the durable receipt",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
