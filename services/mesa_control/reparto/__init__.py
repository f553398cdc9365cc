"""Who reviews what and when: order of the queue, terms, assignment by the supervisor, search by folio (SPEC 7; P 13)."""
