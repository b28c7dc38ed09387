# Tidemark's commands. `make run` and `make test` need only Go, git and make on
# a Debian-like system; what else a test needs is installed by .ci/needs.

SHELL := /bin/bash
GO    ?= go
BIN   := bin

# The commit is handed over by LDFLAGS; stamping by Go itself fails in a clone
# that belongs to another user.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo 0.1.0-dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# Seconds that all fuzz targets together may take, and rounds of `make crash`.
FUZZ_SECONDS ?= 220
CRASH_ROUNDS ?= 10000

# Snapshots that `make tokens` takes.
TOKEN_SNAPSHOTS ?= 1000

# Packages below test/ drive the built binary from outside. The race detector
# would watch the driver only, so they run without it.
INSIDE  = $(shell $(GO) list ./... | grep -v /tidemark/test/)
OUTSIDE = $(shell $(GO) list ./test/... 2>/dev/null)

# With JSON=dir, every run leaves the events of its tests there.
TESTSUM = $(abspath $(BIN)/gotestsum) --format pkgname --format-hide-empty-pkg $(if $(JSON),--jsonfile $(abspath $(JSON)/$@.json)) --

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: run
run: ## build the server and start it on 127.0.0.1:6333, data below ./storage
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/tidemark ./cmd/tidemark
	./$(BIN)/tidemark

.PHONY: build
build: ## build the release binary bin/tidemark
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/tidemark ./cmd/tidemark

.PHONY: man
man: build ## write man pages of all commands to bin/man
	$(BIN)/tidemark man $(BIN)/man

.PHONY: test
test: needs test-race test-outside test-deploy ## install what the tests need and run all of them

.PHONY: needs
needs:
	@.ci/needs

.PHONY: test-race
test-race: $(BIN)/gotestsum ## tests of the packages, with the race detector
	$(TESTSUM) -race -timeout 12m $(INSIDE)

.PHONY: test-outside
test-outside: $(BIN)/gotestsum ## tests that drive the built binary
	$(if $(strip $(OUTSIDE)),$(TESTSUM) -timeout 15m -count=1 $(OUTSIDE),@true)

.PHONY: test-deploy
test-deploy: $(BIN)/gotestsum ## checks of compose file, Dockerfile and unit
	$(if $(wildcard test/deploy/go.mod),cd test/deploy && $(TESTSUM) -count=1 ./...,@true)

.PHONY: lint
lint: $(BIN)/golangci-lint ## formatting, import rules and the other linters
	$(BIN)/golangci-lint run ./...
	$(GO) -C internal/tools test -count=1 ./...

.PHONY: fmt
fmt: $(BIN)/golangci-lint ## format the code
	$(BIN)/golangci-lint fmt ./...

.PHONY: fuzz
fuzz: ## a short run of every fuzz target, FUZZ_SECONDS in all
	GO=$(GO) .ci/fuzz $(FUZZ_SECONDS)

.PHONY: docs
docs: ## links, paths and hosts in the documents
	$(GO) test -count=1 ./internal/doccheck

.PHONY: bench
bench: ## what the machine can do, then all benchmarks
	$(GO) test -run '^$$' -bench . ./internal/machine
	$(GO) test -run '^$$' -bench . -benchmem -timeout 0 ./...

.PHONY: bench-server
bench-server: ## starts, snapshots and restores of a server with a million points
	$(GO) test -run '^$$' -bench . -benchtime 5x -timeout 0 ./test/bench

.PHONY: bench-memory
bench-memory: ## memory that snapshot and restore of 1 and 8 GB take; needs 25 GB of disk
	for segments in 9 70; do \
		$(GO) test -run '^$$' -bench 'BenchmarkSnapshot/(create|restore)' -benchtime 1x -timeout 0 ./snapshot -args -segments $$segments || exit; \
	done

.PHONY: tokens
tokens: ## tokens that move between collections, in TOKEN_SNAPSHOTS snapshots of the storage
	TIDEMARK_TOKEN_SNAPSHOTS=$(TOKEN_SNAPSHOTS) $(GO) test -count=1 -v -timeout 0 -run TestTokens ./snapshot

.PHONY: memory
memory: ## snapshots in S3 of 2.5 and 10 GB with 128 and 512 MiB of memory; needs 40 GB of disk
	for mb in 2560 10240; do \
		TIDEMARK_MEMORY_MB=$$mb $(GO) test -count=1 -v -timeout 0 -run MemoryIsBounded ./test/snapshots || exit; \
	done

.PHONY: crash
crash: ## kill -9 under load, CRASH_ROUNDS rounds
	TIDEMARK_CRASH_ROUNDS=$(CRASH_ROUNDS) $(GO) test -count=1 -v -timeout 0 -run Crash ./test/...

.PHONY: life
life: ## lose power and let the disk fail at every operation of a whole life
	TIDEMARK_LIFE_WHOLE=1 $(GO) test -count=1 -v -timeout 0 ./snapshot/lifetest

ifneq ($(wildcard test/demo/run),)
.PHONY: demo
demo: build ## load real vectors, snapshot them under writes and restore them
	test/demo/run
endif

# A server of S3 to try things with; docs/guide/s3.md uses it.
S3_DIR = $(abspath $(BIN)/s3)

.PHONY: s3-start
s3-start: $(BIN)/versitygw ## start an S3 server on 127.0.0.1:7070 with a bucket "snapshots"
	@mkdir -p $(S3_DIR)/data/snapshots $(S3_DIR)/meta
	@if [ -e $(S3_DIR)/pid ] && kill -0 $$(cat $(S3_DIR)/pid) 2>/dev/null; then echo "it runs already"; exit 1; fi
	@ROOT_ACCESS_KEY=tidemark ROOT_SECRET_KEY=tidemark-for-local-tests setsid $(abspath $(BIN)/versitygw) --port 127.0.0.1:7070 --quiet \
		posix --sidecar $(S3_DIR)/meta $(S3_DIR)/data >$(S3_DIR)/log 2>&1 & echo $$! >$(S3_DIR)/pid
	@for i in $$(seq 50); do (: </dev/tcp/127.0.0.1/7070) 2>/dev/null && break; sleep 0.1; done; \
		kill -0 $$(cat $(S3_DIR)/pid) || { cat $(S3_DIR)/log; exit 1; }
	@echo "http://127.0.0.1:7070, bucket snapshots, keys tidemark and tidemark-for-local-tests; data below $(S3_DIR)"

.PHONY: s3-stop
s3-stop: ## stop it; its data stays
	@kill $$(cat $(S3_DIR)/pid) && rm $(S3_DIR)/pid

$(BIN)/versitygw: internal/tools/versitygw/go.mod
	$(GO) -C internal/tools/versitygw build -o $(abspath $@) github.com/versity/versitygw/cmd/versitygw
	@touch $@

$(BIN)/golangci-lint: internal/tools/go.mod
	$(GO) -C internal/tools build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(BIN)/gotestsum: internal/tools/go.mod
	$(GO) -C internal/tools build -o ../../$@ gotest.tools/gotestsum
	@touch $@

.PHONY: clean
clean: ## remove what was built, never data
	rm -rf $(BIN)
