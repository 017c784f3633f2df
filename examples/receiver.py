"""A dialer of your own for dialwheel: takes attempts, "calls", reports. No phone rings.

pip install aiohttp standardwebhooks
DIALWHEEL_PROVIDER_SECRET=whsec_… python examples/receiver.py   # on http://127.0.0.1:9000/
"""

import asyncio
import json
import os
from contextlib import suppress
from datetime import UTC, datetime

from aiohttp import ClientError, ClientSession, web
from standardwebhooks import Webhook, WebhookVerificationError

secret = Webhook(os.environ["DIALWHEEL_PROVIDER_SECRET"])
calls, dialing = {}, set()  # by key: the same key, the same answer, one call. Keep yours in a database


async def receive(request):
    try:
        asked = secret.verify(await request.read(), request.headers)
    except (WebhookVerificationError, ValueError):
        return web.json_response({"error": "not signed, or long ago"}, status=401)
    call = calls.get(asked.get("key"))
    if asked["type"] == "cancel":  # somebody said stop: hang up what is called asked["ref"]
        return web.Response(status=202)
    if asked["type"] == "lookup":  # "known": false is a promise: nothing that forgets its calls can give it
        return web.json_response({"known": True, **call} if call else {}, status=200 if call else 503)
    if call is None and datetime.now(UTC) > datetime.fromisoformat(asked["arrive_by"]):
        return web.json_response({"error": "too late", "scope": "permit"}, status=422)
    if call is None:
        call = calls[asked["key"]] = {"ref": f"call-{asked['key']}", "status": "initiated"}
        dialing.add(asyncio.create_task(dial(asked["callback_url"], call)))
    return web.json_response({"ref": call["ref"]}, status=202)


async def dial(url, call):
    for status, more in ("ringing", {}), ("answered", {}), ("completed", {"duration_s": 42}):
        news = {"status": status, "at": datetime.now(UTC).isoformat(), **more}  # as your telephony says
        call |= news
        await report(url, f"{call['ref']}-{status}", {"provider_call_id": call["ref"], **news})


async def report(url, event_id, news):
    for pause_s in (1, 5, 25, 125, 625):  # dialwheel is away, or takes no more: the same again
        now, body = datetime.now(UTC), json.dumps({"event_id": event_id, **news})
        head = {"webhook-id": event_id, "webhook-timestamp": str(int(now.timestamp()))}
        head |= {"webhook-signature": secret.sign(event_id, now, body), "content-type": "application/json"}
        with suppress(ClientError, TimeoutError):
            async with ClientSession(headers=head) as session, session.post(url, data=body) as reply:
                if reply.status < 500:
                    return
        await asyncio.sleep(pause_s)


app = web.Application()
app.router.add_post("/", receive)
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=9000)
