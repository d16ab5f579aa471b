# make alone lists what can be done.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BIN     := bin/supervise
# See internal/birth: where the program begins, before Go's runtime does.
ENTRY   := $(if $(filter amd64 arm64,$(shell go env GOARCH)),-E supervise/internal/birth.entry)
LDFLAGS := -s -w $(ENTRY) -X main.version=$(VERSION)
PREFIX  ?= /usr/local
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s
CHAOSTIME ?= 60s
# go test would end ./test after 10m, which a busy machine may need. The tags have the
# packages use what is shipped, and not the C library, under the race detector as well.
TESTFLAGS ?= -timeout 25m

export CGO_ENABLED ?= 0

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## build bin/supervise, static
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/supervise

.PHONY: run
run: build ## run examples/services until Ctrl-C
	@exec $(BIN) up -c examples/services/supervise.toml --log-format console

.PHONY: stack
stack: build ## run examples/stacks (nginx, Redis, PostgreSQL) until Ctrl-C
	@exec $(BIN) up -c examples/stacks/supervise.toml --log-format console

.PHONY: test
test: ## run all tests, those of the packages under the race detector; 3 to 15 minutes
	go vet ./...
	@race=; cgo=0; cc=$$(CGO_ENABLED=1 go env CC); \
	if [ "$$cc" ] && command -v "$$cc" >/dev/null; then cgo=1; race="-race -tags osusergo,netgo"; \
	elif [ "$$CI" ]; then echo "no C compiler for the race detector" >&2; exit 1; \
	else echo "no C compiler: the race detector is left out"; fi; \
	{ echo "the packages $$race: 1 to 3 minutes"; \
	CGO_ENABLED=$$cgo go test -json $$race $(TESTFLAGS) ./internal/... ./cmd/... || echo "exit status $$?"; \
	echo "the built binary, from outside: 2 to 10 minutes, most of it waiting"; \
	go test -json $(TESTFLAGS) $$(go list ./... | grep -vE '^supervise/(internal|cmd)/') || echo "exit status $$?"; \
	} 2>&1 | go run ./test/tell

SCHEDULES ?= 1000000
SIM = -sim.schedules $(SCHEDULES) -sim.seed $(or $(SEED),0) $(if $(SERVICES),-sim.services $(SERVICES)) $(if $(STEPS),-sim.steps $(STEPS))

.PHONY: sim
sim: ## simulate SCHEDULES (1000000) runs of up and run from SEED; SERVICES and STEPS: the one that failed
	go test ./internal/supervisor -count 1 -timeout 2h -v -run '^TestSimulation$$' $(SIM)

.PHONY: mutants
mutants: ## put mistakes into the supervisor and see whether the simulation finds each, minutes
	go run ./internal/supervisor/mutants $(MUTANTSFLAGS)

.PHONY: bench
bench: build ## measure beside the peers that are installed, into bench/RESULTS.md; less than 25 minutes
	go run ./bench -supervise $(BIN) -o bench/RESULTS.md $(BENCHFLAGS)

.PHONY: chaos
chaos: build ## do harm to supervise and 200 services for CHAOSTIME (60s), from SEED; as root
	go run ./test/chaos -supervise $(BIN) -time $(CHAOSTIME) $(if $(SEED),-seed $(SEED)) $(CHAOSFLAGS)

.PHONY: lint
lint: ## check formatting, vet for each architecture, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted: $$unformatted" >&2; exit 1; }
	go vet ./...
	GOARCH=arm64 go vet ./...
	GOARCH=riscv64 go vet ./...
	go run $(STATICCHECK) ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s) each
	@go list ./... | while read -r pkg; do \
		go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' | while read -r f; do \
			echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done || exit 1; \
	done

.PHONY: vuln
vuln: ## look for known vulnerabilities in what is linked; asks vuln.go.dev
	go run $(GOVULNCHECK) ./...

.PHONY: install
install: build ## install to $(PREFIX)/bin, or DESTDIR
	install -D -m 0755 $(BIN) $(DESTDIR)$(PREFIX)/bin/supervise

.PHONY: install-links
install-links: ## link tini, dumb-init and sv to the installed supervise
	ln -sf supervise $(DESTDIR)$(PREFIX)/bin/tini
	ln -sf supervise $(DESTDIR)$(PREFIX)/bin/dumb-init
	ln -sf supervise $(DESTDIR)$(PREFIX)/bin/sv

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
