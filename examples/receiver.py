"""A dialer of your own for dialwheel, as small as it gets: takes attempts, "calls", reports. No phone rings.

DIALWHEEL_PROVIDER_SECRET=whsec_… python examples/receiver.py 9000
"""

import asyncio
import base64
import contextlib
import hmac
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime

from aiohttp import ClientError, ClientSession, web

SECRET = base64.b64decode(os.environ["DIALWHEEL_PROVIDER_SECRET"].removeprefix("whsec_"))
STARTED = datetime.now(UTC)
calls, dialing = {}, set()  # by key: the same key, the same answer, one call. Keep yours in a database


def sign(id_, timestamp, body):
    mac = hmac.digest(SECRET, f"{id_}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(mac).decode()


async def receive(request):
    body, now = await request.read(), datetime.now(UTC)
    id_, timestamp, said = (
        request.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    mine = sign(id_, timestamp, body)
    signed = any(hmac.compare_digest(mine, one) for one in said.split())
    if not signed or abs(time.time() - int(timestamp)) > 300:
        return web.json_response({"error": "not signed by dialwheel, or long ago"}, status=401)
    asked = json.loads(body)
    call = calls.get(asked.get("key"))
    if asked["type"] == "lookup":  # "no" is a promise: only of what would be remembered here
        if call is None and datetime.fromisoformat(asked["armed_at"]) < STARTED:
            return web.json_response({"error": "started since"}, status=503)
        return web.json_response({"known": call is not None, **(call or {})})
    if asked["type"] == "cancel":  # somebody said stop: hang up what is called asked["ref"]
        return web.json_response({}, status=202)
    if call is None and now > datetime.fromisoformat(asked["arrive_by"]):
        return web.json_response({"error": "too late", "scope": "permit"}, status=422)
    if call is None:
        call = calls[asked["key"]] = {"ref": f"call-{uuid.uuid4()}", "status": "initiated"}
        dialing.add(asyncio.create_task(dial(asked, call)))
    return web.json_response({"ref": call["ref"]}, status=202)


async def dial(asked, call):
    for status in ("ringing", "answered", "completed"):  # here your telephony says how it goes
        call |= {"status": status, "at": datetime.now(UTC).isoformat()}
        if status == "completed":
            call |= {"answered_by": "human", "duration_s": 42}
        named = {"provider_call_id": call["ref"], "event_id": str(uuid.uuid4())}
        body = json.dumps({**named, **{name: call[name] for name in call if name != "ref"}}).encode()
        await report(asked["callback_url"], body)


async def report(url, body):
    async with ClientSession() as session:
        for pause_s in (1, 5, 25, 125, 625):  # dialwheel or its ledger is away: the same again
            id_, timestamp = str(uuid.uuid4()), str(int(time.time()))
            headers = {"webhook-id": id_, "webhook-timestamp": timestamp, "Content-Type": "application/json"}
            headers["webhook-signature"] = sign(id_, timestamp, body)
            with contextlib.suppress(ClientError, TimeoutError):
                async with session.post(url, data=body, headers=headers) as answer:
                    if answer.status < 500:
                        return
            await asyncio.sleep(pause_s)


app = web.Application()
app.router.add_post("/", receive)
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
