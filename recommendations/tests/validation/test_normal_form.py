"""One text has one form, however it was typed and encoded."""

import sys
from unicodedata import category, normalize
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.validation.identity import event_key, former_user_keys, user_key
from recommendations.validation.normal_form import key_form, name_form, upper_form

FORMS = (name_form, upper_form, key_form)
ZOE = "Zoë"
INVISIBLE = [
    *("\u200b", "\u200d", "\u200c", "\ufeff", "\u00ad", "\u200e", "\u202e", "\u2066", "\u2060", "\u180e", "\ufe0f"),
    *("\u034f", "\u115f", "\u3164", "\uffa0", "\U000e0001", "\U000e0041"),
]
LETTERS = st.characters(exclude_categories=["Cs", "Cc"])
texts = st.text(
    LETTERS | st.sampled_from([*INVISIBLE, " ", "\u0301", "\u0308", "\u094d", "ß", "ı", "İ", "ſ"]), max_size=12
)


@pytest.mark.parametrize(
    ("given", "name", "upper"),
    [
        (normalize("NFD", ZOE), ZOE, "ZOË"),
        (" Bayern\u00a0 \u3000München ", "Bayern München", "BAYERN MÜNCHEN"),
        ("Liver\u200bpool\ufeff", "Liverpool", "LIVERPOOL"),
        ("Real\u00adMadrid", "RealMadrid", "REALMADRID"),
        ("\u202eArsenal\u202c", "Arsenal", "ARSENAL"),
        ("Zo\u200be\u0308", ZOE, "ZOË"),
        ("Å", "Å", "Å"),
        ("Ａｒｓｅｎａｌ", "Ａｒｓｅｎａｌ", "ARSENAL"),
        ("ｱﾋﾞｽﾊﾟ", "ｱﾋﾞｽﾊﾟ", "アビスパ"),
        ("Großaspach", "Großaspach", "GROSSASPACH"),
        ("GROẞASPACH", "GROẞASPACH", "GROSSASPACH"),
        ("ΐ", "ΐ", "Ϊ́"),
        ("2ª División", "2ª División", "2ª DIVISIÓN"),
        ("O´Higgins", "O´Higgins", "O´HIGGINS"),
        ("خونه\u200cبه\u200cخونه", "خونه\u200cبه\u200cخونه", "خونهبهخونه"),
        ("ශ්\u200dරී ලංකා", "ශ්\u200dරී ලංකා", "ශ්රී ලංකා"),
        ("A\u200cB\u200d", "AB", "AB"),
        ("\u200d\u200cخ\u200c", "خ", "خ"),
    ],
)
def test_text_has_the_form_in_which_it_is_stored(given, name, upper):
    assert name_form(given) == name
    assert upper_form(given) == upper


