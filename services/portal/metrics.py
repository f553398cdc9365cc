"""Every metric of this service, declared once. None carries personal data."""

from prometheus_client import Counter

RECHAZOS = Counter("apoyo_portal_rechazos_total", "Requests that were refused, by reason", ["codigo"])
SIN_VERSE = Counter(
    "apoyo_portal_sin_verse_total", "Answers given before the projection showed the effect of the request"
)
