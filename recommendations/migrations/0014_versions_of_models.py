"""A version of models has its training data's range and its scores, and can be stored inactive."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0013_event_stored_at")]

    operations = [
        migrations.AddField(
            model_name="fittedmodel", name="is_served", field=models.BooleanField(db_default=True, default=True)
        ),
        migrations.AddField(model_name="fittedmodel", name="since", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="fittedmodel", name="until", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="fittedmodel",
            name="scores",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
    ]
