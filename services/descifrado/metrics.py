"""Every metric of descifrado, declared once. `outcome`: `abierto`, or the reason of the quarantine."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("apoyo_descifrado_records_total", "Records handled, by outcome", ["outcome"])
OPEN_SECONDS = Histogram(
    "apoyo_descifrado_open_seconds",
    "Compute of one record: open, check, decode, examine",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
ALERTS = Counter("apoyo_descifrado_alerts_total", "Alerts of opened records, by code", ["alert"])
FAILED_MEASURES = Counter("apoyo_descifrado_failed_measures_total", "Measures that raised, by alert", ["alert"])
DESTRUCTIONS_PENDING = Gauge("apoyo_descifrado_destructions_pending", "Orders to destroy that are not carried out yet")
PACKAGES_DELETED = Counter("apoyo_descifrado_packages_deleted_total", "Raw packages deleted after their grace")
PACKAGES_OVERDUE = Gauge("apoyo_descifrado_packages_overdue", "Opened packages whose grace has passed, not deleted yet")
