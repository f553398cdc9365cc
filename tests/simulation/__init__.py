"""The six services in one process, in simulated time, under a scheduler seeded by one integer."""
