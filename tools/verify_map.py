"""Checks proofs of sparse Merkle maps; the form is in docs/protocol/tree-and-checkpoints.md, "Maps"."""
import verify as v


def map_value(key, other, value, siblings, root):
    """Returns the value that is proven for the key, None for none: its path ends at `value`, at another key's, or at nothing."""
    bits = lambda key: f"{int.from_bytes(key, 'big'):0128b}"[:len(siblings)]
    v.need(len(siblings) <= 128 and other != key, "map", "a path has 128 steps at most and ends at another key or this one")
    v.need(other is None or bits(other) == bits(key), "map", "the other key does not share the path")
    at = bytes(32) if value is None else v.sha256(b"\2", other or key, value)
    for bit, beside in zip(reversed(bits(key)), siblings):
        at = v.sha256(b"\3", *((beside, at) if bit == "1" else (at, beside)))
    v.need(at == root, "map", "the proof leads to another root")
    return None if other else value
