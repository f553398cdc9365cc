"""Every metric of this service, declared once. None carries personal data."""

from prometheus_client import Counter

RECHAZOS = Counter("apoyo_portal_rechazos_total", "Requests that were refused, by reason", ["codigo"])
SIN_VERSE = Counter(
    "apoyo_portal_sin_verse_total", "Answers given before the projection showed the effect of the request"
)
REGISTRADOS = Counter("apoyo_portal_auxiliares_registrados_total", "Auxiliares registered by this process")
VERIFICADOS = Counter(
    "apoyo_portal_auxiliares_verificados_total", "Answers of the roll about auxiliares, by what follows", ["resultado"]
)
RENGLONES = Counter("apoyo_portal_renglones_total", "Rows of batches that are through, by how they ended", ["final"])
