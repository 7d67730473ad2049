"""Store evaluations of recommenders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0014_versions_of_models")]

    operations = [
        migrations.CreateModel(
            name="Evaluation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("evaluated_at", models.DateTimeField()),
                ("report", models.JSONField()),
            ],
            options={
                "db_table": "evaluations",
                "indexes": [models.Index(fields=["-evaluated_at", "-id"], name="evaluation_latest")],
            },
        ),
    ]
