"""Reception: takes packages from devices and promises that they are durable (SPEC 5)."""
