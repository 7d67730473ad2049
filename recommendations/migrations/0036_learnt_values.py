"""Each casino learns its sports, currencies and genders from its messages."""

import django.db.models.functions.datetime
from django.db import migrations, models

# Of the stored rows; teams have the sports of all events, and are fewer.
LEARN = """
INSERT INTO learnt_values (kind, value)
SELECT 'sport', sport FROM teams UNION SELECT 'currency', currency FROM users UNION SELECT 'gender', gender FROM users;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0033_text_ids")]

    operations = [
        migrations.CreateModel(
            "LearntValue",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("sport", "Sport"), ("currency", "Currency"), ("gender", "Gender")], max_length=20
                    ),
                ),
                ("value", models.CharField(max_length=50)),
                (
                    "learnt_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
            ],
            {
                "db_table": "learnt_values",
                "constraints": [models.UniqueConstraint(fields=("kind", "value"), name="learnt_value_unique")],
            },
        ),
        migrations.RunSQL(LEARN, migrations.RunSQL.noop),
    ]
