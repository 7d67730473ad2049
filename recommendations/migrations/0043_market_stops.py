"""Closings of markets are remembered, for a price from before one that arrives later; and the lock of the offer."""

from django.db import migrations, models

# Prices are locked first, by all who need both locks. Only casinos with producers have prices.
LOCK = """
CREATE FUNCTION lock_offer() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM producers) THEN
        PERFORM lock_prices();
    END IF;
    PERFORM FROM offer_version WHERE id = 1 FOR UPDATE;
    IF NOT FOUND THEN -- as after a TRUNCATE
        INSERT INTO offer_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
        PERFORM FROM offer_version WHERE id = 1 FOR UPDATE;
    END IF;
    RETURN EXISTS (SELECT FROM producers);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0042_markets")]

    operations = [
        migrations.CreateModel(
            "MarketStop",
            [
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "event_id",
                        "producer",
                        "scope",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.BigIntegerField()),
                ("producer", models.SmallIntegerField()),
                ("scope", models.TextField()),
                ("as_of", models.DateTimeField()),
                ("status", models.TextField()),
            ],
            {"db_table": "market_stops"},
        ),
        migrations.RunSQL(LOCK, "DROP FUNCTION lock_offer()"),
    ]
