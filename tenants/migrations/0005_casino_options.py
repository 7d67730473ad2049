"""Options of casinos."""

from django.db import migrations

import tenants.orm.fields


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_migration_runs")]

    operations = [migrations.AddField("casino", "options", tenants.orm.fields.OrderedJSONField(blank=True, null=True))]
