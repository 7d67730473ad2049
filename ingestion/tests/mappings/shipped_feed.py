"""A casino that receives the sample documents of feeds, through the real validation into rows."""

from pathlib import Path
from typing import Any

from ingestion.mappings.reading import read_mapped
from ingestion.mappings.shipped import shipped_mapping
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.reading import DecodedMessage
from ingestion.storing.transaction import store_messages
from ingestion.tests.closing_messages import NOW
from ingestion.tests.decoded_messages import envelope_of
from ingestion.topics import TOPICS
from recommendations.models import Event
from tenants.models import Casino
from tenants.routing.connections import query
from tenants.routing.context import use_casino

ANSWERS = Path(__file__).parents[1] / "provider_answers"
_MARKETS = """
SELECT market || ' ' || line, outcomes, odds, status FROM markets JOIN market_lines ON market_lines.id = line_id
WHERE %s::bigint IS NULL OR event_id = %s
ORDER BY market, line
"""


class ShippedFeed:
    """Sends documents of feeds to a casino, a second apart, each read by a shipped mapping. `problem` is that of the
    last message that was rejected or stored in part."""

    problem = ""

    def __init__(self, casino: Casino) -> None:
        self._casino = casino
        self._sent = 0

    def send(self, mapping: str, answer: str, *edits: tuple[str, str]) -> list[str]:
        """The outcomes of the documents: the file, or each line of an NDJSON file. `edits` replace text in it."""
        text = (ANSWERS / answer).read_bytes().decode()
        for before, after in edits:
            assert before in text
            text = text.replace(before, after)
        documents = text.splitlines() if answer.endswith(".ndjson") else [text]
        return [self.send_document(mapping, each.encode()) for each in documents]

    def send_document(self, mapping: str, raw: bytes | None, key: bytes | None = None) -> str:
        found = shipped_mapping(mapping)
        topic = TOPICS[found.messages]
        self._sent += 1
        sent_at = round(NOW.timestamp() * 1_000) - 3_600_000 + self._sent * 1_000
        envelope = envelope_of(topic, raw, casino=self._casino.pk, offset=self._sent, sent_at=sent_at, key=key)
        message = DecodedMessage(envelope, read_mapped(found, topic, envelope, TimeBounds.at(NOW)))
        [result] = store_messages(topic, self._casino, [message], NOW, lambda rejected: None)
        self.problem = "" if result.rejection is None else result.rejection.detail
        return result.outcome

    def markets(self, event: int | None = None) -> dict[str, Any]:
        """Market line -> its odds by outcome if it is open, else its status; for all events without an `event`."""
        with use_casino(self._casino.current):
            rows = query(_MARKETS, [event, event])
        return {
            name.strip(): {outcome: odd / 1_000 for outcome, odd in zip(outcomes, odds, strict=True) if odd}
            if status == "open"
            else status
            for name, outcomes, odds, status in rows
        }

    def remove(self, mapping: str, key: bytes) -> str:
        return self.send_document(mapping, None, key)

    def rows(self, model: Any, *columns: str) -> list[tuple[Any, ...]]:
        with use_casino(self._casino.current):
            order = "begin_timestamp" if model is Event else "id"
            return list(model.objects.order_by(order, "id").values_list(*columns))
