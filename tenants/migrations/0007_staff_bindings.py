"""Staff logins that are restricted to some casinos."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("tenants", "0006_api_keys")]

    operations = [
        migrations.CreateModel(
            name="StaffBinding",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="casino_binding",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("casinos", models.ManyToManyField(blank=True, related_name="staff_bindings", to="tenants.casino")),
            ],
            options={"db_table": "staff_bindings"},
        ),
    ]
