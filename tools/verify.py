#!/usr/bin/env python3
"""Checks Indelible's proofs and logs without any of Indelible's code. The formats are in docs/protocol/.

  verify.py proof FILE --vkey KEY [--body FILE]          one event: its proof bundle (JSON) and its own bytes
  verify.py log --url URL --vkey KEY [--old FILE]        a running server: every entry, chain and tile, and the root
  verify.py consistency --url URL --vkey KEY --old FILE  is a checkpoint saved earlier a prefix of today's log?
  verify.py vectors DIR                                  the golden vectors, testdata/vectors

KEY: a verifier key (name+id+base64) or a file of them, had in another way than the proof. --key: the API key. Each
option also comes from INDELIBLE_<OPTION>. --save FILE keeps the checkpoint that was checked, to be --old next time.
Exit codes: 0 it holds, 1 it does not, 2 wrong usage, 3 could not find out.
"""
import argparse, base64, functools, hashlib, http.client, io, json, os, re, struct, sys, urllib.parse
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

class Refused(Exception): """The answer is no; the arguments are the step that failed and why."""
def need(holds, step, why):
    if not holds: raise Refused(step, why)

# Strict text: every value has one spelling.
def b64(text, step, size=None):
    try: raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError): raise Refused(step, "not base64") from None
    need(base64.b64encode(raw).decode() == text and len(raw) == (size or len(raw)), step, "not the expected base64")
    return raw
def decimal(text, step):
    need(re.fullmatch("0|[1-9][0-9]{0,19}", text) and int(text) < 2**64, step, "not a 64-bit decimal number")
    return int(text)

# Trees: RFC 6962 section 2.1. Proofs are folded from the root down, as the RFC defines them.
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def leaf_hash(entry): return sha256(b"\0", entry)
def node(left, right): return sha256(b"\1", left, right)
def split(n): return 1 << (n - 1).bit_length() - 1
def tree_root(leaves):
    if len(leaves) < 2: return leaves[0] if leaves else sha256()
    return node(tree_root(leaves[:split(len(leaves))]), tree_root(leaves[split(len(leaves)):]))

def inclusion_root(index, size, leaf, proof):
    need(index < size and (size == 1) == (not proof), "inclusion", "index or proof length do not fit the tree size")
    if size == 1: return leaf
    if index < (k := split(size)): return node(inclusion_root(index, k, leaf, proof[:-1]), proof[-1])
    return node(proof[-1], inclusion_root(index - k, size - k, leaf, proof[:-1]))

def two_roots(old, low, high, root_of):
    """Returns the roots of the first `old` leaves of low..high and of all of them, folded from the same hashes."""
    if old == high - low: return (root_of(low, high),) * 2
    middle = low + split(high - low)
    if old <= middle - low:
        top, (older, newer) = root_of(middle, high), two_roots(old, low, middle, root_of)
        return older, node(newer, top)
    top, (older, newer) = root_of(low, middle), two_roots(old - (middle - low), middle, high, root_of)
    return node(top, older), node(top, newer)

def check_consistency(old, new, old_root, new_root, root_of):
    need(old <= new, "consistency", "the log has shrunk")
    roots = two_roots(old, 0, new, root_of) if old else (sha256(), new_root if new else sha256())
    need(roots == (old_root, new_root), "consistency", "not a prefix: two histories were signed, or the proof is wrong")

# Signed checkpoints: c2sp.org/signed-note and c2sp.org/tlog-checkpoint.
KEY_NAME = r"[^\s+\x00-\x1f\x7f-\x9f]+"
def parse_vkey(text):
    match = re.fullmatch(f"({KEY_NAME})\\+([0-9a-f]{{8}})\\+(.*)", text)
    key = b64(match[3], "key") if match else b""
    need(len(key) == 33 and key[0] == 1, "key", "not a verifier key for Ed25519")
    need(sha256(match[1].encode(), b"\n", key)[:4].hex() == match[2], "key", "the key id is not that of the key")
    return match[1], bytes.fromhex(match[2]), Ed25519PublicKey.from_public_bytes(key[1:])

def parse_note(note, step):
    """Returns a checkpoint (origin, size, root) that nobody vouches for yet, the signed text, and the signatures."""
    need(len(note) <= 1_000_000 and not re.search("[\0-\x09\x0b-\x1f]", note), step, "too long, or control characters")
    text, blank, signatures = note.rpartition("\n\n")
    lines, found = text.split("\n"), []
    for line in signatures.removesuffix("\n").split("\n"):
        match = re.fullmatch(f"\u2014 ({KEY_NAME}) (\\S+)", line)
        raw = b64(match[2], step) if match else b""
        need(len(raw) > 4, step, "malformed signature line")
        found.append((match[1], raw[:4], raw[4:]))
    need(blank and signatures.endswith("\n") and len(found) <= 100 and len(lines) > 2 and all(lines), step, "malformed")
    size, root = decimal(lines[1], step), b64(lines[2], step, 32)
    need(size > 0 or root == sha256(), step, "not the root of the empty tree")
    return (lines[0], size, root), text + "\n", found

