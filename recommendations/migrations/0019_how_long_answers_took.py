"""Store the latency of each recommendation, for the casino's page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0018_stakes_since_the_currency_changed")]

    operations = [
        migrations.AddField(model_name="servedslip", name="took_ms", field=models.FloatField(null=True)),
    ]
