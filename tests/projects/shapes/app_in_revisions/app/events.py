"""Talks when it is imported, as application modules do."""

print("NOISE connecting to the message broker")


def publish(topic: str) -> None:
    print("NOISE published", topic)
