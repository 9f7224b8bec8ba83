"""Django's ORM over psycopg 3: a connection a thread, as Django has it."""

from contextlib import contextmanager

import django
from django.conf import settings
from django.db import connection, models


@contextmanager
def opened(server):
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": server.host,
        "PORT": server.port,
        "USER": server.extra["user"],
        "NAME": server.extra["database"],
    }
    settings.configure(DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    yield type("Row", (models.Model,), {"__module__": __name__, "Meta": Meta}), server.latency


class Meta:
    app_label = "greenbridge"
    managed = False


def call(client, number):
    row, latency = client
    try:
        query = "SELECT %s AS id FROM pg_sleep(%s)"
        return row.objects.raw(query, [number, latency])[0].id
    finally:
        connection.close()
