"""Coupons may have selections that could not be read, and a stake of 0, a free bet."""

from django.db import migrations, models
from django.db.models import Q

_TABLE = "ALTER TABLE purchased_coupons"
FREE_BETS = f"""
{_TABLE} DROP CONSTRAINT coupon_stake_positive;
{_TABLE} ADD CONSTRAINT coupon_stake_not_negative CHECK (stake >= 0);
"""
# Free bets that are stored stay; the constraint holds for new coupons.
NO_FREE_BETS = f"""
{_TABLE} DROP CONSTRAINT coupon_stake_not_negative;
{_TABLE} ADD CONSTRAINT coupon_stake_positive CHECK (stake > 0) NOT VALID;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0026_start_times_to_be_confirmed")]

    operations = [
        *(
            migrations.AddField(model, "unread_selections", models.JSONField(null=True))
            for model in ("PurchasedCoupon", "WaitingCoupon")
        ),
        migrations.RunSQL(
            FREE_BETS,
            NO_FREE_BETS,
            state_operations=[
                migrations.RemoveConstraint("PurchasedCoupon", "coupon_stake_positive"),
                migrations.AddConstraint(
                    "PurchasedCoupon",
                    models.CheckConstraint(name="coupon_stake_not_negative", condition=Q(stake__gte=0)),
                ),
            ],
        ),
    ]
