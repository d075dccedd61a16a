#!/usr/bin/env python3
"""Opens exported files with other people's programs, and compares what these see with what should be there.

Usage: check-files.py EXPECTATIONS.json     (or - for standard input)

EXPECTATIONS is a list of objects, one a file:
  {"path": "events.csv",                    # the ending tells the format: csv, xlsx, ods, parquet, pdf, html
   "rows": [["Timestamp", ...], ...],       # csv, xlsx: cells as texts, headings first, rows from the first one on
   "row_count": 301,                        # csv, xlsx, parquet: rows, headings counted where the format has them as a row
   "sheet": 1,                              # xlsx: which sheet, counted from 1
   "columns": {"time": "TIMESTAMP WITH TIME ZONE", "actor": "VARCHAR"},  # parquet: types by name, a part of them
   "query": "select count(*) from file where actor = 'ada'", "result": [[12]],   # parquet: SQL over the table `file`
   "pages": 3, "text": ["Events of October"]}   # pdf: number of pages, texts on them; html: texts in it
Every member but `path` may be missing: what there is to check of any file of the format is checked anyway (it opens,
no cell is a formula or an error, no page is blank).

Needs: LibreOffice (Debian: libreoffice-calc-nogui), poppler-utils, and from PyPI duckdb (see --needs).
Exit: 0 all is as expected, 1 something is not, 2 wrong usage, 3 a program is missing or did not run.
"""

import csv
import html.parser
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
import zipfile

NEEDS = {"csv": ["soffice"], "xlsx": ["soffice"], "ods": ["soffice"], "pdf": ["pdftoppm", "pdftotext", "pdfinfo"]}
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
# What a program shows of a formula that it ran and could not end.
ERRORS = ("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#N/A", "Err:")
# A sheet repeats empty cells up to its edge; nobody wants these.
REPEATED_MAX = 10_000


class Wrong(Exception):
    """Something is not as expected."""


class CouldNot(Exception):
    """A program is missing, or did not run."""


