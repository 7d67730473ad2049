"""Limits of casinos, and their token buckets."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_staff_bindings")]

    operations = [
        migrations.AddField("casino", "request_rate", models.PositiveIntegerField(blank=True, null=True)),
        migrations.AddField("casino", "request_bytes", models.PositiveIntegerField(blank=True, null=True)),
        migrations.CreateModel(
            name="RateBucket",
            fields=[
                (
                    "casino",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.casino",
                    ),
                ),
                ("tokens", models.FloatField()),
                ("granted", models.FloatField()),
                ("filled_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "rate_buckets"},
        ),
        # unlogged: written often, and not needed after a crash
        migrations.RunSQL("ALTER TABLE rate_buckets SET UNLOGGED", "ALTER TABLE rate_buckets SET LOGGED"),
    ]
