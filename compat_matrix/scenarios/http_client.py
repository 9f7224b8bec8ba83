"""http.client: a POST whose body comes back."""

import http.client


def call(server, number):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request("POST", "/echo/0", body=str(number))
        return int(connection.getresponse().read())
    finally:
        connection.close()
