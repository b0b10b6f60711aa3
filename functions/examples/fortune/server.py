#!/usr/bin/env python3
"""Answers with a fortune. The program registers itself as a NATS Micro service of the name in NARUN_APP_NAME.

    curl http://127.0.0.1:8080/fortune          → a fortune
    curl http://127.0.0.1:8080/fortune?n=2      → the third one
"""

import json
import os
import random
import socket
from urllib.parse import parse_qs, urlparse

NAME = os.environ["NARUN_APP_NAME"]
FORTUNES = [
    "A program that sleeps costs nothing.",
    "The first request after rest is answered, too.",
    "A queue is a friend with patience.",
]

address = urlparse(os.environ["NATS_URL"])
connection = socket.create_connection((address.hostname, address.port))
stream = connection.makefile("rb")


def send(line, body=None):
    payload = b"" if body is None else body + b"\r\n"
    connection.sendall(line.encode() + b"\r\n" + payload)


def answer_discovery(subject, reply):
    verb = subject.split(".")[1].lower()
    service = {"name": NAME, "id": os.environ["NARUN_INSTANCE_ID"], "version": "1.0.0", "metadata": {}}
    answer = {"type": f"io.nats.micro.v1.{verb}_response", **service}
    if verb != "ping":
        answer["endpoints"] = [{"name": "handler", "subject": NAME, "queue_group": "q"}]
    body = json.dumps(answer).encode()
    send(f"PUB {reply} {len(body)}", body)


def answer_request(headers, reply):
    query = parse_qs(headers.get("X-Original-Query", ""))
    number = int(query["n"][0]) if "n" in query else random.randrange(len(FORTUNES))
    known = 0 <= number < len(FORTUNES)
    body = FORTUNES[number].encode() if known else b"there is no such fortune"
    fields = f"X-Response-Status-Code: {200 if known else 404}\r\nContent-Type: text/plain"
    head = f"NATS/1.0\r\n{fields}\r\n\r\n".encode()
    send(f"HPUB {reply} {len(head)} {len(head) + len(body)}", head + body)


def read_headers(block):
    lines = block.decode("latin-1").split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


options = {"verbose": False, "pedantic": False, "lang": "python", "version": "1", "headers": True}
if "NATS_PASSWORD" in os.environ:
    options.update(user=os.environ["NATS_USER"], **{"pass": os.environ["NATS_PASSWORD"]})
send("CONNECT " + json.dumps(options))
for number, subject in enumerate(("$SRV.*", f"$SRV.*.{NAME}", f"$SRV.*.{NAME}.*"), 1):
    send(f"SUB {subject} {number}")
send(f"SUB {NAME} q 9")

for line in stream:
    words = line.decode().split()
    if words[0] == "PING":
        send("PONG")
    elif words[0] in ("MSG", "HMSG"):
        has_headers = words[0] == "HMSG"
        size = int(words[-1])
        payload = stream.read(size + 2)[:size]
        has_reply = len(words) == (6 if has_headers else 5)
        if not has_reply:
            continue
        subject, reply = words[1], words[3]
        if subject.startswith("$SRV."):
            answer_discovery(subject, reply)
        else:
            answer_request(read_headers(payload[: int(words[-2])]) if has_headers else {}, reply)
    elif words[0] == "-ERR":
        print(line.decode().strip(), flush=True)
