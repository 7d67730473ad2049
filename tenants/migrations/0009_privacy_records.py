"""The audit log of users' erasures and exports."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_limits")]

    operations = [
        migrations.CreateModel(
            name="PrivacyRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("casino_id", models.BigIntegerField()),
                ("user_id", models.BigIntegerField()),
                ("action", models.CharField(max_length=16)),
                ("asked_by", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "privacy_records",
                "indexes": [models.Index(fields=["casino_id", "user_id", "id"], name="privacy_casino_user")],
            },
        ),
    ]