def open_checkpoint(note, vkeys):
    """Returns origin, size and root, if a trusted key that is named like the origin has signed them."""
    checkpoint, text, signatures = parse_note(note, "checkpoint")
    by = [(key, sig) for name, key_id, sig in signatures for n, i, key in vkeys
          if (n, i) == (name, key_id) and n == checkpoint[0]]
    need(by, "checkpoint", "no signature by a trusted key of this log")
    for key, signature in by:
        try: key.verify(signature, text.encode())
        except InvalidSignature: raise Refused("checkpoint", "the signature does not verify") from None
    return checkpoint

# Our formats: docs/protocol/{entry,envelope,commitment,proof}.md.
def parse_entry(raw):
    need(len(raw) == 99, "entry", "an entry has 99 bytes")
    version, kind, algorithm, *rest = struct.unpack(">BBB16sQQ32s32s", raw)
    need((version, algorithm) == (1, 1), "entry", "unknown version or commitment algorithm")
    return dict(zip(("kind", "chain_id", "tenant_seq", "received_at_us", "prev", "commitment"), [kind, *rest]))

def parse_envelope(raw):
    names = "event_time_us", "time_source", "protocol", "rule_version", "mapping_version", "tenant_number", "key_id"
    read = io.BytesIO(raw).read
    def take(form): return struct.unpack(">" + form, read(struct.calcsize(">" + form)))
    def text(): return take("%ds" % take("H"))[0].decode()
    def ascending(keys): return need(keys == sorted({*keys} - {""}), "envelope", "people or names out of order") or keys
    def listed(recorded): return ascending([text() for _ in range(*take("H"))]) if recorded else None
    def person():
        place, user, recorded = take("H16sB")
        need(recorded < 4, "envelope", "unknown record of a person")
        return {"place": place, "user": user, "groups": listed(recorded & 1), "roles": listed(recorded & 2)}
    try:
        version, *values = take("BqBBIIQ16s")
        strings = {name: text() for name in ("event_id", "tenant_name", "media_type", "mapping_name")}
        people = [person() for _ in range(*take("H"))] if version == 2 else []
    except (struct.error, UnicodeDecodeError) as error: raise Refused("envelope", str(error)) from None
    ascending([person["place"] for person in people])
    need(version == 1 + bool(people) and values[1] in (0, 1) and not read(), "envelope", "unknown, or of wrong length")
    return dict(zip(names, values)) | strings | {"people": people}

def commitment(salt, envelope, body):
    sized = (len(part).to_bytes(8, "big") + part for part in (envelope, body))
    return sha256(b"indelible/commitment/v1\0", salt, *sized)

def follow_chain(chains, raw):
    end = chains.get((entry := parse_entry(raw))["chain_id"])
    need((entry["kind"] == 2) == (end is None), "chain", "a chain was opened twice or not at all")
    need((entry["tenant_seq"], entry["prev"]) == (end or (0, bytes(32))), "chain", "an entry is missing or changed")
    chains[entry["chain_id"]] = (entry["tenant_seq"] + 1, leaf_hash(raw))

def parse_tlog_proof(text):
    """c2sp.org/tlog-proof. Returns index, hashes, the checkpoint's note, and the extra data (None without)."""
    head, _, note = text.partition("\n\n")
    parse_note(note, "bundle")
    match = re.fullmatch("c2sp.org/tlog-proof@v1\n(?:extra (.{1,1000000})\n)?index (.*)((?:\n.{44}){0,64})", head)
    need(match, "bundle", "not a tlog-proof")
    hashes = [b64(line, "bundle", 32) for line in match[3].split("\n")[1:]]
    return decimal(match[2], "bundle"), hashes, note, match[1] and b64(match[1], "bundle")

def parse_bundle(text):
    try:
        bundle = json.loads(text)
        entry, proof, place = b64(bundle["entry"], "bundle"), bundle["proof"], (bundle["index"], bundle["tenant_seq"])
        salt, envelope = (bundle[field] and b64(bundle[field], "bundle") for field in ("salt", "envelope"))
        need([salt, envelope] == [None, None] or len(salt) == 16 and envelope, "bundle", "salt or envelope is missing")
        return entry, salt, envelope, parse_tlog_proof(proof), place
    except (ValueError, TypeError, KeyError, AttributeError) as error: raise Refused("bundle", repr(error)) from None

def check_event(text, body, vkeys):
    """Checks a proof bundle step by step. `body` is the event's own bytes; with None only the entry is proven."""
    raw, salt, envelope, (index, hashes, note, _), place = parse_bundle(text)
    need(body is None or salt, "bundle", "the content was erased: the body cannot be checked")
    entry = parse_entry(raw)
    need(body is None or commitment(salt, envelope, body) == entry["commitment"], "commitment", "other content")
    fields = None if body is None else parse_envelope(envelope)
    _, size, root = parse_note(note, "bundle")[0]
    need(inclusion_root(index, size, leaf_hash(raw), hashes) == root, "inclusion", "the entry is not in the tree")
    origin, size, root = open_checkpoint(note, vkeys)
    need(place == (index, entry["tenant_seq"]), "bundle", "index or tenant_seq are not those proven")
    return {"origin": origin, "size": size, "root": root, "index": index, "entry": entry, "envelope": fields}

