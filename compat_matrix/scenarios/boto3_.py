"""boto3: put an object into S3 and get it back."""

from contextlib import contextmanager

import boto3
from botocore.config import Config


@contextmanager
def opened(server):
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{server.host}:{server.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(max_pool_connections=50),
    )
    client.create_bucket(Bucket="greenbridge")
    yield client


def call(client, number):
    client.put_object(Bucket="greenbridge", Key=str(number), Body=str(number).encode())
    return int(client.get_object(Bucket="greenbridge", Key=str(number))["Body"].read())
