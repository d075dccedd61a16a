"""Checks verify.py against the golden vectors; run it as `verify.py vectors testdata/vectors`.

Every valid case must come out as the file says and every refused one must be refused, evidence at the very step that
the file names. Not checked: the refused tile paths, since verify.py writes paths and reads none.
"""
import base64, json, pathlib, sys, uuid

import verify as v
from verify_map import map_value

H = bytes.fromhex


def refused(check, *args):
    """Returns the step at which the check refuses, or None where it accepts."""
    try:
        check(*args)
    except v.Refused as error:
        return error.args[0]


def entry(case):
    raw = H(case["bytes"])
    got = v.parse_entry(raw)
    assert got["kind"] == case["kind"] and v.leaf_hash(raw).hex() == case["leaf_hash"]
    assert all(str(got[name]) == case[name] for name in ("tenant_seq", "received_at_us"))
    assert all(got[name].hex() == case[name] for name in ("chain_id", "prev", "commitment"))


def envelope(case):
    got = v.parse_envelope(H(case["bytes"]))
    got |= {name: str(got[name]) for name in ("event_time_us", "tenant_number")} | {"key_id": got["key_id"].hex()}
    places = ["/actor", "/on_behalf_of"]
    for person in got["people"]:
        place, user = person["place"], str(uuid.UUID(bytes=person["user"]))
        person |= {"place": places[place] if place < 2 else f"/targets/{place - 2}", "user": user}
    assert got == {"people": []} | {name: case[name] for name in got if name in case}


def commitment(case):
    assert v.commitment(H(case["salt"]), H(case["envelope"]), H(case["body"])).hex() == case["commitment"]


def first_not_following(case):
    """Returns the index of the first entry that does not follow its chain."""
    chains = {}
    for at, raw in enumerate(case["entries"]):
        if refused(v.follow_chain, chains, H(raw)):
            return at


def chain(case):
    v.need(first_not_following(case) is None, "chain", "does not follow")


def chain_refused(case):
    assert first_not_following(case) == case["at"]
    chain(case)


def tree(case):
    leaves = [v.leaf_hash(index.to_bytes(8, "big")) for index in range(case["size"])]
    assert v.tree_root(leaves).hex() == case["root"]


def inclusion(case):
    proof = [H(hash) for hash in case["proof"]]
    root = v.inclusion_root(int(case["index"]), int(case["size"]), H(case["leaf"]), proof)
    v.need(root.hex() == case["root"], "inclusion", "another root")


def consistency(case):
    old, proof, old_root = int(case["from"]), [H(hash) for hash in case["proof"]], H(case["from_root"])

    def root_of(low, high):
        # The proof leaves out the older root where that is a whole subtree: the verifier has it.
        v.need(proof or (low, high) == (0, old), "consistency", "the proof is too short")
        return old_root if (low, high) == (0, old) else proof.pop()

    v.check_consistency(old, int(case["to"]), old_root, H(case["to_root"]), root_of)
    v.need(not proof, "consistency", "the proof is too long")


def map_proof(case):
    end, siblings = case["end"], [H(hash) for hash in case["siblings"]]
    other, value = (H(end[name]) if name in end else None for name in ("other", "value"))
    got = map_value(H(case["key"]), other, value, siblings, H(case["root"]))
    if "why" not in case:
        assert (got and got.hex()) == case["value"]


def tile_path(case):
    assert v.tile_path(case["level"], int(case["index"]), case["width"]) == case["path"]


def checkpoint(case):
    got = v.open_checkpoint(case["note"], [v.parse_vkey(key) for key in case["vkeys"]])
    if "origin" in case:
        assert got == (case["origin"], int(case["size"]), H(case["root"]))


def tlog_proof(case):
    index, hashes, note, extra = v.parse_tlog_proof(case["text"])
    if "index" in case:
        assert (str(index), [hash.hex() for hash in hashes], note) == (case["index"], case["hashes"], case["checkpoint"])
        assert (extra and extra.hex()) == case["extra"]


def evidence(case):
    body = case["body"] if case["body"] is None else base64.b64decode(case["body"])
    got = v.check_event(json.dumps(case["bundle"]), body, [v.parse_vkey(key) for key in case["vkeys"]])
    assert (got["envelope"] is None) == (body is None)


def evidence_refused(case):
    step = refused(evidence, case)
    assert step == case["step"], f"refused at {step}"
    evidence(case)


def log(folder):
    """Checks the log that lies in files as a server serves it, and that its fork is refused."""
    about = json.loads((folder / "log.json").read_text("utf-8"))
    fetch = lambda path: (folder / "log" / path).read_bytes()
    note, vkeys = fetch("checkpoint").decode(), [v.parse_vkey(about["vkey"])]
    got = v.check_log(fetch, note, vkeys)
    assert (got["size"], got["root"].hex()) == (about["size"], about["root"])
    heads = {chain["chain_id"]: (chain["entries"], chain["head"]) for chain in about["chains"]}
    assert {id: (end["entries"], end["head"].hex()) for id, end in got["chains"].items()} == heads
    v.check_prefix(fetch, note, about["older"], vkeys)
    v.check_prefix(fetch, note, note, vkeys)
    assert refused(v.check_prefix, fetch, note, about["fork"], vkeys) == "consistency"
    assert refused(v.check_prefix, fetch, about["older"], note, vkeys) == "consistency"
    both = vkeys + [v.parse_vkey(about["other_vkey"])]
    assert refused(v.check_prefix, fetch, note, about["other"], both) == "consistency"


FILES = {
    "entries": (entry, entry),
    "envelopes": (envelope, envelope),
    "envelopes_v2": (envelope, envelope),
    "commitments": (commitment, None),
    "chains": (chain, chain_refused),
    "trees": (tree, None),
    "inclusion": (inclusion, inclusion),
    "consistency": (consistency, consistency),
    "maps": (map_proof, map_proof),
    "tile_paths": (tile_path, None),
    "checkpoints": (checkpoint, checkpoint),
    "tlog_proofs": (tlog_proof, tlog_proof),
    "evidence": (evidence, evidence_refused),
    "evidence_v2": (evidence, evidence_refused),
}


def run(folder):
    """Checks every file of the folder. Returns the exit code: 0 where all cases came out right, else 1."""
    folder, wrong, counts = pathlib.Path(folder), [], {}
    unknown = {path.stem for path in folder.glob("*.json")} - set(FILES) - {"log"}
    if unknown:
        wrong.append(f"no check for {sorted(unknown)}")
    for name, checks in FILES.items():
        cases = json.loads((folder / f"{name}.json").read_text("utf-8"))
        for kind, check in zip(("valid", "refused"), checks):
            for case in cases.get(kind, []) if check else []:
                counts[name] = counts.get(name, 0) + 1
                try:
                    ok = (refused(check, case) is None) == (kind == "valid")
                except AssertionError as error:
                    ok = print(error, file=sys.stderr)
                if not ok:
                    wrong.append(f"{name}: {kind} case {case.get('name') or case.get('why') or case} came out wrong")
    try:
        log(folder)
    except (AssertionError, v.Refused) as error:
        wrong.append(f"log: {error!r}")
    print(json.dumps({"cases": counts, "wrong": len(wrong)}))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0