def run(*command):
    try:
        done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CouldNot(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise Wrong(f"{command[0]} refuses it: {done.stderr.decode(errors='replace').strip()[:500]}")
    return done.stdout


def office(path, folder):
    """The cells of all sheets as LibreOffice sees them, and the formulas that it took for such."""
    # A profile of its own, so that an office somebody has open is in nobody's way.
    command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore"]
    if path.suffix == ".csv":
        # Comma, quotation mark, UTF-8, from line 1, columns as they come ("General"), dates left as they are; formulas
        # are run, which careful settings of newer versions would not do.
        command.append("--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,0,true")
    run(*command, "--convert-to", "ods", "--outdir", str(folder), str(path))
    sheets, formulas = [], []
    with zipfile.ZipFile(folder / (path.stem + ".ods")) as ods:
        root = ET.fromstring(ods.read("content.xml"))
    for table in root.iter(TABLE + "table"):
        rows = []
        for row in table.iter(TABLE + "table-row"):
            cells = []
            for cell in row:
                if cell.tag not in (TABLE + "table-cell", TABLE + "covered-table-cell"):
                    continue
                if TABLE + "formula" in cell.attrib:
                    formulas.append(cell.attrib[TABLE + "formula"])
                text = "\n".join(paragraph(part) for part in cell.findall(TEXT + "p"))
                repeated = int(cell.get(TABLE + "number-columns-repeated", "1"))
                cells.extend([text] * (repeated if text else min(repeated, REPEATED_MAX)))
            while cells and not cells[-1]:
                cells.pop()
            repeated = int(row.get(TABLE + "number-rows-repeated", "1"))
            rows.extend([cells] * (repeated if cells else min(repeated, REPEATED_MAX)))
        while rows and not rows[-1]:
            rows.pop()
        sheets.append(rows)
    return sheets, formulas


def paragraph(part):
    """The text of a paragraph, spaces and tabs that have elements of their own included."""
    text = part.text or ""
    for child in part:
        if child.tag == TEXT + "s":
            text += " " * int(child.get(TEXT + "c", "1"))
        elif child.tag == TEXT + "tab":
            text += "\t"
        elif child.tag == TEXT + "line-break":
            text += "\n"
        else:
            text += paragraph(child)
        text += child.tail or ""
    return text


def same(found, expected, what):
    if found != expected:
        raise Wrong(f"{what}: expected {str(expected)[:300]!r}, got {str(found)[:300]!r}")


def check_sheet(path, expected, folder):
    sheets, formulas = office(path, folder)
    if formulas:
        raise Wrong(f"{len(formulas)} cells are formulas, the first is {formulas[0][:200]!r}")
    rows = sheets[expected.get("sheet", 1) - 1] if sheets else []
    for place, row in enumerate(rows):
        for cell in row:
            if cell.startswith(ERRORS):
                raise Wrong(f"a cell of row {place + 1} is an error: {cell!r}")
    if "row_count" in expected:
        same(len(rows), expected["row_count"], "rows")
    for place, row in enumerate(expected.get("rows", [])):
        row = list(row)
        while row and not row[-1]:
            row.pop()
        found = rows[place] if place < len(rows) else None
        same([normal(cell) for cell in found or []], [normal(cell) for cell in row], f"row {place + 1}")


def normal(cell):
    """What an office makes of a text: it knows one line end, and shows `-1.50` as a number."""
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    # ODF has no place for most control characters, and an office takes a tab for a space or for nothing.
    cell = "".join(c for c in cell if c == "\n" or c > " ")
    try:
        return str(float(cell))
    except ValueError:
        return cell


def check_csv(path, expected, folder):
    with open(path, encoding="utf-8-sig", newline="") as file:
        text = file.read()
    rows = list(csv.reader(io.StringIO(text), strict=True))
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise Wrong(f"rows have {sorted(widths)} cells")
    for place, row in enumerate(rows):
        for cell in row:
            if cell[:1] in "=+-@\t\r\n\0＝＋－＠" and cell and not is_number(cell):
                raise Wrong(f"a cell of row {place + 1} begins like a formula: {cell[:100]!r}")
    if "row_count" in expected:
        same(len(rows), expected["row_count"], "rows")
    for place, row in enumerate(expected.get("rows", [])):
        same(rows[place] if place < len(rows) else None, list(row), f"row {place + 1}")
    # What the office shows are the same cells.
    check_sheet(path, {"rows": rows[:1000]}, folder)


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text


def check_parquet(path, expected, _):
    try:
        import duckdb
    except ImportError as error:
        raise CouldNot("duckdb is not installed: pip install duckdb") from error
    with duckdb.connect() as base:
        base.execute("set TimeZone = 'UTC'")
        base.execute(f"create view file as select * from read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')")
        types = {name: kind for name, kind, *_ in base.execute("describe file").fetchall()}
        for name, kind in expected.get("columns", {}).items():
            same(types.get(name), kind, f"the type of {name}")
        count = base.execute("select count(*) from file").fetchone()[0]
        if "row_count" in expected:
            same(count, expected["row_count"], "rows")
        # All of it can be read, not only what the head of the file says.
        read = base.execute("select count(hash(file)) from file").fetchone()[0]
        same(read, count, "rows that could be read")
        if "query" in expected:
            found = [[str(cell) for cell in row] for row in base.execute(expected["query"]).fetchall()]
            same(found, [[str(cell) for cell in row] for row in expected["result"]], expected["query"])


def check_pdf(path, expected, folder):
    info = run("pdfinfo", str(path)).decode(errors="replace")
    pages = int(next(line.split()[1] for line in info.splitlines() if line.startswith("Pages:")))
    if "pages" in expected:
        same(pages, expected["pages"], "pages")
    text = run("pdftotext", "-layout", str(path), "-").decode()
    # A text may go on in the next line of its column.
    plain = "".join(text.split())
    for wanted in [*expected.get("text", []), f"Page {pages} of {pages}"]:
        if "".join(wanted.split()) not in plain:
            raise Wrong(f"its text lacks {wanted!r}")
    for page in sorted({1, (pages + 1) // 2, pages}):
        base = folder / f"page-{page}"
        run("pdftoppm", "-r", "40", "-gray", "-singlefile", "-f", str(page), "-l", str(page), str(path), str(base))
        pixels = (folder / f"page-{page}.pgm").read_bytes()[-300_000:]
        dark = sum(1 for pixel in pixels if pixel < 200)
        if dark < 40:
            raise Wrong(f"page {page} is blank: {dark} dark dots")


class Page(html.parser.HTMLParser):
    """The texts of a page, and the tags in it."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.attributes = set(), [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


def check_html(path, expected, _):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    if forbidden := page.tags & {"script", "img", "iframe", "object", "embed", "link", "form", "a", "base"}:
        raise Wrong(f"it has {sorted(forbidden)}")
    if handlers := [name for name in page.attributes if name.startswith("on") or name == "style"]:
        raise Wrong(f"it has {sorted(handlers)}")
    for tag in ("title", "table", "th"):
        if tag not in page.tags:
            raise Wrong(f"it has no {tag}")
    text = "".join(page.texts)
    for wanted in expected.get("text", []):
        if wanted not in text:
            raise Wrong(f"its text lacks {wanted!r}")


CHECKS = {"csv": check_csv, "xlsx": check_sheet, "ods": check_sheet, "parquet": check_parquet, "pdf": check_pdf,
          "html": check_html}


def main(arguments):
    if arguments == ["--needs"]:
        print("apt: libreoffice-calc-nogui poppler-utils\npip: duckdb")
        return 0
    if len(arguments) != 1 or arguments[0].startswith("--"):
        print(__doc__, file=sys.stderr)
        return 2
    text = sys.stdin.read() if arguments[0] == "-" else pathlib.Path(arguments[0]).read_text(encoding="utf-8")
    worst = 0
    for expected in json.loads(text):
        path = pathlib.Path(expected["path"]).absolute()
        kind = path.suffix[1:]
        try:
            missing = [program for program in NEEDS.get(kind, []) if not shutil.which(program)]
            if missing:
                raise CouldNot(f"{', '.join(missing)} is not installed, see --needs")
            if kind not in CHECKS:
                raise Wrong(f"nobody knows how to check a file that ends with .{kind}")
            with tempfile.TemporaryDirectory() as folder:
                CHECKS[kind](path, expected, pathlib.Path(folder))
            print(f"{path.name}: as expected")
        except Wrong as wrong:
            print(f"{path.name}: {wrong}", file=sys.stderr)
            worst = max(worst, 1) if worst != 3 else 3
        except CouldNot as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            worst = 3
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
