"""A dictionary for ids that are text. Its numbers begin far above those of casinos and of the tables' sequences."""

from django.db import migrations, models

FIRST = 2**62 + 2**61


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0032_changes_that_wait_for_their_rows")]

    operations = [
        migrations.CreateModel(
            "TextId",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("text", models.CharField(max_length=128, db_collation="C")),
            ],
            {
                "db_table": "text_ids",
                "constraints": [models.UniqueConstraint(fields=("kind", "text"), name="text_id_unique")],
            },
        ),
        migrations.RunSQL(
            f"ALTER TABLE text_ids ALTER COLUMN id SET MINVALUE {FIRST} SET START {FIRST} RESTART",
            migrations.RunSQL.noop,
        ),
    ]
