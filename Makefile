# The race detector needs a C compiler that can link a program; without one the
# tests run without the detector.
CC := $(shell go env CC)
RACE = $(shell echo 'int main(void) { return 0; }' | $(CC) -x c -o /dev/null - 2>/dev/null && echo -race)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: help build test test-rules test-oracle test-mutants test-faults test-crash test-soak test-scale test-matrix test-failover test-schemas e2e screenshots lint demo sim bench bench-drain bench-plan bench-calls bench-reconcile bench-console bench-overhead bench-latency image test-image packages test-packages release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./rollcall, a static program
	CGO_ENABLED=0 go build -trimpath -o rollcall ./cmd/rollcall

test: ## format check, vet, all tests and lint; starts its own Postgres
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	$(if $(RACE),,@echo "no C compiler that works ($(CC)): testing without the race detector")
	$(if $(RACE),CGO_ENABLED=1) go test -vet=off $(RACE) -count=1 -timeout 30m ./... # vetted above
	@without() { command -v $$1 >/dev/null || echo "NOT TESTED without $$1 (Debian: apt-get install $$2): $$3"; }; \
	without promtool prometheus "deploy/prometheus/rules.yml, and whether Prometheus takes the metrics and the dashboard's queries"; \
	without systemd-analyze systemd "how far deploy/systemd/rollcall.service is shut in"; \
	without psql postgresql-client "the quick start of docs/install.md"; \
	without zsh zsh "completion in zsh"; \
	without fish fish "completion in fish"; \
	without man man-db "whether man takes the manual page"
	@echo "NOT TESTED here, because it takes minutes each: other versions of Postgres (make test-matrix), failovers but one (make test-failover),"
	@echo "  most failpoints (make test-crash), most faults of requests (make test-faults), everything in turn (make test-soak), 200 API keys (make test-scale),"
	@echo "  the console in a browser (make e2e)"
	$(MAKE) --no-print-directory lint

test-rules: ## the alerts, with promtool
	promtool check rules deploy/prometheus/rules.yml
	promtool test rules deploy/prometheus/rules_test.yml deploy/prometheus/rules_days_test.yml

# What depends on the server's version, on each that there is.
VERSIONS ?= 14 15 16 17 18
MATRIX = ./cdc ./sql ./internal/chamber ./internal/store ./internal/source ./internal/widen ./internal/setup ./internal/check ./internal/schemas ./internal/deliver
test-matrix: ## the tests that need a database, on Postgres 14 to 18
	@for version in $(VERSIONS); do \
		echo "Postgres $$version"; \
		ROLLCALL_PG_BIN= ROLLCALL_PG_VERSION=$$version go test -count=1 -timeout 30m $(MATRIX) || failed="$$failed $$version"; \
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

# About ten minutes, most of them waiting, so many run side by side. CAPTURE=triggers
# captures changes by triggers. The seeds that it prints repeat a run: ROLLCALL_SEED=...
test-crash: ## the program killed at every step and at random moments, under load
	ROLLCALL_CRASH=long go test -count=1 -v -parallel 14 -timeout 40m -run 'Test(KilledAtEveryFailpoint|KilledUnderLoad|KilledDuringARefresh|ReleasedProgramHasNoFailpoints)$$' ./e2e

# The seed that it prints repeats a run, as far as the machine's speed allows: ROLLCALL_SEED=...
MINUTES ?= 10
test-soak: ## everything goes wrong in turn for MINUTES=10, then all must be in step
	ROLLCALL_SOAK_MINUTES=$(MINUTES) go test -count=1 -v -timeout 0 -run 'TestSoak$$' ./e2e

# It compares processor times and times of one run: on a machine that does nothing else.
test-scale: ## workers share 200 API keys, are killed and suspended; one worker serves 200
	ROLLCALL_SCALE=long go test -count=1 -v -parallel 1 -timeout 40m -run 'Test(WorkersShareKeys|OneWorkerServesManyKeysAtOnce|AWorkerThatWasSuspended)$$' ./e2e

# Both need Debian's chromium and a few minutes.
screenshots: build ## pictures of every page of the console, into ./screenshots
	cd e2e/browser && go run . -rollcall ../../rollcall -out ../../screenshots

e2e: ## the console in a browser: every page, and an office's work on a desk and on a phone
	cd e2e/browser && go vet ./... && go test -count=1 -timeout 30m ./...