# Logs: c2sp.org/tlog-tiles. fetch(path) returns bytes.
def tile_path(level, index, width=256):
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return f"tile/{'entries' if level is None else level}/{path}" + ("" if width == 256 else f".p/{width}")

def open_tiles(fetch, size):
    """Returns two readers of a log of this size: of one tile, and of the root above the leaves low..high."""
    @functools.lru_cache(4096)
    def tile(level, n):
        width = min(256, (size >> 8 * level) - 256 * n)
        raw = fetch(tile_path(level, n, width))
        need(len(raw) == 32 * width, "inclusion", "a tile has the wrong length")
        return [raw[at:at + 32] for at in range(0, len(raw), 32)]
    def root_of(low, high):
        height = (high - low).bit_length() - 1
        if high - low != 1 << height: return node(root_of(low, low + (1 << height)), root_of(low + (1 << height), high))
        first = low >> height // 8 * 8
        return tree_root(tile(height // 8, first // 256)[first % 256:][:1 << height % 8])
    return tile, root_of

def check_prefix(fetch, note, old_note, vkeys):
    (name, size, root), (origin, new_size, new_root) = open_checkpoint(old_note, vkeys), open_checkpoint(note, vkeys)
    need(name == origin, "consistency", "checkpoints of two logs")
    check_consistency(size, new_size, root, new_root, open_tiles(fetch, new_size)[1])  # As few tiles as it takes.
    return {"origin": origin, "old_size": size, "size": new_size, "root": new_root}

def check_log(fetch, note, vkeys):
    """Fetches every entry and every tile of a log and checks all of it against the signed checkpoint."""
    origin, size, root = open_checkpoint(note, vkeys)
    tile, chains, level, hashes = open_tiles(fetch, size)[0], {}, 0, []
    for n in range(-(-size // 256)):
        bundle, leaves = fetch(tile_path(None, n, min(256, size - 256 * n))), []
        while bundle:
            end = 2 + int.from_bytes(bundle[:2], "big")
            follow_chain(chains, bundle[2:end])
            leaves, bundle = leaves + [leaf_hash(bundle[2:end])], bundle[end:]
        need(leaves == tile(0, n), "inclusion", f"entry bundle {n} does not give hash tile {n}")
        hashes.append(tree_root(leaves))
    need(tree_root(hashes) == root, "inclusion", "the entries do not give the signed root")
    while hashes := hashes[:size >> 8 * (level := level + 1)]:  # One hash for each full tile of the level below.
        rows = [hashes[at:at + 256] for at in range(0, len(hashes), 256)]
        need(rows == [tile(level, n) for n in range(len(rows))], "inclusion", f"a tile of level {level} is wrong")
        hashes = [tree_root(row) for row in rows]
    heads = {chain.hex(): {"entries": count, "head": head} for chain, (count, head) in chains.items()}
    return {"origin": origin, "size": size, "root": root, "chains": heads}

def fetcher(url, key):
    parts = urllib.parse.urlsplit(url)  # No redirects are followed: the API key must not go elsewhere.
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection, headers = connect(parts.netloc, timeout=60), {"Authorization": f"Bearer {key}"} if key else {}
    def fetch(path):
        connection.request("GET", f"{parts.path.rstrip('/')}/{path}", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200: raise OSError(f"/{path} answers {answer.status} {answer.reason}")
        return answer.read()
    return fetch

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("proof", "log", "consistency", "vectors"))
    parser.add_argument("path", nargs="?")
    for name in ("url", "key", "vkey", "body", "old", "save"):
        parser.add_argument("--" + name, default=os.environ.get("INDELIBLE_" + name.upper()))
    args, read = parser.parse_args(), lambda path: open(path, "rb").read()
    text = lambda path: read(path).decode(errors="replace")
    needs = {"proof": "path vkey", "log": "url vkey", "consistency": "url vkey old", "vectors": "path"}[args.command]
    if not all(getattr(args, name) for name in needs.split()): parser.error(f"{args.command} needs {needs}")
    try:
        if args.command == "vectors": return __import__("verify_vectors").run(args.path)
        keys = text(args.vkey) if os.path.exists(args.vkey) else args.vkey
        vkeys = [parse_vkey(key) for key in keys.split() or [""]]
        if args.command == "proof":
            result = check_event(text(args.path), args.body and read(args.body), vkeys)
        else:
            note = (fetch := fetcher(args.url, args.key))("checkpoint").decode(errors="replace")
            result = check_log(fetch, note, vkeys) if args.command == "log" else {}
            result |= check_prefix(fetch, note, text(args.old), vkeys) if args.old else {}
            args.save and open(args.save, "w", encoding="utf-8", newline="").write(note)
        print(json.dumps(result, default=bytes.hex))
    except Refused as refused:
        print("refused at {}: {}".format(*refused.args), file=sys.stderr)
        return 2 if refused.args[0] == "key" else 1
    except (OSError, http.client.HTTPException) as error:
        return print(f"could not find out: {error}", file=sys.stderr) or 3
if __name__ == "__main__": sys.exit(main())
