"""A market line keeps its outcomes in the order in which they were sent first, and is the same in any other order."""

from django.db import migrations, models

# A digest, since an index has no room for two hundred names.
OUTCOME_SET = """
CREATE FUNCTION outcome_set(outcomes text[]) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT md5(string_agg(outcome, E'\\x1f' ORDER BY outcome COLLATE "C")) FROM unnest(outcomes) AS outcome
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0044_price_changes_since")]

    operations = [
        migrations.RunSQL(OUTCOME_SET, "DROP FUNCTION outcome_set(text[])"),
        migrations.RemoveConstraint("MarketLine", "market_line_unique"),
        migrations.AddConstraint(
            "MarketLine",
            models.UniqueConstraint(
                "market",
                "line",
                models.Func("outcomes", function="outcome_set", output_field=models.TextField()),
                name="market_line_unique",
            ),
        ),
    ]
