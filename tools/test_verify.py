"""Tests of verify.py: the golden vectors, and what it says of damaged logs, wrong keys and servers out of reach.

    python3 -m unittest discover -s tools -p 'test_*.py'

Exit codes are what is asserted: 0 it holds, 1 it does not, 2 wrong usage, 3 could not find out.
"""
import base64, http.server, json, pathlib, shutil, subprocess, sys, tempfile, threading, unittest

TOOLS = pathlib.Path(__file__).resolve().parent
VECTORS = TOOLS.parent / "testdata" / "vectors"
KEY = "test-api-key"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder to whoever has the API key."""

    def do_GET(self):
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.send_error(401)
        if (self.server.folder / "moved").exists():
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        super().do_GET()

    def translate_path(self, path):
        return str(self.server.folder / path.lstrip("/"))

    def log_message(self, *_):
        pass


class VerifyTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = self.folder / "log"
        shutil.copytree(VECTORS / "log", self.log)
        self.about = json.loads((VECTORS / "log.json").read_text("utf-8"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.folder = self.log
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def run_verify(self, *args, code):
        command = [sys.executable, str(TOOLS / "verify.py"), *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        self.assertNotIn("Traceback", done.stderr)
        return done

    def run_log(self, *args, code, command="log", key=KEY, vkey=None):
        vkey = vkey or self.about["vkey"]
        return self.run_verify(command, "--url", self.url, "--key", key, "--vkey", vkey, *args, code=code)

    def file(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def flip(self, path, at):
        raw = bytearray((self.log / path).read_bytes())
        raw[at] ^= 1
        (self.log / path).write_bytes(raw)

    def test_is_at_most_250_lines(self):
        self.assertLessEqual(len((TOOLS / "verify.py").read_text("utf-8").splitlines()), 250)

    def test_golden_vectors(self):
        done = self.run_verify("vectors", VECTORS, code=0)
        self.assertGreater(json.loads(done.stdout)["cases"]["evidence"], 20)

    def test_a_vector_that_comes_out_wrong_is_noticed(self):
        changes = {
            "entries": ("valid", "leaf_hash", "00" * 32),
            "envelopes": ("valid", "event_id", "x"),
            "envelopes_v2": ("valid", "people", []),
            "commitments": ("valid", "commitment", "00" * 32),
            "chains": ("refused", "at", 1),
            "trees": ("valid", "root", "00" * 32),
            "inclusion": ("valid", "root", "00" * 32),
            "consistency": ("valid", "to_root", "00" * 32),
            "tile_paths": ("valid", "path", "tile/0/001"),
            "checkpoints": ("valid", "size", "6"),
            "tlog_proofs": ("valid", "index", "6"),
            "evidence": ("refused", "step", "entry"),
            "evidence_v2": ("refused", "step", "entry"),
        }
        for name, (kind, field, value) in changes.items():
            with self.subTest(name):
                folder = self.folder / name
                shutil.copytree(VECTORS, folder)
                cases = json.loads((folder / f"{name}.json").read_text("utf-8"))
                cases[kind][0][field] = value
                (folder / f"{name}.json").write_text(json.dumps(cases), "utf-8")
                self.assertEqual(json.loads(self.run_verify("vectors", folder, code=1).stdout)["wrong"], 1)

    def test_a_proof_bundle_and_its_body(self):
        case = json.loads((VECTORS / "evidence.json").read_text("utf-8"))["valid"][0]
        bundle = self.file("bundle.json", json.dumps(case["bundle"]))
        body, other = self.file("body", base64.b64decode(case["body"])), self.file("other", b"{}")
        vkey = case["vkeys"][0]
        with_body = json.loads(self.run_verify("proof", bundle, "--body", body, "--vkey", vkey, code=0).stdout)
        self.assertEqual((with_body["envelope"]["tenant_number"], with_body["envelope"]["people"]), (1, []))
        alone = json.loads(self.run_verify("proof", bundle, "--vkey", self.file("vkey", vkey + "\n"), code=0).stdout)
        self.assertIsNone(alone["envelope"])
        self.assertIn("commitment", self.run_verify("proof", bundle, "--body", other, "--vkey", vkey, code=1).stderr)
        self.run_verify("proof", body, "--vkey", vkey, code=1)
        self.run_verify("proof", self.file("binary", b"\xff"), "--vkey", vkey, code=1)
        self.run_verify("proof", self.folder / "absent", "--vkey", vkey, code=3)
        self.run_verify("proof", bundle, code=2)
        self.run_verify("proof", bundle, "--vkey", vkey[:-4], code=2)
        name, id, key = vkey.split("+", 2)
        self.run_verify("proof", bundle, "--vkey", f"{name}+{int(id, 16) ^ 1:08x}+{key}", code=2)
        self.run_verify("proof", bundle, "--vkey", self.file("no key", b"\n"), code=2)
        self.run_verify("prove", bundle, code=2)

    def test_a_whole_log(self):
        saved = self.folder / "saved"
        done = json.loads(self.run_log("--save", saved, code=0).stdout)
        self.assertEqual((done["size"], done["root"]), (self.about["size"], self.about["root"]))
        self.assertEqual(len(done["chains"]), len(self.about["chains"]))
        self.assertEqual(saved.read_bytes(), (self.log / "checkpoint").read_bytes())
        self.run_log("--old", saved, code=0)
        self.run_log("--old", self.file("older", self.about["older"]), code=0)

    def test_consistency_with_an_older_checkpoint(self):
        older, fork = self.file("older", self.about["older"]), self.file("fork", self.about["fork"])
        newest = self.file("newest", (self.log / "checkpoint").read_bytes())
        shutil.rmtree(self.log / "tile" / "entries")  # It needs hash tiles alone.
        self.run_log("--old", older, command="consistency", code=0)
        self.assertIn("two histories", self.run_log("--old", fork, command="consistency", code=1).stderr)
        (self.log / "checkpoint").write_bytes(self.about["older"].encode())
        self.assertIn("shrunk", self.run_log("--old", newest, command="consistency", code=1).stderr)
        self.run_log(command="consistency", code=2)

    def test_damage_anywhere_is_refused(self):
        cases = [("checkpoint", 60), ("tile/0/000", 0), ("tile/0/002.p/88", 2815), ("tile/1/000.p/2", 40)]
        # In an entry bundle: a length, a version, a chain, a number, a link, a commitment.
        cases += [("tile/entries/001", 101 * 7 + at) for at in (1, 2, 6, 24, 40, 80)]
        for path, at in cases:
            with self.subTest(path=path, at=at):
                self.flip(path, at)
                self.run_log(code=1)
                self.flip(path, at)
        self.run_log(code=0)

    def test_a_signature_over_another_tree_is_refused(self):
        # Entries and tiles agree with each other, as of size 300; the signed root is that of another tree.
        for path, width, size in (("tile/0/001", 44, 32), ("tile/entries/001", 44, 101), ("tile/1/000", 1, 32)):
            whole = self.log / path if (self.log / path).exists() else self.log / (path + ".p") / "2"
            part = self.log / f"{path}.p" / str(width)
            part.parent.mkdir(exist_ok=True)
            part.write_bytes(whole.read_bytes()[:width * size])
        (self.log / "checkpoint").write_bytes(self.about["older"].encode())
        self.run_log(code=0)
        (self.log / "checkpoint").write_bytes(self.about["fork"].encode())
        self.assertIn("signed root", self.run_log(code=1).stderr)

    def test_missing_and_moved_entries_are_refused(self):
        path = self.log / "tile" / "entries" / "001"
        whole = path.read_bytes()
        entries = [whole[at:at + 101] for at in range(0, len(whole), 101)]
        swapped = entries[:4] + [entries[6], entries[5], entries[4]] + entries[7:]
        repeated = entries[:9] + entries[8:9] + entries[10:]
        for changed in (entries[:-1], entries[1:], swapped, entries + entries[-1:], repeated):
            path.write_bytes(b"".join(changed))
            self.run_log(code=1)
        path.write_bytes(whole[:-1])
        self.run_log(code=1)

    def test_another_key_is_refused(self):
        other = json.loads((VECTORS / "evidence.json").read_text("utf-8"))["refused"]
        strangers = [case for case in other if case["why"] == "a key that nobody trusts"][0]["vkeys"]
        self.assertIn("trusted key", self.run_log(vkey=strangers[0], code=1).stderr)
        self.run_log(vkey=self.file("both", "\n".join([*strangers, self.about["vkey"]])), code=0)

    def test_what_could_not_be_found_out_is_not_a_no(self):
        self.assertIn("401", self.run_log(key="wrong", code=3).stderr)
        (self.log / "tile" / "0" / "001").unlink()
        self.assertIn("404", self.run_log(code=3).stderr)
        (self.log / "moved").touch()
        self.assertIn("302", self.run_log(code=3).stderr)
        vkey = self.about["vkey"]
        self.run_verify("log", "--url", "http://127.0.0.1:1/", "--vkey", vkey, code=3)
        self.run_verify("vectors", self.folder / "absent", code=3)
        self.run_verify("log", "--vkey", vkey, code=2)


if __name__ == "__main__":
    unittest.main()
