"""What became of one message of an upload."""

import msgspec

from ingestion.outcomes import MessageResult

REJECTED = "rejected"


class ItemOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """An outcome of storing; or `rejected` with the rejection's code, field and detail. Of a coupon that is stored in
    part, `detail` lists the selections that could not be read; of a skipped message it says what is not offered."""

    outcome: str
    code: str = ""
    field: str = ""
    detail: str = ""


def outcome_of(result: MessageResult) -> ItemOutcome:
    rejection = result.rejection
    if rejection is None:
        return ItemOutcome(result.outcome, detail=result.note)
    return ItemOutcome(REJECTED, rejection.code, rejection.field, rejection.detail)