lint: ## staticcheck and gofumpt, at the versions of tools.mod
	GOGC=400 go tool -modfile=tools.mod staticcheck ./... # saves 40 % of its work
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

bench-reconcile: ## how a full reconciliation and a first sync grow with the association
	go run ./bench/reconcile

bench-console: ## how long the pages of the console take with 100,000 reps and 500 groups
	go run ./bench/console

bench-overhead: ## what Rollcall costs the member application, by replication and by triggers
	go run ./bench/overhead

bench-latency: ## how long a change takes to the sender and to the wire, at 1, 100 and 1,000 changes a second
	go run ./bench/latency

bench: ## all benches one after the other; writes docs/performance.md
	go run ./bench/report

# What a release is made of lies in dist.
ARCH ?= $(shell go env GOARCH)
ARCHES ?= amd64 arm64
CERTIFICATES ?= /etc/ssl/certs/ca-certificates.crt
# Packages are numbered without the v of a tag, and begin with a digit.
NUMBER = $(shell echo $(VERSION) | sed -E 's/^v//; /^[0-9]+\.[0-9]+/!s/^/0.0.0+/; s/-/+/; s/-/./g')
# The time of the source, so that the same source makes the same files.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
LDFLAGS = -s -w -X rollcall/internal/version.Number=$(NUMBER)
RELEASE = go tool -modfile=release.mod
# The first of these that works on this machine.
IMAGE_TOOL ?= $(shell if docker info >/dev/null 2>&1; then echo docker; else command -v buildah || command -v podman; fi)

dist/rollcall-linux-%: FORCE
	CGO_ENABLED=0 GOOS=linux GOARCH=$* go build -trimpath -tags timetzdata -ldflags '$(LDFLAGS)' -o $@ ./cmd/rollcall

image: dist/rollcall-linux-$(ARCH) ## build the container image rollcall:NUMBER, with docker, buildah or podman
	@test -n "$(IMAGE_TOOL)" || { echo "no docker, buildah or podman: install one (Debian: apt-get install buildah)"; exit 1; }
	@test -s $(CERTIFICATES) || { echo "no $(CERTIFICATES): install ca-certificates, or say CERTIFICATES=/path"; exit 1; }
	rm -rf dist/image && mkdir -p dist/image
	cp dist/rollcall-linux-$(ARCH) dist/image/rollcall
	cp $(CERTIFICATES) dist/image/ca-certificates.crt
	chmod 755 dist/image/rollcall && chmod 644 dist/image/ca-certificates.crt
	deploy/image.sh build "$(IMAGE_TOOL)" rollcall:$(subst +,-,$(NUMBER)) dist/image

test-image: image ## build the image and run its program
	deploy/image.sh run "$(IMAGE_TOOL)" rollcall:$(subst +,-,$(NUMBER)) version

packages: $(addprefix dist/rollcall-linux-,$(ARCHES)) ## build the deb and the rpm for each of ARCHES
	for arch in $(ARCHES); do for kind in deb rpm; do \
		VERSION=$(NUMBER) ARCH=$$arch BINARY=dist/rollcall-linux-$$arch \
			$(RELEASE) nfpm package --config deploy/package/nfpm.yaml --packager $$kind --target dist/ || exit 1; \
	done; done

test-packages: ## build the deb, install it into a root of its own, run it, and rate the unit
	$(MAKE) --no-print-directory packages ARCHES=$(ARCH)
	deploy/package/test.sh dist $(NUMBER) $(ARCH)

release: ## everything that is published: programs, packages, the list of what is inside, checksums
	rm -rf dist && mkdir dist
	$(MAKE) --no-print-directory packages
	$(RELEASE) cyclonedx-gomod app -licenses -json -std -main cmd/rollcall -output dist/rollcall-$(NUMBER).cdx.json .
	for arch in $(ARCHES); do \
		tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(SOURCE_DATE_EPOCH) -czf dist/rollcall-$(NUMBER)-linux-$$arch.tar.gz \
			--transform 's,^dist/rollcall-linux-.*,rollcall,' dist/rollcall-linux-$$arch LICENSE README.md docs deploy || exit 1; \
	done
	rm -f dist/rollcall-linux-*
	cd dist && sha256sum -- * > SHA256SUMS && cat SHA256SUMS

clean: ## remove what build and release made
	rm -rf rollcall dist

FORCE:
