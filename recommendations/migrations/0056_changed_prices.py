"""What changed of the prices since a version, in one call: the query of each request only mentions it."""

from django.db import migrations

# STABLE: the function reads in the snapshot of the calling statement. JSON of the ids by `price_changes_since`, and, by
# event, the changed market lines of the `wanted` events, `at_most` of them. As a part of the calling statement, these
# plans would be set up at each execution, though few find a change. An event that lost a line has one without a row,
# and is left out; a time that is not over counts as now: no clock keeps a price fresh.
READ = """
CREATE FUNCTION changed_prices(known bigint, wanted bigint[], at_most integer)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_array(price_changes_since(known), (
        SELECT json_agg(json_build_array(event_id, json_build_array(line_ids, producers, statuses, times, odds)))
        FROM (
            SELECT event_id, json_agg(line_id) AS line_ids, json_agg(producer) AS producers,
                json_agg(status) AS statuses,
                json_agg(extract(epoch FROM least(as_of, clock_timestamp()))) AS times, json_agg(odds) AS odds
            FROM changed_price_lines(known, wanted, at_most) LEFT JOIN markets USING (event_id, line_id)
            GROUP BY event_id HAVING every(status IS NOT NULL)
        ) AS of_events
    ))::text;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0055_lines_of_price_changes")]

    operations = [migrations.RunSQL(READ, "DROP FUNCTION changed_prices(bigint, bigint[], integer)")]
