"""Why messages are rejected: the codes, which are stable, with what each means and what to do."""

REASONS = {
    "no_casino": "The header `casino_id` is missing, is no integer, or can't be read. Send it with every message.",
    "unknown_casino": "No casino has this id, or it was deleted. Create the casino, then replay.",
    "too_large": "The value has more than `KAFKA_MESSAGE_BYTES` bytes.",
    "malformed": "The value is no JSON: cut off, not UTF-8, NaN, a lone surrogate, nested too deeply.",
    "bad_key": "A message without a value (a tombstone) whose key is not the id of a row, in digits.",
    "missing": "A required field is missing or empty.",
    "wrong_type": "A field has another type than its JSON Schema says.",
    "too_long": "A text has more than 100 characters.",
    "bad_text": "A text has control characters, `\\u0000` among them, or lone surrogates.",
    "unknown_value": "A sport, currency, gender or status that is not among the known ones (`SPORTS`, `CURRENCIES`, "
    "`GENDERS`). Extend the setting, then replay.",
    "out_of_range": "A number or a time that can't be right: an odd of 1 or less, a stake of 0, an event many years "
    "ahead, a coupon of the day after tomorrow, no selections.",
    "inconsistent": "Two fields that can't both be right: an event that ends before it begins, a team against itself.",
    "id_taken": "The casino's id was handed out to a row that came without one. Send ids for all rows, or for none.",
    "unknown_user": "A coupon whose user did not come within `WAITING_COUPON_DAYS`, or came while `WAITING_COUPONS` "
    "others waited. Send the user, then replay.",
    "refused_by_database": "PostgreSQL refuses the row (its SQLSTATE stands beside): a constraint or trigger of this "
    "casino's own.",
}
