"""The texts of events whose ids are text: shared by an offer's snapshots, and dropped with events that are gone."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from recommendations.offer import EventTexts
from recommendations.tests.factories import OPEN, offer_of
from recommendations.validation.own_ids import FIRST_TEXT_ID, MAX_OWN_ID

A, B, GONE = FIRST_TEXT_ID, FIRST_TEXT_ID + 1, FIRST_TEXT_ID + 2


def offer(texts):
    numbered = offer_of({}, {}, {"end_timestamp": OPEN + timedelta(hours=5)})
    ids = np.array([7, A, B], dtype=np.int64)
    return replace(numbered, ids=ids, texts=texts, same_matches={7: frozenset({GONE, 5})})


def test_numbers_have_no_text_and_texts_that_nothing_has_are_left_out():
    texts = EventTexts({A: "a"})
    assert (texts.by_id[A], texts.by_id.get(7)) == ("a", None)
    assert texts.stored_ids([7, "a", "b"]) == {7, A}


def test_digits_above_the_own_ids_are_those_of_an_event_without_an_id_of_the_casino():
    assert EventTexts().stored_ids([str(MAX_OWN_ID + 8), str(FIRST_TEXT_ID)]) == {MAX_OWN_ID + 8}


def test_the_ids_that_stand_for_text_are_those_of_events_and_of_the_same_matches():
    assert set(offer(EventTexts()).text_ids()) == {A, B, GONE}
    assert list(offer_of({}, {}).text_ids()) == []


def test_trimming_drops_the_texts_of_events_that_are_gone():
    texts = EventTexts({A: "a", B: "b", GONE: "linked", B + 5: "no longer there"})
    trimmed = offer(texts).trimmed(OPEN + timedelta(hours=3))
    assert trimmed.ids.tolist() == [B]
    assert (trimmed.texts.by_id[B], trimmed.texts.by_id[GONE]) == ("b", "linked")
    assert not {A, B + 5} & trimmed.texts.by_id.keys()
    assert texts.by_id[A] == "a", "earlier snapshots keep theirs"


def test_texts_count_in_the_size_of_an_offer():
    assert offer(EventTexts({A: "a"})).nbytes > offer(EventTexts()).nbytes
    assert EventTexts().nbytes == 0
