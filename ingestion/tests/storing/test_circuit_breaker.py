"""The circuit breaker of unavailable databases."""

from ingestion.storing.circuit_breaker import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, CircuitBreaker


def backoff(breaker, casino_id):
    """The casino's back-off, without jitter."""
    return breaker._outages[casino_id].backoff_seconds


def test_circuit_of_an_unavailable_casino_is_open_and_the_others_are_closed():
    breaker = CircuitBreaker()
    breaker.record_failure(1, "disk full")
    assert (breaker.is_open(1), breaker.is_open(2), len(breaker)) == (True, False, 1)
    assert (breaker.reason(1), breaker.reason(2)) == ("disk full", "earlier messages are still parked")


def test_backoff_doubles_up_to_its_maximum_and_restarts_after_a_success():
    breaker = CircuitBreaker()
    backoffs = []
    for _ in range(8):
        breaker.record_failure(1, "unavailable")
        backoffs.append(backoff(breaker, 1))
    assert backoffs == [1, 2, 4, 8, 16, 30, 30, 30]
    assert backoffs[-1] == LAST_RETRY_SECONDS
    breaker.record_success(1)
    breaker.record_success(2)
    assert not breaker.is_open(1)
    breaker.record_failure(1, "unavailable")
    assert backoff(breaker, 1) == FIRST_RETRY_SECONDS


def test_casinos_whose_parked_messages_another_consumer_has_are_forgotten_when_they_may_be_tried_again():
    breaker = CircuitBreaker()
    for casino_id in (1, 2):
        breaker.record_pause(casino_id, "disk full", 0)
    breaker.record_failure(3, "too slow")  # its next messages are parked, although none are yet
    breaker.forget_unparked({1})
    assert breaker.describe() == "casino 1 are parked: disk full; of casino 3 are parked: too slow"
