"""Schema versions of casinos' databases, and the runs of `migrate_casinos`."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_casino_constraints")]

    operations = [
        migrations.CreateModel(
            name="SchemaVersion",
            fields=[
                ("fingerprint", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("migrations", models.JSONField()),
            ],
            options={"db_table": "schema_versions"},
        ),
        migrations.CreateModel(
            name="MigrationRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("target", models.CharField(max_length=16)),
                ("up_to_date", models.PositiveIntegerField(default=0)),
            ],
            options={"db_table": "migration_runs"},
        ),
        migrations.CreateModel(
            name="CasinoMigration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("outcome", models.CharField(default="pending", max_length=8)),
                ("applied", models.JSONField(default=list)),
                ("error", models.TextField(blank=True)),
                ("seconds", models.FloatField(null=True)),
                (
                    "casino",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="migrations", to="tenants.casino"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="casinos", to="tenants.migrationrun"
                    ),
                ),
            ],
            options={
                "db_table": "casino_migrations",
                "constraints": [models.UniqueConstraint(fields=("run", "casino"), name="casino_migration_once_a_run")],
            },
        ),
    ]
