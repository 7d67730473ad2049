"""Restrictions and closings that arrive before their row wait for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0031_same_matches")]

    operations = [
        migrations.CreateModel(
            "WaitingChange",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=40)),
                ("subject", models.CharField(max_length=30)),
                ("timestamp", models.DateTimeField()),
                ("change", models.JSONField()),
            ],
            {
                "db_table": "waiting_changes",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "key", "subject"), name="waiting_change_unique")
                ],
            },
        ),
    ]
