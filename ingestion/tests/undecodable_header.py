"""Sends a message with a header name that is not UTF-8, which confluent_kafka can't send."""

import ctypes

from ingestion.kafka.embedded_broker import load_librdkafka

_TOPIC, _PARTITION, _VALUE, _FLAGS, _HEADERS, _END, _COPY = (
    1,
    3,
    4,
    7,
    10,
    0,
    2,
)  # rd_kafka_vtype_t, RD_KAFKA_MSG_F_COPY


def send_with_unreadable_header(servers: str, topic: str, value: bytes, *, count: int) -> None:
    lib = load_librdkafka()
    lib.rd_kafka_headers_new.restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(512)
    conf = lib.rd_kafka_conf_new()
    lib.rd_kafka_conf_set(conf, b"bootstrap.servers", servers.encode(), error, len(error))
    lib.rd_kafka_conf_set(conf, b"log_level", b"3", error, len(error))
    client = ctypes.c_void_p(lib.rd_kafka_new(0, conf, error, len(error)))
    refused = [_produce(lib, client, topic, value) for _ in range(count)]
    undelivered = lib.rd_kafka_flush(client, ctypes.c_int(10_000))
    lib.rd_kafka_destroy(client)
    assert (sum(refused), undelivered) == (0, 0)


def _produce(lib: ctypes.CDLL, client: ctypes.c_void_p, topic: str, value: bytes) -> int:
    headers = ctypes.c_void_p(lib.rd_kafka_headers_new(ctypes.c_size_t(1)))
    name, casino = b"\xff\xfe", b"1"
    lib.rd_kafka_header_add(
        headers, name, ctypes.c_ssize_t(len(name)), ctypes.c_char_p(casino), ctypes.c_ssize_t(len(casino))
    )
    refused: int = lib.rd_kafka_producev(
        client,
        *(ctypes.c_int(_TOPIC), ctypes.c_char_p(topic.encode())),
        *(ctypes.c_int(_PARTITION), ctypes.c_int32(0)),
        *(ctypes.c_int(_VALUE), ctypes.c_char_p(value), ctypes.c_size_t(len(value))),
        *(ctypes.c_int(_FLAGS), ctypes.c_int(_COPY)),
        *(ctypes.c_int(_HEADERS), headers),
        ctypes.c_int(_END),
    )
    return refused
