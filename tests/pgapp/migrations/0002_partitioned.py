"""A table that is split by its timestamp."""

from django.db import migrations

CREATE = """
    CREATE TABLE pgapp_partitioned (
        id bigint, created_at timestamp with time zone, text text, PRIMARY KEY (id, created_at)
    ) PARTITION BY RANGE (created_at);
    CREATE INDEX pgapp_partitioned_created ON pgapp_partitioned (created_at);
    CREATE TABLE pgapp_partitioned_old PARTITION OF pgapp_partitioned
        FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
    CREATE TABLE pgapp_partitioned_new PARTITION OF pgapp_partitioned
        FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
"""


class Migration(migrations.Migration):
    dependencies = [("pgapp", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE pgapp_partitioned")]
