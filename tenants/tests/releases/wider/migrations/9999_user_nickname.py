"""A column, and a rule that a casino's rows may break: then the migration fails for this casino."""

from importlib import import_module
from pkgutil import iter_modules

from django.db import migrations, models

OWN = import_module("recommendations.migrations").__path__
LAST = max(module.name for module in iter_modules(OWN) if module.name[0].isdigit())


class Migration(migrations.Migration):
    dependencies = [("recommendations", LAST)]

    operations = [
        migrations.AddField("user", "nickname", models.CharField(max_length=50, default="", db_default="")),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(name="user_is_grown_up", condition=models.Q(birth_year__lt=2010)),
        ),
    ]
