"""The embedded broker: librdkafka's own mock cluster, which comes with confluent_kafka.

It speaks the real protocol over a real socket, to several processes and consumer groups, but keeps messages in memory
only. It is driven through librdkafka's C functions (rdkafka_mock.h), which let us choose the number of partitions.
"""

import ctypes
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import confluent_kafka
from django.conf import settings

from ingestion.errors import BrokerUnavailable


def running_embedded_broker() -> str | None:
    """The address of this installation's embedded broker; None if none runs (the file of a killed one is ignored)."""
    try:
        servers: str = json.loads(Path(settings.EMBEDDED_BROKER_FILE).read_text())["bootstrap_servers"]
        host, port = servers.rsplit(":", 1)
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return None
    return servers


@contextmanager
def announced(broker: "EmbeddedBroker") -> Iterator[None]:
    """Write the broker's address to `EMBEDDED_BROKER_FILE`, for this installation's other processes."""
    path = Path(settings.EMBEDDED_BROKER_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"bootstrap_servers": broker.bootstrap_servers}))
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


class EmbeddedBroker:
    """A mock cluster of one broker on a free loopback port. A context manager."""

    def __init__(self) -> None:
        self._lib = load_librdkafka()
        self._client: Any = None
        self._cluster: Any = None

    def __enter__(self) -> "EmbeddedBroker":
        error = ctypes.create_string_buffer(512)
        conf = self._lib.rd_kafka_conf_new()
        self._lib.rd_kafka_conf_set(conf, b"log_level", b"3", error, len(error))
        self._client = self._lib.rd_kafka_new(_PRODUCER, conf, error, len(error))
        self._cluster = self._client and self._lib.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            reason = error.value.decode() or "no reason given"
            raise BrokerUnavailable(
                f"The embedded broker did not start: {reason}. Set KAFKA_BOOTSTRAP_SERVERS to use another broker."
            )
        self._call(self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms, 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._lib.rd_kafka_mock_cluster_destroy)
        self._lib.rd_kafka_destroy(self._client)

    @property
    def bootstrap_servers(self) -> str:
        servers: bytes = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return servers.decode()

    def create_topic(self, name: str, partitions: int) -> None:
        code = self._call(self._lib.rd_kafka_mock_topic_create, name.encode(), partitions, 1)
        if code != 0:
            raise BrokerUnavailable(f"The embedded broker refused the topic {name} (code {code})")

    def _call(self, function: Any, *arguments: Any) -> Any:
        """Call a function of the mock cluster. After calls without a pause, the cluster may process one only a second
        later."""
        time.sleep(_PAUSE_SECONDS)
        return function(self._cluster, *arguments)


_PRODUCER = 0  # rd_kafka_type_t; any client can have a mock cluster
_PAUSE_SECONDS = 0.005

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_conf_new": (ctypes.c_void_p, []),
    "rd_kafka_conf_set": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t],
    ),
    "rd_kafka_new": (ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "rd_kafka_destroy": (None, [ctypes.c_void_p]),
    "rd_kafka_mock_cluster_new": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
    "rd_kafka_mock_cluster_destroy": (None, [ctypes.c_void_p]),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, [ctypes.c_void_p]),
    "rd_kafka_mock_topic_create": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [ctypes.c_void_p, ctypes.c_int32]),
}


def load_librdkafka() -> ctypes.CDLL:
    """The librdkafka of confluent_kafka's wheel."""
    package = Path(confluent_kafka.__file__).parent
    candidates = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    if not candidates:
        raise BrokerUnavailable("confluent_kafka's wheel contains no librdkafka here: set KAFKA_BOOTSTRAP_SERVERS")
    library = ctypes.CDLL(str(candidates[0]))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
