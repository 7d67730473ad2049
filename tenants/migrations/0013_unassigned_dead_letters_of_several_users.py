from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0012_own_ids_in_privacy_records"),
    ]

    operations = [
        migrations.AddField(
            model_name="unassigneddeadletter",
            name="other_user_ids",
            field=models.JSONField(null=True),
        ),
        migrations.AddIndex(
            model_name="unassigneddeadletter",
            index=GinIndex(
                condition=models.Q(("other_user_ids__isnull", False)),
                fields=["other_user_ids"],
                name="unassigneddeadletter_others",
            ),
        ),
    ]
