#!/usr/bin/env python3
"""Sends every hostile request to a running server and compares the answers.

usage: hostile.py URL API_KEY [--set DIR] [--only N037,...] [--verbose]

The key must be one for tenant `acme` alone; a tenant `other` must exist. Syslog cases are skipped
(they need a listener). Exit 0 when every answer is the expected one, 1 when some are not, 3 when the
server did not answer. Standard library only.
"""
import argparse, datetime, http.client, json, os, sys, time, urllib.parse

ap = argparse.ArgumentParser()
ap.add_argument("url"); ap.add_argument("key")
ap.add_argument("--set", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testdata/hostile"))
ap.add_argument("--only", default=""); ap.add_argument("--verbose", action="store_true")
a = ap.parse_args()
sys.path.insert(0, os.path.abspath(a.set))
import expand  # noqa: E402

u = urllib.parse.urlsplit(a.url)
only = set(filter(None, a.only.split(",")))


def post(chunks, ctype, enc, limit):
    c = http.client.HTTPConnection(u.hostname, u.port or 80, timeout=limit)
    h = {"Authorization": "Bearer " + a.key, "Connection": "close"}
    if ctype:
        h["Content-Type"] = ctype
    if enc:
        h["Content-Encoding"] = enc
    t = time.monotonic()
    try:
        c.request("POST", "/v1/events", body=b"".join(chunks), headers=h)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a server may answer and close before it has read a body that is too large
    r = c.getresponse()
    raw = r.read()
    return r.status, raw, time.monotonic() - t


def filled(chunk):
    """replaces +now+25h and the like by that instant"""
    if b"+now+" not in chunk:
        return chunk
    for h in (1, 23, 25, 48):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=h)
        chunk = chunk.replace(f"+now+{h}h".encode(), at.strftime("%Y-%m-%dT%H:%M:%SZ").encode())
    return chunk


def check(expect, status, raw, secs, limit):
    wrong = []
    want = expect.get("http")
    if want == 202:
        if not 200 <= status < 300:
            wrong.append(f"status {status}, wanted 2xx")
    elif want and status != want:
        wrong.append(f"status {status}, wanted {want}")
    if status >= 500:
        wrong.append("a server error")
    if secs > limit:
        wrong.append(f"took {secs:.1f} s")
    err = expect.get("error")
    if err and status >= 400:
        try:
            p = json.loads(raw)
        except ValueError:
            return wrong + ["the error body is not JSON"]
        codes = {p.get("code")} | {e.get("code") for e in p.get("errors") or [] if isinstance(e, dict)}
        if err not in codes:
            wrong.append(f"code {sorted(filter(None, codes))}, wanted {err}")
        f = expect.get("field")
        fields = {e.get("field") for e in p.get("errors") or [] if isinstance(e, dict)} | {p.get("field")}
        if f and f not in fields and not any(str(x or "").endswith(f) for x in fields):
            wrong.append(f"field {sorted(filter(None, fields))}, wanted {f}")
        if len(raw) > 20_000:
            wrong.append(f"the error body has {len(raw)} bytes")
    return wrong


ran = bad = skipped = 0
for case in expand.cases(os.path.join(a.set, "hostile.ndjson")):
    if only and case["n"] not in only:
        continue
    if case.get("transport"):
        skipped += 1
        continue
    limit = 30 if "gen" in case else 5
    steps = case.get("steps") or [case]
    for i, step in enumerate(steps):
        try:
            chunks = [step["body"].encode()] if "steps" in case else list(expand.stream(step))
            status, raw, secs = post([filled(c) for c in chunks], step.get("content_type", case.get("content_type")),
                                     step.get("content_encoding", case.get("content_encoding")), limit)
        except OSError as e:
            print(f"{case['n']} no answer: {e}")
            sys.exit(3)
        wrong = check(step.get("expect", case.get("expect")), status, raw, secs, limit)
        ran += 1
        if wrong:
            bad += 1
            print(f"{case['n']} {case['class']}: {case['title']} [step {i + 1}]: {'; '.join(wrong)}")
            if a.verbose:
                print("   ", raw[:300])
print(f"{ran - bad} passed, {bad} failed, {skipped} skipped")
sys.exit(1 if bad else 0)
