"""The normal forms of text: a text has one form, regardless of its typing and encoding.

- `name_form`: names of people, stored and displayed. Unicode's NFC.
- `upper_form`: classifying text (sport, league, country, team, ..), stored, displayed and compared. NFC in upper case,
  with full-width and half-width characters as ordinary ones: the mappings of RFC 8265 (PRECIS), in upper case.
- `id_form`: text ids. NFC, without invisible characters.
- `key_form`: text that identifies a row, never displayed. NFKC and case folded.

No form has invisible characters. Except in `id_form`, there is one space between words and none at the ends: text
without words becomes empty. ASCII text, which is nearly all, takes a faster path. Text of more than `LONGEST`
characters, which is too long for any field, stays unchanged: normalization takes time with the square of the number of
consecutive marks, hours for the longest request.
"""

import re
from unicodedata import bidirectional, combining, normalize

# Unicode's Default_Ignorable_Code_Point, which includes zero-width characters, the byte order mark, the soft hyphen,
# bidirectional controls and variation selectors; and annotation marks. Visible format characters, such as the Arabic
# number signs, stay.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_OTHER_WIDTH = re.compile("[\uff01-\uffee]+")
LONGEST = 1_000
_DOTTED = "\u0130"
_BLANK = "\u2800"  # a braille cell without dots: invisible, but no space by Unicode
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_VIRAMA = 9  # its canonical combining class


def name_form(text: str) -> str:
    if text.isascii():
        return " ".join(text.split())
    if len(text) > LONGEST:
        return text
    shown = _INVISIBLE.sub(_replace_invisible, text.replace(_BLANK, " "))
    return " ".join(normalize("NFC", shown).split())


def id_form(text: str) -> str:
    """The form of a text id. Blanks inside and case distinguish ids, so both stay."""
    if text.isascii() or len(text) > LONGEST:
        return text
    return normalize("NFC", _INVISIBLE.sub("", text))


def upper_form(text: str) -> str:
    if text.isascii():
        return " ".join(text.upper().split())
    if len(text) > LONGEST:
        return text
    shown = _INVISIBLE.sub("", text.replace(_BLANK, " "))
    shown = normalize("NFC", _OTHER_WIDTH.sub(_ordinary_width, shown))
    # case folded first, because ẞ has no upper case and ß has; normalized again, because upper-casing decomposes
    # letters with several marks
    return " ".join(normalize("NFC", shown.casefold().upper()).split())


def key_form(text: str) -> str:
    """Upper case, as in `upper_form`, so that both are equal for ASCII text. Case folding requires NFKC before it, and
    again after it."""
    upper = upper_form(text)
    if upper.isascii() or len(text) > LONGEST:
        return upper
    folded = upper_form(normalize("NFKC", normalize("NFKC", upper).casefold()))
    return folded.replace(_DOTTED, "I")  # in Turkish the capital of i, which elsewhere is I


def _replace_invisible(found: re.Match[str]) -> str:
    """Keep joiners, which Persian and the scripts of India need, where RFC 5892, appendix A, allows them in domain
    names: after a virama, and the non-joiner also between two Arabic letters. Remove other invisible characters."""
    sign, before, after = found[0], found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if sign not in (_NON_JOINER, _JOINER) or not before:
        return ""
    is_between_arabic = bool(after) and bidirectional(before) == bidirectional(after) == "AL"
    return sign if combining(before) == _VIRAMA or (sign == _NON_JOINER and is_between_arabic) else ""


def _ordinary_width(found: re.Match[str]) -> str:
    return normalize("NFKC", found[0])
