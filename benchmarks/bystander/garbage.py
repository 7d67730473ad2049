"""Sends garbage endlessly: `python -m benchmarks.bystander.garbage SERVERS CASINO`. Every other message has no
casino."""

import sys
import time

from confluent_kafka import Producer

RATE = 1_000  # messages a second
TICK_SECONDS = 0.01
TOPIC = "users"


def main() -> None:
    servers, casino_id = sys.argv[1:]
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 5})
    began, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * RATE)
        for number in range(sent, due):
            producer.produce(TOPIC, b"{", headers={"casino_id": casino_id} if number % 2 else {})
        sent = due
        producer.poll(TICK_SECONDS)
        time.sleep(TICK_SECONDS)


if __name__ == "__main__":
    main()
