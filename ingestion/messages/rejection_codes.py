"""The stable codes of rejections, with their meaning and the action to take."""

REASONS = {
    "no_casino": "The header `casino_id` is missing, not an integer, or unreadable. Send it with every message.",
    "ambiguous_header": "One of the headers `casino_id`, `replay.origin` and `replay.count` occurs more than once. "
    "Send it once.",
    "unknown_casino": "No casino has this id, or it was deleted. Create the casino, then replay.",
    "too_large": "The value has more than `KAFKA_MESSAGE_BYTES` bytes, or key and headers more than 16,384. Send less, "
    "or raise the setting, then replay.",
    "malformed": "The value is not valid JSON: truncated, not UTF-8 (the detail names UTF-16), framed for a schema "
    "registry, NaN, a lone surrogate, nested too deeply.",
    "unmapped": "The casino's mapping finds no items in the message, or can't read a field's value (the detail says "
    "why). Fix the [mapping](mapping.md), then replay.",
    "undecodable": "This service failed on the message: the log has the error. Report it; after the fix, replay.",
    "bad_key": "A message without a value (a tombstone) whose key is not a row's id: text, the same in quotes, or a "
    "Java long.",
    "missing": "A required field is missing or empty.",
    "wrong_type": 'A field has another type than in its JSON Schema. Amounts are numbers, or text such as `"2.50"`: '
    "ASCII digits, no sign, exponent, space or leading zero.",
    "too_long": "A text has more than 100 characters, an id more than 128.",
    "bad_text": "A text contains control characters (such as `\\u0000`) or lone surrogates; an id anything that is not "
    "printable, or blanks at its ends.",
    "unknown_value": "A status is no known word, or a currency is no code, or one without a known number of decimals: "
    "add it to the options `status_words` or `catalogue.currency_decimals`, then replay. Or an `odd_format` is none of "
    "the six.",
    "too_many_values": "A sport or gender is new, and the casino has 500 already. List those that it offers in the "
    "option `catalogue`, then replay.",
    "too_many": "An event has more than 2,000 markets, a market more than 200 outcomes, or a casino more than 30 "
    "producers. Send fewer.",
    "out_of_range": "A number or a time is outside its valid range: an odd of 1 or less, a negative stake, an event "
    "many years ahead, a coupon more than a day ahead, no selections.",
    "inconsistent": "Two fields contradict each other: an event ends before it begins, a team plays against itself, a "
    "message has two different ids.",
    "id_taken": "The id was generated for a row that was sent without one. Send ids for all rows, or for none.",
    "unknown_user": "The coupon's user did not arrive within `WAITING_COUPON_DAYS`, or `WAITING_COUPONS` other "
    "coupons were waiting for users. Send the user, then replay.",
    "lost": "The broker deleted messages before they were read. Nobody knows whose: each casino has such a dead "
    "letter. Send their contents again, then purge it ([Lost messages](#lost-messages)).",
    "refused_by_database": "PostgreSQL refused the row (see its SQLSTATE): a constraint or trigger of this casino.",
}
