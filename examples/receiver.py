"""A dialer of your own for dialwheel: takes attempts, "calls", reports. No phone rings.

DIALWHEEL_PROVIDER_SECRET=whsec_… python examples/receiver.py   # on http://127.0.0.1:9000/
"""

import asyncio
import base64
import contextlib
import hmac
import json
import os
import time
from datetime import UTC, datetime

from aiohttp import ClientError, ClientSession, web

SECRET = base64.b64decode(os.environ["DIALWHEEL_PROVIDER_SECRET"].removeprefix("whsec_"))
STARTED = datetime.now(UTC)
calls, dialing = {}, set()  # by key: the same key, the same answer, one call. Keep yours in a database


def sign(id_, at, body):
    mac = base64.b64encode(hmac.digest(SECRET, f"{id_}.{at}.".encode() + body, "sha256"))
    return {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": f"v1,{mac.decode()}"}


async def receive(request):
    body, head = await request.read(), request.headers
    wanted = sign(head.get("webhook-id"), head.get("webhook-timestamp"), body)["webhook-signature"]
    signed = any(hmac.compare_digest(wanted, one) for one in head.get("webhook-signature", "").split())
    fresh = signed and abs(time.time() - int(head["webhook-timestamp"])) <= 300
    status, said = answer(json.loads(body)) if fresh else (401, {"error": "not signed, or long ago"})
    return web.json_response(said, status=status)


def answer(asked):
    call = calls.get(asked.get("key"))
    if asked["type"] == "cancel":  # somebody said stop: hang up what is called asked["ref"]
        return 202, {}
    if asked["type"] == "lookup":  # "no" is a promise: only of what would be remembered here
        if call is None and datetime.fromisoformat(asked["armed_at"]) < STARTED:
            return 503, {"error": "started since"}
        return 200, {"known": call is not None, **(call or {})}
    if call is None and datetime.now(UTC) > datetime.fromisoformat(asked["arrive_by"]):
        return 422, {"error": "too late", "scope": "permit"}
    if call is None:
        call = calls[asked["key"]] = {"ref": f"call-{asked['key']}", "status": "initiated"}
        dialing.add(asyncio.create_task(dial(asked["callback_url"], call)))
    return 202, {"ref": call["ref"]}


async def dial(url, call):
    talk = {"answered_by": "human", "duration_s": 42}
    for status, more in ("ringing", {}), ("answered", {}), ("completed", talk):  # what your telephony says
        call |= {"status": status, "at": datetime.now(UTC).isoformat(), **more}
        named = {"provider_call_id": call["ref"], "event_id": f"{call['ref']}-{status}"}
        await report(url, {**named, **{name: call[name] for name in call if name != "ref"}})


async def report(url, said):
    body = json.dumps(said).encode()
    async with ClientSession(headers={"Content-Type": "application/json"}) as session:
        for pause_s in (1, 5, 25, 125, 625):  # dialwheel is away, or takes no more: the same again
            headers = sign(said["event_id"], str(int(time.time())), body)
            with contextlib.suppress(ClientError, TimeoutError):
                async with session.post(url, data=body, headers=headers) as reply:
                    if reply.status < 500:
                        return
            await asyncio.sleep(pause_s)


app = web.Application()
app.router.add_post("/", receive)
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=9000)
