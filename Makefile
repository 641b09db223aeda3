# Every task of the project, for people and for CI alike. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# T is how long each fuzz target runs, PKG which packages a Go test run covers.
T ?= 30s
PKG ?= ./...
# D is how long `make backup-pause` writes.
D ?= 10m
# TARGET is where it backs up to, 2 GB a minute: a new directory that is removed then.
TARGET ?=
# NAME names what `make migration` writes.
NAME ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

BIN := dist/holdall

# The program is static and does not tell where it was built. The checks compile
# in the same way, so that they find each other's work in the build cache.
STATIC := CGO_ENABLED=0 GOFLAGS=-trimpath

# The stages of a full check, cheapest first so that a mistake shows early.
TEST_STAGES := deps check-fmt check-mod check-generated check-docs check-api check-web test-go fastlane-same e2e e2e-browser e2e-container
CHECK_STAGES := $(TEST_STAGES) lint vulncheck

##@ Work

.PHONY: help
help: ## list these targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## run the app with demo data on http://127.0.0.1:8090
	go run . serve --demo

.PHONY: build
build: ## build the static binary dist/holdall
	$(STATIC) go build -ldflags '$(LDFLAGS)' -o $(BIN) .

.PHONY: build-stock
build-stock: # a bare PocketBase to compare with
	$(STATIC) go build -ldflags '-s -w' -o dist/stock ./e2e/stock

.PHONY: generate
generate: ## write the generated Go code
	$(STATIC) go generate ./...

.PHONY: migration
migration: ## write the migration for what changed in collections (NAME=add_priority)
	go generate ./collections
	go run . collections migrate $(NAME)

.PHONY: docs
docs: ## write docs/config.md
	go run . config --markdown > docs/config.md

.PHONY: api
api: ## write docs/openapi.json, unless clients would break (BREAK=1: even then)
	@$(STATIC) scripts/api.sh write

.PHONY: web-types
web-types: ## write the web app's types of the API
	@scripts/web-types.sh --out

.PHONY: image
image: ## build the container image with docker
	docker build --build-arg VERSION=$(VERSION) -t holdall:$(VERSION) .

.PHONY: fmt
fmt: ## format the Go code and order its imports
	@"$$(scripts/tools.sh golangci-lint)" fmt

.PHONY: clean
clean: ## remove what a build or a test run left in the tree
	rm -rf dist .cache e2e/node_modules web/node_modules web/.unit

##@ Test

.PHONY: test
test: ## install what the tests need and run every test
	@scripts/stages.sh $(TEST_STAGES)

.PHONY: check
check: ## run every test, lint and the vulnerability scan, as before a release
	@scripts/stages.sh $(CHECK_STAGES)

.PHONY: deps
deps: ## install what the tests need (Debian packages, npm and Go modules)
	@scripts/deps.sh

.PHONY: test-go
test-go: ## run go vet and the Go tests with the race detector (PKG=./plugins/schema for some)
	@scripts/test-go.sh $(PKG)

.PHONY: test-short
test-short: ## run the Go tests without the race detector and without the slow ones
	go test -short $(PKG)

.PHONY: mutants
mutants: ## run the rules' tests on every rule with a mistake in it
	go test -timeout=60m ./collections -run TestEveryConditionOfARuleIsTested -mutants -1

.PHONY: protect
protect: ## fill a small disk under the server and kill it, N=20 times (needs root)
	@scripts/protect.sh $(or $(N),20)

.PHONY: vet
vet: ## run go vet
	$(STATIC) go vet ./...

.PHONY: check-fmt
check-fmt: ## fail on Go code that gofmt would change
	@scripts/check-fmt.sh

.PHONY: check-mod
check-mod: ## fail when go.mod or go.sum is not tidy
	go mod tidy -diff

.PHONY: check-generated
check-generated: ## fail when generated Go code is not current
	@$(STATIC) scripts/check-generated.sh

.PHONY: check-docs
check-docs: ## fail when docs/config.md is not current
	@$(STATIC) scripts/check-docs.sh

.PHONY: check-api
check-api: ## fail when the API breaks clients of docs/openapi.json, or is not the one in it
	@$(STATIC) scripts/api.sh check

.PHONY: check-web
check-web: ## type-check and build the web app, fail when pb_public is not current
	@$(STATIC) scripts/check-web.sh

