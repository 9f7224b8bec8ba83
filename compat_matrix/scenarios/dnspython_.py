"""dnspython: a TXT record over UDP."""

import dns.resolver


def call(server, number):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [server.host]
    resolver.port = server.port
    (record,) = resolver.resolve(f"n{number}.test", "TXT", lifetime=10)
    return int(record.strings[0])
