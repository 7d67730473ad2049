"""Which casinos are away, and for how long they are left alone."""

from ingestion.storing.circuit_breaker import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, Availability


def pause(availability, casino_id):
    """For how long the casino is left alone, without what chance adds or takes."""
    return availability._outages[casino_id].seconds


def test_casino_that_is_away_is_left_alone_and_the_others_not():
    availability = Availability()
    availability.note_away(1, "disk full")
    assert (availability.is_away(1), availability.is_away(2), len(availability)) == (True, False, 1)
    assert (availability.reason(1), availability.reason(2)) == ("disk full", "messages before it wait")


def test_pause_doubles_up_to_its_longest_and_begins_anew_once_the_casino_was_back():
    availability = Availability()
    pauses = []
    for _ in range(8):
        availability.note_away(1, "away")
        pauses.append(pause(availability, 1))
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses[-1] == LAST_RETRY_SECONDS
    availability.note_back(1)
    availability.note_back(2)
    assert not availability.is_away(1)
    availability.note_away(1, "away")
    assert pause(availability, 1) == FIRST_RETRY_SECONDS
