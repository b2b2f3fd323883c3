"""What librdkafka is told, from our settings and a file of its own properties.

See: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

from __future__ import annotations

import logging
from pathlib import Path

from ingest.settings import IngestSettings
from service.errors import UserError

#: What makes delivery at least once: nobody may change it.
_OURS = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "partition.assignment.strategy": "cooperative-sticky",
}
_DEFAULTS = {
    "auto.offset.reset": "earliest",
    # Fetched ahead of what is taken, of all partitions.
    "queued.max.messages.kbytes": 16 << 10,
    "fetch.message.max.bytes": 16 << 20,
}


class KafkaError(UserError):
    """A property that can't be used, or a library that is not there."""


def client_config(settings: IngestSettings) -> dict[str, object]:
    """Properties of the consumer. Raises KafkaError."""
    given = _read(settings.kafka_config) if settings.kafka_config else {}
    if taken := sorted(given.keys() & {*_OURS, "bootstrap.servers", "group.id"}):
        raise KafkaError(
            f"{settings.kafka_config}: {taken[0]} is not yours to set; take the line out"
            " (brokers and group are EVERYSPAN_KAFKA_BROKERS and EVERYSPAN_KAFKA_GROUP)"
        )
    return {
        **_DEFAULTS,
        **given,
        **_OURS,
        "bootstrap.servers": settings.kafka_brokers,
        "group.id": settings.kafka_group,
        "logger": logging.getLogger("ingest.kafka.librdkafka"),
    }


def _read(path: Path) -> dict[str, str]:
    """``name=value`` lines, ``#`` for comments, as Kafka's own .properties."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaError(f"EVERYSPAN_KAFKA_CONFIG: {path} can't be read: {error}") from error
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise KafkaError(f"{path}:{number}: '{name}' has no value; write name=value")
        found[name.strip()] = value.strip()
    return found
