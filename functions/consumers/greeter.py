"""A consumer with a client of NATS alone: python3 greeter.py, with NATS_URL. It needs `pip install nats-py`.

A request is a NATS message: the body is its data, and its headers are the fields of the HTTP request with
X-Original-Method, X-Original-Path and X-Original-Query. The reply's header X-Response-Status-Code is the status.
"""

import asyncio
import json
import os
import signal
from urllib.parse import parse_qs

import nats
import nats.micro


async def greet(request):
    headers = request.headers or {}
    method = headers.get("X-Original-Method", "GET")
    if method == "POST":
        name = json.loads(request.data)["name"]
    else:
        name = parse_qs(headers.get("X-Original-Query", "")).get("name", ["world"])[0]
    body = json.dumps({"greeting": f"Hello, {name}!", "path": headers.get("X-Original-Path", "/")})
    await request.respond(
        body.encode(),
        headers={"Content-Type": "application/json", "X-Response-Status-Code": "200"},
    )


async def main():
    client = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    service = await nats.micro.add_service(client, name="greeter", version="1.0.0")
    # The service's name is its subject, and all consumers share the queue group q.
    await service.add_endpoint(name="handler", subject="greeter", queue_group="q", handler=greet)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await service.stop()
    await client.drain()


asyncio.run(main())
