from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0004_dead_letters"),
    ]

    operations = [
        migrations.AddField(
            model_name="deadletter",
            name="other_user_ids",
            field=models.JSONField(null=True),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=GinIndex(
                condition=models.Q(("other_user_ids__isnull", False)),
                fields=["other_user_ids"],
                name="deadletter_others",
            ),
        ),
    ]
