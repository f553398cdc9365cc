"""Which partition a key lands in: the rule of Kafka's own clients, so that both engines agree."""

from aiokafka.partitioner import murmur2


def partition_of(key: str, partitions: int) -> int:
    """Partition, 0 to `partitions` - 1, of the key's UTF-8 bytes: toPositive(murmur2) modulo the count."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
