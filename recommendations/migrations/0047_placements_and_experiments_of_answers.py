"""Served recommendations tell their placement, experiment and refusal, and coupons the recommendation they come from.

All columns have defaults, which the processes of the release before write beside this one's.
"""

from django.db import migrations, models


def _name(field: str) -> migrations.AddField:
    return migrations.AddField(
        "ServedSlip", field, models.CharField(blank=True, db_default="", default="", max_length=40)
    )


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0046_outcomes_in_the_order_sent")]

    operations = [
        *(_name(field) for field in ("placement", "experiment", "variant", "refusal")),
        migrations.AddField("ServedSlip", "propensity", models.FloatField(null=True)),
        migrations.AddField("ServedSlip", "shown", models.BooleanField(db_default=True, default=True)),
        *(
            migrations.AddField(model, "recommendation_id", models.UUIDField(null=True))
            for model in ("PurchasedCoupon", "WaitingCoupon")
        ),
    ]
