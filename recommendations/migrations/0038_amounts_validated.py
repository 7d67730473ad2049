"""Validate the constraints of amounts, which the migration before left out."""

from django.db import migrations

# Each reads its table, under a lock that lets others read and write.
VALIDATE = """
ALTER TABLE purchased_coupons VALIDATE CONSTRAINT coupon_stake_not_negative;
ALTER TABLE users_profile VALIDATE CONSTRAINT profile_stake_total_in_range;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0037_amounts_of_any_decimals")]

    operations = [migrations.RunSQL(VALIDATE, migrations.RunSQL.noop)]