.PHONY: e2e
e2e: build build-stock ## run the official SDK against this program and a bare PocketBase
	@scripts/e2e.sh node

.PHONY: e2e-fastlane
e2e-fastlane: build build-stock ## the same with the fast lane on (not part of test)
	@scripts/e2e-fastlane.sh node

.PHONY: e2e-browser
e2e-browser: build ## run the web app in headless Chromium
	@scripts/e2e.sh browser

.PHONY: e2e-container
e2e-container: ## build the container image for real, run it, restart it
	@scripts/e2e.sh container

##@ Check

.PHONY: lint
lint: ## run golangci-lint on the Go code and shellcheck on the scripts
	@"$$(scripts/tools.sh golangci-lint)" run ./...
	@shellcheck scripts/*.sh .ci/run

.PHONY: vulncheck
vulncheck: ## scan for known vulnerabilities that the code reaches (LIVE=1: ask the live database)
	@scripts/vulncheck.sh

.PHONY: fuzz
fuzz: ## run every fuzz target for T=30s each (PKG=./hooks for some)
	@T=$(T) scripts/fuzz.sh $(PKG)

.PHONY: push-load
push-load: ## send one push message to 10,000 devices of local services (half a minute)
	go test ./plugins/push -run TestSendToAll -v -timeout=15m -push.devices=10000

.PHONY: fastlane-differential
fastlane-differential: ## compare N=200000 answers of the fast lane, and a tenth as many writes, with PocketBase's (SEED=2 for others)
	GOGC=400 go test ./plugins/fastlane -run 'TestSame(Answers|Writes)' -v -timeout=12h -fastlane.seed=$(or $(SEED),1) \
		-fastlane.requests=$(or $(N),200000) -fastlane.writes=$$(( $(or $(N),200000) / 10 ))

# What make test-go does of it with the race detector is a fraction.
.PHONY: fastlane-same
fastlane-same: # 20,000 answers and 300 writes, forty seconds
	GOGC=400 $(STATIC) go test ./plugins/fastlane -run 'TestSame(Answers|Writes)$$' -fastlane.requests=20000 -fastlane.writes=300

.PHONY: fastlane-kill
fastlane-kill: ## kill a server N=50 times while 16 clients write through the fast lane, and change N*20 things under load
	go test ./plugins/fastlane -run 'TestKilledServer|TestNeverOld' -v -timeout=60m -fastlane.kills=$(or $(N),50) -fastlane.changes=$$(( $(or $(N),50) * 20 ))

.PHONY: fastlane-scenarios
fastlane-scenarios: ## run PocketBase's own tests of its API with the fast lane in their apps (four minutes)
	@scripts/fastlane-scenarios.sh

.PHONY: kill-jobs
kill-jobs: ## kill a process that runs 50,000 jobs twenty times (a minute)
	go test ./plugins/jobs -run TestKilledProcess -v -timeout=30m -kill.jobs=50000 -kill.times=20

.PHONY: kill-backup
kill-backup: ## kill a process that is backed up fifty times, and restore to moments before (ten minutes)
	go test ./plugins/backup -run TestKilledProcess -v -timeout=60m -kill.rounds=50

.PHONY: backup-pause
backup-pause: ## measure what the backup adds to a write at full speed and at 500/s, in turns: D=10m with it, as long without, TARGET=/a/directory (dist/backup-pause.json)
	@mkdir -p dist
	go test ./plugins/backup -run TestWritePause -count=1 -v -timeout=24h -pause.for=$(D) -pause.window=15s -pause.limit=50ms -pause.slowdown=5 \
		-pause.target=$(TARGET) -pause.json=$(CURDIR)/dist/backup-pause.json

.PHONY: bench
bench: ## compare this app with a bare PocketBase under load (about twelve minutes)
	go run ./bench

.PHONY: bench-fastlane
bench-fastlane: ## compare PocketBase with the fast lane with a bare one, and store the result (about half an hour)
	go run ./bench -fastlane -write

.PHONY: observe-cost
observe-cost: ## measure what metrics and traces cost, in processor time (about five minutes)
	go run ./bench -observe

.PHONY: bench-check
bench-check: ## the same, and fail when something surely costs over 3 % more
	go run ./bench -check
