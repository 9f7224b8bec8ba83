"""PyMongo: one client with its pool and its monitor's threads; write a document and find it."""

from contextlib import contextmanager

import pymongo


@contextmanager
def opened(server):
    with pymongo.MongoClient(
        server.host, server.port, directConnection=True, serverSelectionTimeoutMS=10_000
    ) as client:
        yield client.greenbridge.things


def call(things, number):
    things.replace_one({"_id": number}, {"_id": number, "answer": number}, upsert=True)
    return things.find_one({"_id": number})["answer"]
