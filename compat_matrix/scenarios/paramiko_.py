"""paramiko: one connection, whose thread serves all, and a channel for each command."""

from contextlib import contextmanager

import paramiko


@contextmanager
def opened(server):
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            server.host,
            server.port,
            server.extra["user"],
            server.extra["password"],
            allow_agent=False,
            look_for_keys=False,
        )
        yield client


def call(client, number):
    _, stdout, _ = client.exec_command(f"print {number}", timeout=10)
    answer = int(stdout.read())
    stdout.channel.close()
    return answer
