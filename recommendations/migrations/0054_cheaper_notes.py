"""The trigger notes up to 500 rows as one array, without numbering them: hardly any statement adds more."""

from importlib import import_module
from typing import Any

from django.db import migrations

before: Any = import_module("recommendations.migrations.0048_attribution")

NOTE = """
CREATE OR REPLACE FUNCTION note_due_attributions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first bigint[] := ARRAY(SELECT id FROM added LIMIT 501);
BEGIN
    IF cardinality(first) > 500 THEN
        INSERT INTO due_attributions (kind, ids)
        SELECT TG_ARGV[0], array_agg(id)
        FROM (SELECT id, (row_number() OVER () - 1) / 500 AS part FROM added) AS numbered
        GROUP BY part;
    ELSIF cardinality(first) > 0 THEN
        INSERT INTO due_attributions (kind, ids) VALUES (TG_ARGV[0], first);
    END IF;
    RETURN NULL;
END $$;
"""
NUMBERED = before.NOTE.split("CREATE TRIGGER")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0053_experiment_looks")]

    operations = [migrations.RunSQL(NOTE, NUMBERED)]
