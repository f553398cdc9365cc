"""Every metric of the kernel, declared once. Names and labels are constant; none carries personal data."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_HANDLED = Counter("apoyo_events_handled_total", "Events whose handler returned", ["topic", "event"])
EVENT_SECONDS = Histogram(
    "apoyo_event_seconds",
    "Time in the handler of one event",
    ["topic"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
EVENTS_PUBLISHED = Counter("apoyo_events_published_total", "Events published by the outbox", ["event"])
OUTBOX_RELAYED = Counter(
    "apoyo_outbox_relayed_total", "Events that a crash left unpublished, published by the relay", ["event"]
)
FOLDED_AGAIN = Counter(
    "apoyo_folded_again_total", "Events folded again one by one, because their batch was not surely written", ["topic"]
)
FOLLOW_REFUSED = Counter(
    "apoyo_follow_refused_total", "Events of a followed topic that do not fit their schema", ["topic"]
)
EVENTS_QUARANTINED = Counter(
    "apoyo_events_quarantined_total", "Events set aside because they cannot be read", ["topic"]
)
QUARANTINED_IN_A_ROW = Gauge(
    "apoyo_quarantined_in_a_row",
    "Events set aside without a good one in between, by earlier processes too. At APOYO_QUARANTINE_LIMIT the service ends at the "
    "next bad one, at every start, until an operator answers: apoyo quarantine list, then redrive or accept",
    ["group"],
)
READY = Gauge("apoyo_ready", "1 while the service is ready")
LOGINS = Counter(
    "apoyo_logins_total", "Logins that came back from an issuer, or could not go there", ["issuer", "outcome"]
)
