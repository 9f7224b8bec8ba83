"""A plain blocking program: it reads web pages with urllib, one address after another.

    python client.py CERTIFICATE URL ...

It was not written for asyncio, and it does not know greenbridge.
"""

from __future__ import annotations

import ssl
import sys
import urllib.request


def make_opener(certificate: str) -> urllib.request.OpenerDirector:
    """An opener that trusts the certificate in the file *certificate*, and no other."""
    context = ssl.create_default_context(cafile=certificate)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def fetch(opener: urllib.request.OpenerDirector, url: str) -> str:
    """Wait for the page at *url*, at most two minutes for each step, and return its text."""
    with opener.open(url, timeout=120) as response:
        text: str = response.read().decode()
    return text


def main() -> None:
    certificate, *urls = sys.argv[1:]
    opener = make_opener(certificate)
    for url in urls:
        print(fetch(opener, url), end="")


if __name__ == "__main__":
    main()
