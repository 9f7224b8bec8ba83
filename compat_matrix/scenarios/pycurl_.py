"""pycurl: a transfer, whose callbacks run in its thread."""

import io

import pycurl


def call(server, number):
    body = io.BytesIO()
    curl = pycurl.Curl()
    try:
        curl.setopt(curl.URL, f"http://{server.host}:{server.port}/{number}")
        curl.setopt(curl.WRITEDATA, body)
        curl.setopt(curl.TIMEOUT, 10)
        curl.perform()
    finally:
        curl.close()
    return int(body.getvalue())
