"""Models fitted to a casino's history, by version."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0011_guard_rails_of_users")]

    operations = [
        migrations.CreateModel(
            name="FittedModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                ("recommender", models.CharField(max_length=64)),
                ("fitted", models.BinaryField()),
                ("fitted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("coupons", models.BigIntegerField()),
            ],
            options={
                "db_table": "fitted_models",
                "constraints": [models.UniqueConstraint(fields=("version", "recommender"), name="fitted_model_unique")],
            },
        ),
    ]