@pytest.mark.parametrize(
    "same",
    [
        (ZOE, normalize("NFD", ZOE), "zoë", "ZOË", "\u200bZoë\u200d", "Ｚｏë"),
        ("Fiorentina", "ﬁorentina", "FIORENTINA", "𝐅𝐢𝐨𝐫𝐞𝐧𝐭𝐢𝐧𝐚"),
        ("2ª LIGA", "2a liga", "2A  LIGA"),
        ("Straße", "STRASSE", "STRAẞE"),
        ("Ilıca", "ILICA"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", "Σίσυφοσ"),
        ("خونه\u200cبه", "خونهبه"),
    ],
)
def test_a_text_in_several_forms_has_one_key(same):
    assert len({key_form(each) for each in same}) == 1


@pytest.mark.parametrize("nothing", [*INVISIBLE, "", " ", "\u00a0", "\u2800", "\u2028", "\u200b \ufeff\u3000"])
def test_what_is_nothing_else_is_empty(nothing):
    assert [form(nothing) for form in FORMS] == [""] * 3


@pytest.mark.parametrize("other", ["Zoe", "Zoé", "Zo ë"])
def test_another_name_has_another_key(other):
    assert key_form(other) != key_form(ZOE)


@pytest.mark.covered
@given(texts)
def test_a_form_is_its_own_form(text):
    for form in FORMS:
        assert form(form(text)) == form(text)
    assert key_form(upper_form(text)) == key_form(text) == key_form(name_form(text))


@given(texts, st.sampled_from(INVISIBLE), st.integers(0, 12))
def test_each_way_to_encode_a_text_gives_one_form(text, invisible, place):
    variants = [normalize(form, text) for form in ("NFC", "NFD")]
    variants += [text[:place] + invisible + text[place:], f"\u00a0{text}\u2003"]
    assert {upper_form(each) for each in variants} == {upper_form(text)}
    assert {key_form(each) for each in (*variants, normalize("NFKC", text), text.upper())} == {key_form(text)}


@given(st.text(st.characters(max_codepoint=127), max_size=20))
def test_ascii_text_takes_a_fast_path_to_the_same_form(text):
    marked = text + " \u00e9"  # takes the normal path
    assert upper_form(text) == upper_form(marked).removesuffix("É").rstrip(" ")
    assert name_form(text) == name_form(marked).removesuffix("é").rstrip(" ")


@pytest.mark.exhaustive
def test_each_character_has_one_form():
    """Each after an e at a word's end: letters, marks and numbers many to a text, the others, which may matter at its
    end, alone."""
    every = [each for each in map(chr, range(sys.maxunicode + 1)) if category(each) not in ("Cn", "Co")]
    many = [each for each in every if category(each)[0] in "LMN"]
    texts = [f"e{each}" for each in every if category(each)[0] not in "LMN"]
    texts += [" ".join(f"e{each}" for each in many[place : place + 50]) for place in range(0, len(many), 50)]
    for text in texts:
        for form in FORMS:
            assert form(form(text)) == form(text)


def test_natural_keys_of_a_release_before_stay_for_events_and_find_erased_users():
    # as the release before computed them
    assert (
        str(event_key("FOOTBALL", "L", "A", "B", "2026-12-20T15:00:00+00:00")) == "309859a8-0336-58f8-9889-0103598c1aee"
    )
    assert former_user_keys("Ann", "Test", 1985, "england") == ("0ccacf33b04258c3b74284e0d157c29c",)
    for name in map(str, (uuid4() for _ in range(50))):
        namespace, parts = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11"), ("user", name, "Test", "1985", "ENGLAND")
        assert former_user_keys(name, "Test", 1985, "England") == (uuid5(namespace, "\x1f".join(parts)).hex,)
    composed, decomposed = (normalize(form, ZOE) for form in ("NFC", "NFD"))
    keys = {each: former_user_keys(each, "Test", 1985, "ENGLAND") for each in (composed, decomposed)}
    assert set(keys[composed]) == set(keys[decomposed])
    assert len(keys[composed]) == 2
    assert user_key(composed, "TEST", 1985, "England") == user_key(decomposed, "Test", 1985, "ENGLAND")


@pytest.mark.parametrize("form", FORMS)
def test_too_long_a_text_is_not_normalized(form):
    """These marks, which a request could have in its filters, would take an hour."""
    marks = "a" + "\u0301\u0316" * 500_000
    assert form(marks) == marks


@pytest.mark.parametrize("form", FORMS)
def test_a_letter_with_many_marks_is_normalized(form):
    assert form("a" + "\u0316\u0301" * 400) == form("\u00e1" + "\u0316" * 400 + "\u0301" * 399)


@pytest.mark.parametrize("form", ["BEŞİKTAŞ", "Beşiktaş", "beşi\u0307ktaş", "BES\u0327I\u0307KTAS\u0327", "BEŞIKTAŞ"])
def test_the_turkish_capital_of_i_is_compared_as_that_of_others(form):
    assert key_form(form) == "BEŞIKTAŞ"
    assert user_key(form, "İpek", 1985, "TÜRKİYE") == user_key("beşiktaş", "ipek", 1985, "Türkiye")
