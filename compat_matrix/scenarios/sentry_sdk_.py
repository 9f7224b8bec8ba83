"""Sentry's SDK: each green thread has a scope of its own, and its transport is a green thread."""

import time

import sentry_sdk
from sentry_sdk.integrations.threading import ThreadingIntegration

from compat_matrix.services import LATENCY

heard = {}


def before_send(event, hint):
    heard[event["tags"]["number"]] = event["message"]


sentry_sdk.init(
    "http://key@127.0.0.1:1/1", before_send=before_send, integrations=[ThreadingIntegration()]
)


def call(server, number):
    with sentry_sdk.new_scope() as scope:
        scope.set_tag("number", number)
        time.sleep(LATENCY)
        sentry_sdk.capture_message(str(number))
    return int(heard[number])
