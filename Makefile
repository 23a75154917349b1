# The race detector needs a C compiler that can link a program; without one the
# tests run without the detector.
CC := $(shell go env CC)
RACE = $(shell echo 'int main(void) { return 0; }' | $(CC) -x c -o /dev/null - 2>/dev/null && echo -race)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: help build test test-rules test-oracle test-mutants test-faults test-matrix test-failover test-schemas lint demo sim bench-drain bench-plan bench-calls image clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./rollcall, a static program
	CGO_ENABLED=0 go build -trimpath -o rollcall ./cmd/rollcall

test: ## format check, vet, all tests and lint; starts its own Postgres
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	$(if $(RACE),,@echo "no C compiler that works ($(CC)): testing without the race detector")
	$(if $(RACE),CGO_ENABLED=1) go test $(RACE) -count=1 -timeout 30m ./...
	@command -v promtool >/dev/null || echo "NOT TESTED without promtool (Debian: apt-get install prometheus): deploy/prometheus/rules.yml"
	$(MAKE) --no-print-directory lint

test-rules: ## the alerts, with promtool
	promtool check rules deploy/prometheus/rules.yml
	promtool test rules deploy/prometheus/rules_test.yml

# What depends on the server's version, on each that there is.
VERSIONS ?= 14 15 16 17 18
MATRIX = ./cdc ./sql ./internal/chamber ./internal/store ./internal/source ./internal/widen ./internal/setup ./internal/check ./internal/schemas ./internal/deliver
test-matrix: ## the tests that need a database, on Postgres 14 to 18
	@for version in $(VERSIONS); do \
		echo "Postgres $$version"; \
		ROLLCALL_PG_BIN= ROLLCALL_PG_VERSION=$$version go test -count=1 $(MATRIX) || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "failed on Postgres$$failed"; exit 1; }

test-failover: ## a stand-by is promoted, on Postgres 14 to 18
	@for version in $(VERSIONS); do \
		echo "Postgres $$version"; \
		ROLLCALL_FAILOVER=1 ROLLCALL_PG_BIN= ROLLCALL_PG_VERSION=$$version go test -count=1 -v -timeout 20m -run '^TestFailover' ./e2e || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "failed on Postgres$$failed"; exit 1; }

test-schemas: ## the contract on other member systems; ROLLCALL_TEST_SCHEMAS names more
	go test -count=1 -v -run 'Test(Every|Schemas|AMissing|Watches|Ids)' ./internal/schemas

CHECKS ?= 2000
test-oracle: ## random histories against a second reading of the rules: CHECKS=2000
	ORACLE_CHECKS=$(CHECKS) go test -count=1 -timeout 4h -parallel 4 -v -run TestOracle ./internal/oracle

test-mutants: ## spoil one rule at a time: the oracle or a test must notice each
	go run ./internal/oracle/mutants

# About eight minutes. The seed that it prints repeats a run: ROLLCALL_SEED=...
test-faults: ## the whole program while requests fail at random, each fault at length
	ROLLCALL_FAULTS=long go test -count=1 -v -parallel 7 -timeout 30m -run 'Test(Faults|ThreeSendersOnOneKey|KilledDuringARefresh|GrantIsRevokedAndGivenAgain)$$' ./e2e

lint: ## staticcheck and gofumpt, at the versions of tools.mod
	go tool -modfile=tools.mod staticcheck ./...
	@unformatted=$$(go tool -modfile=tools.mod gofumpt -l .); test -z "$$unformatted" || { echo "not formatted with gofumpt:"; echo "$$unformatted"; exit 1; }

sim: ## the simulated Constant Contact on its own
	go run ./cmd/rollcall sim

demo: ## a chamber of 2,000 reps and a day of office work, on a simulated Constant Contact
	go run ./cmd/rollcall demo

bench-drain: ## how fast a backlog of changes is worked off
	go run ./bench/drain

bench-plan: ## what a plan of 100,000 reps needs, with 60 and with 600 lists
	go run ./bench/plan

bench-calls: ## how many calls to Constant Contact a first sync and some days' work take
	go run ./bench/calls

image: ## build the container image rollcall:VERSION
	docker build -t rollcall:$(VERSION) .

clean: ## remove what build made
	rm -f rollcall
