from importlib import import_module

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

wider = import_module("tenants.tests.releases.wider.migrations.9999_user_nickname")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("recommendations", wider.LAST)]

    operations = [
        AddIndexConcurrently("user", models.Index(fields=["country"], name="user_country")),
        migrations.RunSQL("UPDATE users SET country = upper(country)", migrations.RunSQL.noop),
    ]
