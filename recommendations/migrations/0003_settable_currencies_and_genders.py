"""The settings define the valid currencies and genders, no longer the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0002_offer_version_trigger")]

    operations = [
        migrations.RemoveConstraint(model_name="user", name="user_currency_known"),
        migrations.RemoveConstraint(model_name="user", name="user_gender_known"),
        migrations.AlterField(model_name="user", name="currency", field=models.CharField(max_length=10)),
        migrations.AlterField(model_name="user", name="gender", field=models.CharField(max_length=20)),
    ]
