# make run     build, start on 127.0.0.1:8080 with sample events in it
# make test    install what the tests need, run all of them
# make bench   measure the release binary on this machine, into docs/benchmarks.md
# make lint    clippy, licences and advisories, types of the page
# make fmt     format the code
# make web     build the page that the server embeds

.PHONY: help run test bench lint fmt web release
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

WEB_SOURCES := $(shell find web/src web/static web/messages web/project.inlang -type f \
	-not -path '*/paraglide/*' -not -path '*/cache/*') \
	$(wildcard web/*.json web/*.ts web/svelte.config.js)

# LISTEN=ADDR:PORT and DATA=DIR are taken from the environment.
run: release
	@exec scripts/run.sh

release: web/build/index.html
	cargo build --release --locked --package indelible-cli

# The tested binary holds the page, so the page is built first.
test: tools/parts/node_modules/.package-lock.json
	@scripts/test-setup.sh
	@$(MAKE) --no-print-directory web
	cargo xtask ci

bench: release
	cargo xtask bench --write docs/benchmarks.md

fmt:
	cargo fmt --all

lint: web/node_modules/.package-lock.json
	cargo clippy --workspace --all-targets -- -D warnings
	cd web && npm run --silent check
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "cargo-deny is not installed (cargo install cargo-deny): licences and advisories were not checked"; fi

web: web/build/index.html

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "error: the page needs Node.js 20.19 or newer" >&2; exit 2; }
	cd web && npm ci --no-audit --no-fund
	@touch $@

# The real parts that Rust and browser tests start: an OpenID Connect provider, an SMTP server.
tools/parts/node_modules/.package-lock.json: tools/parts/package.json tools/parts/package-lock.json
	@command -v npm >/dev/null || { echo "error: the tests need Node.js 20.19 or newer" >&2; exit 2; }
	npm --prefix tools/parts ci --no-audit --no-fund
	@touch $@

web/build/index.html: $(WEB_SOURCES) web/node_modules/.package-lock.json
	cd web && npm run --silent build
	@touch $@
