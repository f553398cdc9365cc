"""Every metric of this service, declared once. None carries personal data."""

from prometheus_client import Counter, Histogram

CORREOS = Counter(
    "apoyo_notificaciones_correos_total",
    "E-mails settled, by what for, and outcome: enviado, rechazado (the address was refused for good), sin_destinatario (there is "
    "no address, or its key is destroyed)",
    ["clase", "desenlace"],
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
