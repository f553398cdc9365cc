"""Technical kernel: stream, outbox, documents, objects, sealing, settings, logs, metrics, web. It knows no electoral noun."""
