"""Record erased users, so that older messages don't store them again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0015_evaluations")]

    operations = [
        migrations.CreateModel(
            name="ErasedUser",
            fields=[
                ("user_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("natural_key", models.UUIDField(null=True, unique=True)),
                ("erased_at", models.DateTimeField()),
            ],
            options={"db_table": "erased_users"},
        ),
    ]
