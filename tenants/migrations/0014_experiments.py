"""Experiments of casinos."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.orm.fields


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0013_unassigned_dead_letters_of_several_users"),
    ]

    operations = [
        migrations.AddField(
            model_name="casino",
            name="running_experiments",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="Experiment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                ("definition", tenants.orm.fields.OrderedJSONField()),
                ("salt", models.CharField(editable=False, max_length=32)),
                ("ranges", models.JSONField(default=list, editable=False)),
                ("starts_at", models.DateTimeField(editable=False, null=True)),
                ("stops_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(editable=False)),
                ("created_by", models.CharField(editable=False, max_length=200)),
                ("started_by", models.CharField(blank=True, editable=False, max_length=200)),
                ("stopped_by", models.CharField(blank=True, editable=False, max_length=200)),
                (
                    "casino",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="experiments", to="tenants.casino"
                    ),
                ),
            ],
            options={
                "db_table": "experiments",
                "constraints": [
                    models.UniqueConstraint(fields=("casino", "name"), name="experiment_name_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("stops_at__isnull", True),
                            models.Q(("starts_at__isnull", False), ("stops_at__gte", models.F("starts_at"))),
                            _connector="OR",
                        ),
                        name="experiment_stops_after_start",
                    ),
                ],
            },
        ),
    ]
