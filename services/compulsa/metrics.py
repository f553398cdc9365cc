"""Every metric of compulsa, declared once."""

from prometheus_client import Counter, Gauge

LOOKUPS = Counter("apoyo_compulsa_lookups_total", "Lookups of a record in the roll, by what they gave", ["situacion"])
LOOKUP_DISCREPANCIES = Counter(
    "apoyo_compulsa_discrepancies_total", "Identifiers of a record that disagreed with the roll", ["identificador"]
)
PENDING = Gauge("apoyo_compulsa_pending", "Records whose cut is not loaded (any above zero is an alarm)")
PORTAL_LOOKUPS = Counter(
    "apoyo_compulsa_portal_lookups_total",
    "Lookups that the portal asked for, by what they gave; llave_destruida: nobody can read them any more",
    ["situacion"],
)
PORTAL_PENDING = Gauge(
    "apoyo_compulsa_portal_lookups_pending",
    "Lookups of the portal that wait because no cut is loaded (any above zero is an alarm)",
)
PERSONS = Counter("apoyo_compulsa_persons_total", "Persons with a first record without inconsistency")
VERDICTS = Counter("apoyo_compulsa_verdicts_total", "Verdicts on a person's records", ["duplicado"])
