"""Every metric of this service, declared once. None carries personal data."""

from prometheus_client import Counter, Histogram

ACUSES = Counter(
    "apoyo_notificaciones_acuses_total",
    "Receipts settled, by outcome: enviado, rechazado (the address was refused for good), sin_destinatario (its key is destroyed)",
    ["desenlace"],
)
SIN_ABRIR = Counter(
    "apoyo_notificaciones_sin_abrir_total",
    "Records listed without CIC/OCR though they were opened by descifrado",
    ["motivo"],
)
DEMORA = Histogram(
    "apoyo_notificaciones_demora_seconds",
    "From the closing of an envío to its receipt going out",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)
