# `make help` lists the targets; its text is the comment behind each `##`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
# Only what is shipped and measured is built by the profile in cmd/allot: with it every library compiles anew.
export GOFLAGS := $(GOFLAGS) -pgo=off
MAKEFLAGS += --no-builtin-rules --no-print-directory --warn-undefined-variables

EXAMPLE ?= examples/us-parcel
FUZZTIME ?= 5s
LONG ?= 10000
# The seed of the random tests and of their order. It is fixed, so that a change is judged by what it changes and not by a
# lucky find; SEED=0 draws new ones, which is also what test-long does.
SEED ?= 1
BENCH ?= .
BENCHTIME ?= 1s
COUNT ?= 6

export ALLOT_SEED = $(SEED)
SHUFFLE = $(if $(filter-out 0,$(SEED)),$(SEED),on)

TOOLS := .build/tools
# Each recipe tells what it does: $(say) 'what happens now'
say = @printf '==> %s\n'

.PHONY: all
all: build test lint ## Build, test and lint: what `make` does when it is given no target

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@printf '\nVariables: EXAMPLE=%s FUZZTIME=%s LONG=%s SEED=%s BENCH=%s BENCHTIME=%s COUNT=%s\n' \
		'$(EXAMPLE)' '$(FUZZTIME)' '$(LONG)' '$(SEED)' '$(BENCH)' '$(BENCHTIME)' '$(COUNT)'

# Building and running.

.PHONY: build
build: ## Build the one binary, bin/allot
	$(say) 'building bin/allot (the first build also fetches and compiles the libraries: a minute or two)'
	@go build -pgo=auto -trimpath -o bin/allot ./cmd/allot

.PHONY: run
run: build ## Build and serve the example network until Ctrl-C
	$(say) 'serving $(EXAMPLE); Ctrl-C drains and stops'
	@exec bin/allot serve $(EXAMPLE)

# Testing.

.PHONY: test
test: ## Run every test, in shuffled order
	$(say) 'running every test; a package that passed prints "ok"'
	@go test -shuffle=$(SHUFFLE) -timeout 10m ./...

.PHONY: test-race
test-race: ## Run every test under the race detector, with the long loops cut short (-short)
	$(say) 'running every test under the race detector'
	@go test -race -short -shuffle=$(SHUFFLE) -timeout 30m ./...

.PHONY: test-long
test-long: SEED = 0
test-long: ## Run every test at its full length, then every property LONG times; takes a night
	$(say) 'running every test at its full length: 10,000 power losses, 100 kills, a million allocations'
	@ALLOT_LONG=1 go test -count=1 -shuffle=on -timeout 6h ./...
	$(say) 'running every test twice more, each with new seeds'
	@go test -count=2 -shuffle=on -timeout 2h ./...
	$(say) 'running every property $(LONG) times'
	@go test -count=1 -timeout 6h -rapid.checks=$(LONG) \
		$$(grep -rl --include='*_test.go' '"pgregory.net/rapid"' . | xargs -n1 dirname | sort -u)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

.PHONY: cover
cover: ## Measure statement coverage; at least 85 % in ratecards, geo, engine and solver
	@.ci/cover 85 ratecards geo engine solver

.PHONY: bench
bench: $(TOOLS)/benchstat ## Run the benchmarks that match BENCH, COUNT times, and summarise them
	$(say) 'running the benchmarks that match "$(BENCH)", $(COUNT) times $(BENCHTIME) each'
	@go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -count $(COUNT) -benchmem -timeout 2h ./... | tee .build/bench.txt
	$(say) 'summary; compare two runs with $(TOOLS)/benchstat OLD .build/bench.txt'
	@$(TOOLS)/benchstat .build/bench.txt

.PHONY: bench-hot
bench-hot: ## Measure one decision against what is promised of it, in rounds beside the naive version; about a minute
	$(say) 'measuring the hot path; bench/README.md says what and how'
	@go run ./bench/hotpath

