"""Store served recommendations."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recommendations", "0009_user_tallies"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServedSlip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recommendation_id", models.UUIDField(unique=True)),
                ("user_id", models.BigIntegerField()),
                ("timestamp", models.DateTimeField()),
                ("recommender", models.CharField(max_length=100)),
                ("asked_for", models.CharField(max_length=100)),
                ("fallback", models.CharField(blank=True, max_length=100)),
                ("model_version", models.CharField(blank=True, max_length=100)),
                ("stake", models.DecimalField(decimal_places=2, max_digits=14)),
                ("currency", models.CharField(max_length=10)),
                ("events", models.JSONField()),
            ],
            options={
                "verbose_name": "served recommendation",
                "db_table": "served_recommendations",
                "indexes": [
                    models.Index(fields=["user_id", "-timestamp", "-id"], name="served_user_time"),
                    models.Index(fields=["timestamp", "id"], name="served_time"),
                ],
            },
        ),
    ]
