"""Store the tallies of users and of the casino.

Existing profiles are only marked for a rebuild: reading all coupons of a large casino takes too long for a migration.
Each is rebuilt when its user's coupons are next merged, and all of them by `manage.py rebuild_profiles`.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0008_offer_changes")]

    operations = [
        migrations.CreateModel(
            name="UserTallies",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="tallies",
                        serialize=False,
                        to="recommendations.user",
                    ),
                ),
                ("tallies", models.BinaryField()),
            ],
            options={"db_table": "user_tallies"},
        ),
        migrations.CreateModel(
            name="CasinoTally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "attribute", "value", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("attribute", models.TextField()),
                ("value", models.TextField()),
                ("count", models.BigIntegerField()),
                ("weight", models.FloatField()),
                ("trend", models.FloatField()),
                ("as_of", models.FloatField()),
            ],
            options={"db_table": "casino_tallies"},
        ),
        migrations.CreateModel(
            name="PendingCasinoSums",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sums", models.BinaryField()),
                ("added_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "pending_casino_sums"},
        ),
        # Uncompressed, and in the row itself up to a page's size: compression and TOAST would be slower.
        migrations.RunSQL(
            "ALTER TABLE user_tallies ALTER COLUMN tallies SET STORAGE EXTERNAL; "
            "ALTER TABLE user_tallies SET (toast_tuple_target = 8160); "
            "ALTER TABLE pending_casino_sums ALTER COLUMN sums SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            model_name="userprofile",
            name="pending_coupon_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), db_default=[], default=list, size=None
            ),
        ),
        # True for existing rows, without rewriting them, and False for new ones
        migrations.AddField(
            model_name="userprofile", name="needs_rebuild", field=models.BooleanField(db_default=True, default=False)
        ),
        migrations.AlterField(
            model_name="userprofile", name="needs_rebuild", field=models.BooleanField(db_default=False, default=False)
        ),
    ]
