"""Amounts have as many decimals as their currency: 0 in yen, 8 in bitcoin.

A column loses its scale without a rewrite of its table: some milliseconds under the exclusive lock, at any size
(10 ms for two million coupons, instead of 13 s for eight decimals). PostgreSQL would read the whole table for its
constraint, which is added without that, and validated by the next migration while others read and write.
"""

from django.db import migrations, models
from django.db.models import Q

from recommendations.models.amount import AmountField

_COUPONS = "ALTER TABLE purchased_coupons"
_NOT_NEGATIVE = "ADD CONSTRAINT coupon_stake_not_negative CHECK (stake >= 0) NOT VALID"
WITHOUT_SCALE = f"{_COUPONS} DROP CONSTRAINT coupon_stake_not_negative, ALTER stake TYPE numeric, {_NOT_NEGATIVE};"
# Rewrites the table, and rounds.
WITH_SCALE = f"{_COUPONS} DROP CONSTRAINT coupon_stake_not_negative, ALTER stake TYPE numeric(14, 2), {_NOT_NEGATIVE};"
BOUNDED = (
    "ALTER TABLE users_profile ADD CONSTRAINT profile_stake_total_in_range "
    "CHECK (stake_total < 10000000000000000) NOT VALID;"
)
# PostgreSQL does not change the type of a column that a trigger's condition names.
_LIMITS = ("stake_limit", "limit_left")
DROP_TRIGGERS = "".join(f"DROP TRIGGER users_note_time_of_{limit} ON users;\n" for limit in _LIMITS)
CREATE_TRIGGERS = "".join(
    f"""
CREATE TRIGGER users_note_time_of_{limit} BEFORE UPDATE ON users FOR EACH ROW WHEN (
    NEW.{limit}_as_of = OLD.{limit}_as_of AND (NEW.{limit}) IS DISTINCT FROM (OLD.{limit})
    AND COALESCE(NEW.timestamp > OLD.timestamp, NEW.timestamp IS NOT NULL)
) EXECUTE FUNCTION note_time_of_{limit}();
"""
    for limit in _LIMITS
)
UNBOUNDED = "ALTER TABLE users_profile DROP CONSTRAINT profile_stake_total_in_range;"


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0036_learnt_values")]

    operations = [
        migrations.RunSQL(
            WITHOUT_SCALE,
            WITH_SCALE,
            state_operations=[migrations.AlterField("PurchasedCoupon", "stake", AmountField())],
        ),
        migrations.AlterField("WaitingCoupon", "stake", AmountField()),
        migrations.AlterField("ServedSlip", "stake", AmountField()),
        migrations.RunSQL(DROP_TRIGGERS, CREATE_TRIGGERS),
        *(migrations.AlterField("User", limit, AmountField(blank=True, null=True)) for limit in _LIMITS),
        migrations.RunSQL(CREATE_TRIGGERS, DROP_TRIGGERS),
        migrations.AlterField("UserProfile", "stake_total", AmountField(db_default=0, default=0)),
        migrations.RunSQL(
            BOUNDED,
            UNBOUNDED,
            state_operations=[
                migrations.AddConstraint(
                    "UserProfile",
                    models.CheckConstraint(name="profile_stake_total_in_range", condition=Q(stake_total__lt=10**16)),
                )
            ],
        ),
    ]
