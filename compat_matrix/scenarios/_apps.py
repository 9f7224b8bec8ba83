"""Applications that wait blockingly in their handlers and answer with the number in the path."""

import time

from compat_matrix.services import LATENCY


def flask_app():
    import flask

    app = flask.Flask("compat")

    @app.get("/<int:number>")
    def answer(number):
        time.sleep(LATENCY)
        return str(number)

    return app


def flask_in_asgi():
    import greenbridge
    from greenbridge.asgi import WSGIApp

    greenbridge.patch_all()
    return WSGIApp(flask_app())


def bottle_app():
    import bottle

    app = bottle.Bottle()

    @app.get("/<number:int>")
    def answer(number):
        time.sleep(LATENCY)
        return str(number)

    return app


def django_app():
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    def answer(request, number):
        time.sleep(LATENCY)
        return HttpResponse(str(number))

    urls = type("urls", (), {"urlpatterns": [path("<int:number>", answer)]})
    settings.configure(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], SECRET_KEY="compat")
    return get_wsgi_application()


def fastapi_app():
    import fastapi

    import greenbridge
    from greenbridge.asgi import GreenMiddleware

    greenbridge.patch_all()
    app = fastapi.FastAPI()

    @app.get("/{number}")
    async def answer(number: int) -> int:
        time.sleep(LATENCY)  # in an async def: parks this request only
        return number

    return GreenMiddleware(app)


def starlette_app():
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    import greenbridge
    from greenbridge.asgi import green_endpoints

    greenbridge.patch_all()
    green_endpoints()

    def answer(request):  # a def: runs greenly, not in one of 40 threads
        time.sleep(LATENCY)
        return PlainTextResponse(request.path_params["number"])

    return Starlette(routes=[Route("/{number}", answer)])
