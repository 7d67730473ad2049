"""Words for a status."""

import pytest

from recommendations.errors import InvalidRow
from recommendations.validation.status_words import _find_event, _find_user, event_status, user_status

OPENING = [(event_status, "open"), (user_status, "active")]


@pytest.mark.parametrize(("status_of", "word"), OPENING)
def test_the_beginning_of_a_long_text_is_no_word(status_of, word):
    with pytest.raises(InvalidRow, match="status"):
        status_of(word + " " * 96 + "suspended")


@pytest.mark.parametrize(("status_of", "word"), OPENING)
def test_long_texts_do_not_fill_the_memory(status_of, word):
    before = _find_event.cache_info().currsize + _find_user.cache_info().currsize
    with pytest.raises(InvalidRow):
        status_of("x" * 200_000)
    assert _find_event.cache_info().currsize + _find_user.cache_info().currsize == before


@pytest.mark.parametrize(("status_of", "word"), OPENING)
def test_an_own_word_is_read_up_to_a_hundred_characters(status_of, word):
    assert status_of("x" * 100, {"x" * 100: word.upper()}) == word.upper()
    with pytest.raises(InvalidRow):
        status_of("x" * 101, {"x" * 101: word.upper()})


@pytest.mark.parametrize(("status_of", "word"), OPENING)
def test_an_unknown_word_is_reported_with_the_option_for_own_words(status_of, word):
    with pytest.raises(InvalidRow, match=f"must be one of .*{word.upper()}.* option status_words"):
        status_of("verlegt")
