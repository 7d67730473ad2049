"""The looks at experiments: what is known at each, so that the course of an experiment is read and not computed."""

from django.db import migrations, models


def _name() -> models.CharField[str, str]:
    return models.CharField(max_length=40)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0052_personalisation_of_users")]

    operations = [
        migrations.CreateModel(
            name="ExperimentLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("experiment", _name()),
                ("variant", _name()),
                ("metric", models.CharField(max_length=20)),
                ("guard", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("looked_at", models.DateTimeField()),
                ("users", models.BigIntegerField()),
                ("control_users", models.BigIntegerField()),
                *((name, models.FloatField()) for name in ("tau", "z", "bound", "estimate", "low", "high")),
                ("signal", models.FloatField(db_default=0.0, default=0.0)),
                ("is_broken", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "db_table": "experiment_looks",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("experiment", "looked_at", "variant", "metric", "guard"),
                        name="experiment_look_unique",
                    ),
                ],
            },
        ),
    ]
