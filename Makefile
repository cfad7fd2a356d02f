# Everything a fresh machine with Go, Node and apt needs is installed by the targets themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE := $(CURDIR)/.cache
BIN := $(CACHE)/bin
LINT_VERSION := v2.15.0
LINT := $(BIN)/golangci-lint-$(LINT_VERSION)
# The race detector maps terabytes; the tests that limit a worker's memory build it without.
GOTEST := go test -race -timeout 20m

.PHONY: help build run test check lint unit browser bench generate fmt clean tools

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: ## Build ./stile
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o stile .

run: build ## Serve the product with its development extras on http://localhost:8080
	./stile serve --dev

test: check unit browser ## Run every check and test; installs what it needs
	@echo "all tests passed"

check: lint ## Formatting, vet and linter
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	go vet ./...

lint: $(LINT)
	$(LINT) run ./...

$(LINT):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(BIN)/golangci-lint $@

unit: tools ## Unit tests, store suites and flows, with the race detector
	$(GOTEST) ./...
	go test ./engine/proof -run Agrees -flows 100000 # the race detector has nothing to find there and costs minutes

browser: tools build ui/node_modules/.installed ## Journeys in a real Chromium, with real providers and clients
	cd ui && STILE=$(CURDIR)/stile npm test --silent

ui/node_modules/.installed: ui/package.json ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund
	touch $@

tools: ## Install the servers and the browser that tests use
	@.ci/tools

bench: build ## Measure: server CPU per operation, rates, latencies, memory
	go run ./server/bench -stile ./stile

generate: ## Make schemas and reference pages from the code
	go run ./schemas/generate

fmt: ## Format the code
	gofmt -w $$(git ls-files '*.go')

clean: ## Remove what was built and the development data
	rm -rf stile .stile .cache ui/node_modules