.PHONY: bench-ledger
bench-ledger: ## Measure the durable ledger against raw appends and an empty echo, in rounds of one run; some minutes
	$(say) 'measuring the durable ledger; bench/README.md says what and how'
	@go run ./bench/ledgerpath

.PHONY: bench-simulate
bench-simulate: ## Measure the replay of a season against what is promised of it; some minutes on two quiet cores
	$(say) 'measuring the replay of a season; bench/README.md says what and how'
	@go run ./bench/season

.PHONY: bench-service
bench-service: ## Measure calls and streams of orders beside empty echoes, each server a process; some minutes
	$(say) 'measuring the service; bench/README.md says what and how'
	@go run -pgo=cmd/allot/default.pgo ./bench/servicepath

.PHONY: bench-overload
bench-overload: ## Measure what is left of the service beyond its rate, and beside hostile clients; some minutes
	$(say) 'measuring the service under overload; bench/README.md says what and how'
	@go run ./bench/overload --check

.PHONY: bench-peers
bench-peers: ## Measure Allot beside HiGHS, CBC, PostgreSQL, an echo and raw appends on the same orders; some ten minutes
	$(say) 'measuring the peers; bench/README.md says what and how'
	@go run -pgo=cmd/allot/default.pgo ./bench/peers

.PHONY: pgo
pgo: ## Record the profile that the build is guided by anew: cmd/allot/default.pgo
	$(say) 'recording calls, streams and batches; some minutes'
	@rm -rf .build/pgo
	@go run ./bench/servicepath --record .build/pgo
	@go tool pprof -proto .build/pgo/*.pprof > cmd/allot/default.pgo

# Checking.

.PHONY: lint
lint: vet golangci buflint format fix tidy ## Check the sources with everything from vet to tidy below

.PHONY: vet
vet: ## Check the sources with go vet
	$(say) 'go vet'
	@go vet ./...

.PHONY: golangci
golangci: $(TOOLS)/golangci-lint ## Check the sources with golangci-lint, which also holds the import arrows
	$(say) 'golangci-lint'
	@$(TOOLS)/golangci-lint run ./...

.PHONY: buflint
buflint: $(TOOLS)/buf .build/proto ## Check the contract with buf lint and buf format
	$(say) 'buf lint, buf format'
	@$(TOOLS)/buf lint api
	@$(TOOLS)/buf format --diff --exit-code api

.PHONY: format
format: ## Check that gofmt would change nothing
	$(say) 'gofmt'
	@diff=$$(gofmt -d .); if [ -n "$$diff" ]; then printf '%s\n' "$$diff"; exit 1; fi

.PHONY: fix
fix: ## Check that go fix would change nothing
	$(say) 'go fix'
	@go fix -diff ./...

.PHONY: tidy
tidy: ## Check that go mod tidy would change nothing
	$(say) 'go mod tidy'
	@go mod tidy -diff
	@go -C tools mod tidy -diff

.PHONY: breaking
breaking: $(TOOLS)/buf .build/proto ## Check that the contract breaks no client of the last release
	@.ci/breaking

.PHONY: check-generated
check-generated: ## Check that generating again changes no file
	@.ci/generated

.PHONY: ci
ci: ## Run what continuous integration runs
	@.ci/run

# Generating.

.PHONY: generate
generate: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc $(TOOLS)/protoc-gen-connect-go .build/proto ## Generate the Go of the contract and everything else that has a generator
	$(say) 'generating the Go of api/allot/v1'
	@$(TOOLS)/buf generate
	$(say) 'running the other generators (go generate)'
	@go generate ./...

.PHONY: clean
clean: ## Remove what make made: bin and .build
	rm -rf bin .build

# Tools are pinned in tools/go.mod and built when that changes.
$(TOOLS)/%: tools/go.mod tools/go.sum
	$(say) 'building $* (once)'
	@mkdir -p $(TOOLS)
	@go -C tools build -o ../$@ $$(go -C tools list tool | grep '/$*$$')

.build/proto: .ci/protodeps
	$(say) 'fetching the .proto files that ours import'
	@.ci/protodeps
