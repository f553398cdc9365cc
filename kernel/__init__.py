"""Technical kernel: stream, outbox, documents, objects, sealing, settings, logs, metrics, web. It knows no electoral noun."""

import gc

GC_AT_WORK = gc.get_threshold()
"""How often garbage is looked for once a process works (`kernel.service`)."""

# While modules are imported there is none, and to look through them again and again is a quarter of the time of a start.
gc.set_threshold(50_000)
