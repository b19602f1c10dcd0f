# make test runs everything that tests: Go, the examples, the TypeScript client, clients of others, the pages in a browser.
# In CI (CI=true) nothing is skipped; elsewhere what cannot run is skipped by name.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 5000x
CRASHES := ^Test(Crash.*|FailingWrites|Damage)$$
TARGETS := linux/amd64 linux/arm64 darwin/arm64 windows/amd64

.PHONY: build test test-go test-examples test-ts test-clients test-browser lint fmt vet staticcheck archtest tidy generated cross fuzz peers-quick soak continuity simulate cluster clean

build:
	$(GO) build -o bin/tutti ./cmd/tutti

test: test-go test-examples test-ts test-clients test-browser

# The crash tests start programs that they build without -race; everything else is raced, where there is
# the C compiler that the race detector wants. The disk journal's crash tests do one thing at a time, thousands of
# times over: they are run without it. archtest reads files that the test cache does not see, so
# that it runs by itself.
test-go: archtest
	@race=-race; \
	if [ "$$($(GO) env CGO_ENABLED)" != 1 ]; then \
		if [ "$${CI:-}" = true ]; then echo "the race detector cannot run: no C compiler" >&2; exit 1; fi; \
		echo "SKIP: race detector: no C compiler"; race=; \
	fi; \
	$(GO) test $$race -timeout 20m $$($(GO) list ./... | grep -v -e /internal/archtest$$ -e /diskjournal$$); \
	$(GO) test $$race -timeout 10m -skip '$(CRASHES)' ./journal/diskjournal; \
	$(GO) test -timeout 20m -run '$(CRASHES)' ./journal/diskjournal

archtest:
	$(GO) test -count=1 ./internal/archtest

# Examples without an Example function are programs: they must build.
test-examples:
	if [ -d examples ]; then $(GO) build -o /dev/null ./examples/... && $(GO) test ./examples/...; fi

test-ts:
	tools/ts-test

test-clients:
	tools/clients-test

test-browser:
	tools/browser-test

lint: fmt vet staticcheck

fmt:
	@out="$$($(TOOL) gofumpt -l $$(git ls-files '*.go' | grep -v /testdata/))"; \
	if [ -n "$$out" ]; then echo "not formatted (gofumpt -w):"; echo "$$out"; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(TOOL) staticcheck ./...

tidy:
	$(GO) mod tidy -diff
	$(GO) mod verify
	cd tools && $(GO) mod tidy -diff

# What go generate writes must be what is committed.
generated:
	$(GO) generate ./...
	@out="$$(git status --porcelain)"; \
	if [ -n "$$out" ] && [ "$${CI:-}" = true ]; then echo "changed by the tests or by go generate:"; echo "$$out"; exit 1; fi

# Each system and each kind of processor once. The tests have built the program for this machine.
cross:
	@for t in $(TARGETS); do \
		if [ $$t = $$($(GO) env GOHOSTOS)/$$($(GO) env GOHOSTARCH) ]; then continue; fi; \
		echo "build for $$t"; \
		CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/tutti; \
	done

# Some thousand inputs for each fuzz target. A count, since a target that runs out of time may count as failed.
fuzz:
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	for p in $$(git grep -lE '^func Fuzz[A-Z]' -- '*_test.go' | xargs -r -n1 dirname | sort -u); do \
		$(GO) test -c -fuzz . -o "$$dir/fuzz" ./$$p; \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$p/*_test.go | cut -c6-); do \
			echo "fuzz $$p $$f"; \
			(cd $$p && "$$dir/fuzz" -test.run '^$$' -test.fuzz "^$$f\$$" -test.fuzztime $(FUZZTIME) -test.fuzzcachedir "$$dir/found/$$p"); \
		done; \
	done

# Every server beside which Tutti is measured, for half a second each: they are started, spoken to and ended.
peers-quick:
	$(GO) run ./bench/peers -quick

# A minute of load while the node is killed, then everything that clients were told is verified.
soak:
	$(GO) run ./cmd/tutti bench soak --for 60s --kill-every 5s --seed $${SOAK_SEED:-$$RANDOM$$RANDOM}

# A minute of every client on every transport over a network that breaks, then everything told is verified.
continuity:
	tools/continuity

# A minute and a half of clusters simulated in one process, each by a seed of its own. Most goroutines there live shortly: stacks that
# begin as large as they become, and rarer collections, make a quarter more of them in the same time.
simulate:
	GODEBUG=adaptivestackstart=1 GOGC=400 $(GO) test ./internal/clustersim -run '^TestSeeds$$' -v -timeout 10m -clustersim.for=80s -clustersim.first $${SIMULATE_FIRST:-1}

# Two minutes of three nodes that fail in every way, then everything that clients were told is judged. Times are told, and fail nothing.
cluster:
	$(GO) run ./cmd/tutti bench cluster --nodes $${CLUSTER_NODES:-3} --for 90s --every 3s --quiet 5s --rate 400 --lenient --seed $${CLUSTER_SEED:-$$RANDOM$$RANDOM}

clean:
	rm -rf bin test-results
