"""What users saw and clicked of recommendations."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0048_attribution")]

    operations = [
        migrations.CreateModel(
            name="Impression",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "user_id",
                        "recommendation_id",
                        "kind",
                        "event_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("user_id", models.BigIntegerField()),
                ("recommendation_id", models.UUIDField()),
                ("kind", models.TextField(choices=[("seen", "Seen"), ("clicked", "Clicked")])),
                ("event_id", models.BigIntegerField(db_default=0, default=0)),
                ("placement", models.TextField(blank=True, db_default="", default="")),
                ("timestamp", models.DateTimeField()),
            ],
            options={
                "db_table": "impressions",
                "indexes": [models.Index(fields=["timestamp"], name="impression_time")],
                "constraints": [
                    models.CheckConstraint(condition=Q(kind__in=["seen", "clicked"]), name="impression_kind_known")
                ],
            },
        ),
    ]
