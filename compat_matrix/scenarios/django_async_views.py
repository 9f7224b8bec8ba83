"""Django with async views: its sync ORM in them by ``sync_to_async``, and awaits beside it."""

import asyncio
from contextlib import contextmanager

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

from compat_matrix.scenarios import django_orm
from compat_matrix.scenarios._programs import fetch as call  # noqa: F401
from compat_matrix.scenarios._programs import wsgi
from compat_matrix.services import LATENCY


@contextmanager
def opened(server):
    with django_orm.opened(server) as client:

        async def answer(request, number):
            await asyncio.sleep(LATENCY)
            found = await sync_to_async(django_orm.call)(client, number)
            return HttpResponse(str(found))

        settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("<int:number>", answer)]})
        settings.ALLOWED_HOSTS = ["*"]
        with wsgi(get_wsgi_application()) as client_of_web:
            yield client_of_web
