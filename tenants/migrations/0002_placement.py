"""Servers, the databases on them, and each casino's current database."""

import uuid

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


def record_what_there_is(apps, schema_editor):
    """Put all databases on the catalogue's server, as generation 1, and give each casino its own identity."""
    Casino = apps.get_model("tenants", "Casino")
    main = apps.get_model("tenants", "DatabaseServer").objects.create(name="main")
    for casino in Casino.objects.all():
        casino.identity = uuid.uuid4()
        casino.save(update_fields=["identity"])
    with_database = Casino.objects.filter(db_name__isnull=False)
    with_database.update(server=main, generation=1)
    apps.get_model("tenants", "CasinoDatabase").objects.bulk_create(
        apps.get_model("tenants", "CasinoDatabase")(casino=casino, generation=1, server=main, db_name=casino.db_name)
        for casino in with_database
    )


def check_that_nothing_is_lost(apps, schema_editor):
    """The older code supports one server and one database per casino."""
    if apps.get_model("tenants", "Casino").objects.exclude(server__in=["main", None]).exists():
        raise RuntimeError("There are casinos on other servers than main: move them there before going back.")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DatabaseServer",
            fields=[
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        primary_key=True,
                        serialize=False,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9]+\\Z", "A server's name has small letters and digits only."
                            )
                        ],
                    ),
                ),
                ("capacity", models.PositiveIntegerField(blank=True, null=True)),
                ("state", models.CharField(default="open", max_length=8)),
            ],
            options={"db_table": "database_servers"},
        ),
        migrations.CreateModel(
            name="CasinoDatabase",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("generation", models.PositiveIntegerField()),
                ("db_name", models.CharField(max_length=63)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "casino",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="databases", to="tenants.casino"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="databases",
                        to="tenants.databaseserver",
                    ),
                ),
            ],
            options={
                "db_table": "casino_databases",
                "constraints": [
                    models.UniqueConstraint(fields=("casino", "generation"), name="casino_database_generation_unique"),
                    models.UniqueConstraint(fields=("server", "db_name"), name="casino_database_place_unique"),
                ],
            },
        ),
        migrations.AddField("casino", "identity", models.UUIDField(default=uuid.uuid4, editable=False, null=True)),
        migrations.AddField("casino", "generation", models.PositiveIntegerField(default=0, editable=False)),
        migrations.AddField("casino", "schema_version", models.CharField(blank=True, editable=False, max_length=16)),
        migrations.AddField(
            "casino",
            "server",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="casinos",
                to="tenants.databaseserver",
            ),
        ),
        migrations.AddField(
            "casino",
            "copied_from",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="copies",
                to="tenants.casino",
            ),
        ),
        migrations.RunPython(record_what_there_is, check_that_nothing_is_lost),
    ]
