# Go, Node with npm, make and git are all it needs; `make test` installs a C compiler for the race detector where it may.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
FUZZTIME ?= 20s
BENCH ?= .
SERVED ?= -large
IMAGES ?= 10000
FAULTS ?= 3000
BACKUPS ?= 200
WATCHERS ?= 5000
CHANGES ?= 5000
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
DIST := dist
# What else in the environment changes the bytes of a binary.
RELEASE := CGO_ENABLED=0 GOFLAGS=-mod=readonly GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= GOWORK=off

NPM := webui/node_modules/.made
DEPS := .proto-deps/.made
# The root holds a buf.yaml and a buf.work.yaml, which buf refuses unless it is told which one it shall read.
BUF := webui/node_modules/.bin/buf
OURS := --path proto/flipt --path proto/burgee
# Modules whose protos proto/tools prints and whose Go code we link: both go.mod files must name one version.
SHARED := buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go google.golang.org/genproto/googleapis/api \
	google.golang.org/genproto/googleapis/rpc google.golang.org/protobuf
INTEROP = $(wildcard webui/interop/*.test.mjs)
# Makes openapi.yaml in the folder $(1) a text of Go: buf empties the folder, so it is written anew after each of its runs.
embed = printf '%s\n' '// Package gen holds what make generate writes, and is empty but for the description of the REST API.' 'package gen' '' \
	'import _ "embed"' '' '// OpenAPI describes the REST API, in OpenAPI 3.1 as YAML.' '//' '//go:embed openapi.yaml' 'var OpenAPI string' >$(1)/openapi.go
# The build of the web UI, and what it is made of.
UI := webui/dist/app/index.html
UI_SOURCES = $(shell find webui/src webui/public webui/scripts -type f) webui/index.html webui/vite.config.ts webui/tsconfig.json

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: generate
generate: $(NPM) $(DEPS) ## write gen/ from proto/
	$(BUF) generate --config buf.yaml
	@$(call embed,gen)
	npm --prefix webui run api

.PHONY: build
build: $(UI) ## compile bin/burgee with the web UI
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/burgee

.PHONY: run
run: build ## compile and serve on 127.0.0.1:8080 and :9000
	bin/burgee serve

.PHONY: ui-dev
ui-dev: $(NPM) ## serve the web UI with hot reload, on the server at BURGEE=http://127.0.0.1:8080
	npm --prefix webui run dev

.PHONY: e2e
e2e: ## run every journey through the web UI in Chromium
	.ci/setup
	$(MAKE) build
	npm --prefix webui run e2e

.PHONY: test
test: ## run check, then every test with the race detector
	.ci/setup
	$(MAKE) check
	go test -race -timeout 30m ./...
	go test ./server/eval ./store/fliptdb # allocations are counted and speed is held only without the race detector
	go test ./server -run '^TestBombs$$' # as are its 250 ms
	go -C proto/tools test ./...
	$(MAKE) dist-twice DIST=.make/dist PLATFORMS=linux/amd64
	$(MAKE) build
	node --test $(INTEROP)
	npm --prefix webui test
	npm --prefix webui run e2e -- --grep @smoke

.PHONY: check
check: check-go check-proto check-gen check-ui ## format, vet, lint, breaking changes, generated code, go.mod, types of the web UI

.PHONY: bench
bench: bench-go ## run bench-go, then measure the served program beside other servers (SERVED='-quick -only REST', flags of cmd/bench)
	go run ./cmd/bench -go .make/bench/go.txt $(SERVED)

# Without a pattern, those of the history are left out, whose databases take minutes to write.
.PHONY: bench-go
bench-go: ## run the Go benchmarks of evaluation, store and codecs (BENCH=pattern)
	@mkdir -p .make/bench
	go test -run '^$$' -bench '$(BENCH)' $(if $(filter .,$(BENCH)),-skip '^Benchmark(At|Changes|History|Fold|BesideAnchor)$$') -benchmem -benchtime 100ms \
		./server/eval ./store ./server/rest $(wildcard ./server/wire) | tee .make/bench/go.txt
	go test -run '^$$' -bench '^BenchmarkBesideAnchor$$' -benchmem -benchtime 3s ./server/eval | tee -a .make/bench/go.txt

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME=20s
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | sed -n '/^Fuzz/p'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
		done; \
	done

.PHONY: crash
crash: ## cut the power IMAGES=10000 times, break the disk FAULTS=3000 times, take BACKUPS=200 under load
	go test ./store -run '^TestCrash' -crash.images=$(IMAGES) -crash.faults=$(FAULTS) -timeout 1h -v | grep -v '^ *=== '
	BURGEE_BACKUPS=$(BACKUPS) go test ./cmd/burgee -run '^TestBackupsUnderLoad$$' -count 1 -timeout 1h -v

.PHONY: watch
watch: ## tell WATCHERS=5000 watchers, hold off a slow one for CHANGES=5000 changes of 100 kB
	BURGEE_WATCHERS=$(WATCHERS) BURGEE_WATCH_CHANGES=$(CHANGES) go test ./server -run '^TestWatch(Spread|Slow)$$' -count 1 -timeout 30m -v | grep -v '^ *=== '

.PHONY: dist
dist: $(UI) ## cross-compile into dist/, with checksums, licences and an SBOM of each
	rm -rf $(DIST) && mkdir -p $(DIST) .make
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} suffix=; \
		if [ $$os = windows ]; then suffix=.exe; fi; \
		echo "$(DIST)/burgee-$$os-$$arch$$suffix"; \
		$(RELEASE) GOOS=$$os GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags '-s -w -buildid= $(LDFLAGS)' \
			-o "$(DIST)/burgee-$$os-$$arch$$suffix" ./cmd/burgee; \
	done
	go -C proto/tools build -o ../../.make/ ./licences ./sbom
	.make/licences -cache "$$(go env GOMODCACHE)" -go "$$(go env GOROOT)" -ui webui/dist/app/licences.txt -o $(DIST)/THIRD-PARTY-LICENCES.txt $(DIST)/burgee-*
	.make/sbom -version '$(VERSION)' -sqlite "$$(go list -m -f '{{.Dir}}' modernc.org/sqlite)" -npm webui/package-lock.json $(DIST)/burgee-*
	cd $(DIST) && sha256sum burgee-* THIRD-PARTY-LICENCES.txt >SHA256SUMS

.PHONY: dist-check
dist-check: ## build dist/ twice, the second time elsewhere and from nothing, and compare
	rm -rf .make/cold
	$(MAKE) dist-twice COLD='GOCACHE=$(CURDIR)/.make/cold'
	rm -rf .make/cold

.PHONY: clean
clean: ## remove everything that make wrote, but gen/
	rm -rf .make .proto-deps bin dist webui/dist/app webui/node_modules

# Below: what the targets above are made of.

.PHONY: dist-twice
dist-twice: dist
	rm -rf .make/elsewhere && mkdir .make/elsewhere
	tar -cf - --exclude=./.git --exclude=./.make --exclude=./.proto-deps --exclude=./bin --exclude=./dist --exclude=./webui/node_modules . | \
		tar -xf - -C .make/elsewhere
	$(COLD) $(MAKE) -C .make/elsewhere dist VERSION='$(VERSION)'
	diff -r $(DIST) .make/elsewhere/$(DIST)
	cd $(DIST) && sha256sum --check --quiet SHA256SUMS && diff <(ls) <({ cut -c67- SHA256SUMS; echo SHA256SUMS; } | sort)
	rm -rf .make/elsewhere

$(NPM): webui/package.json webui/package-lock.json webui/.npmrc
	npm --prefix webui ci --loglevel=error
	@touch $@

$(UI): $(NPM) $(UI_SOURCES)
	npm --prefix webui run build

$(DEPS): proto/tools/go.mod proto/tools/go.sum proto/tools/protodeps/main.go
	go -C proto/tools run ./protodeps ../../.proto-deps
	@touch $@

.PHONY: check-go
check-go:
	@unformatted=$$(find . -name '*.go' -not -path './.*' -not -path './webui/node_modules/*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w $$unformatted"; exit 1; fi
	go vet ./...
	go -C proto/tools vet ./...
	go tool staticcheck ./...
	go mod tidy -diff
	@for module in $(SHARED); do \
		ours=$$(go list -m $$module) theirs=$$(go -C proto/tools list -m $$module); \
		if [ "$$ours" != "$$theirs" ]; then echo "go.mod has $$ours, proto/tools/go.mod has $$theirs"; exit 1; fi; \
	done

.PHONY: check-proto
check-proto: $(NPM) $(DEPS)
	$(BUF) lint --config buf.yaml
	$(BUF) format --config buf.yaml -d --exit-code $(OURS)
	@mkdir -p .make
	$(BUF) build --config buf.yaml $(OURS) -o .make/now.binpb
	@for part in flipt burgee; do \
		if [ ! -f proto/$$part.baseline.binpb ]; then echo "proto/$$part.baseline.binpb is missing: make baseline"; exit 1; fi; \
		$(BUF) breaking .make/now.binpb --against proto/$$part.baseline.binpb --exclude-imports \
			--config '{"version":"v2","breaking":{"use":["FILE"]}}'; \
	done
	@# buf.work.yaml, alone in a folder, builds the descriptors that buf.yaml builds.
	@rm -rf .make/work && mkdir -p .make/work
	@cp -R proto .proto-deps buf.work.yaml .make/work/
	@$(BUF) build --config buf.yaml --as-file-descriptor-set -o .make/yaml.binpb
	@$(BUF) build .make/work --as-file-descriptor-set -o .make/work.binpb
	cmp .make/yaml.binpb .make/work.binpb

.PHONY: check-gen
check-gen: $(NPM) $(DEPS)
	@rm -rf .make/gen
	$(BUF) generate --config buf.yaml -o .make
	@$(call embed,.make/gen)
	@diff -r gen .make/gen || { echo "gen/ is not what proto/ says: make generate"; exit 1; }

.PHONY: check-ui
check-ui: $(NPM)
	@cd webui && node_modules/.bin/openapi-typescript ../gen/openapi.yaml -o ../.make/schema.d.ts >/dev/null && \
		cmp src/api/schema.d.ts ../.make/schema.d.ts || { echo "webui/src/api/schema.d.ts is not what gen/openapi.yaml says: make generate"; exit 1; }
	npm --prefix webui run types

# What clients and stored documents rely on. proto/flipt is frozen (a test holds the file's SHA-256); run it again only for a release.
.PHONY: baseline
baseline: $(NPM) $(DEPS)
	$(BUF) build --config buf.yaml --exclude-source-info --path proto/flipt -o proto/flipt.baseline.binpb
	$(BUF) build --config buf.yaml --exclude-source-info --path proto/burgee -o proto/burgee.baseline.binpb
	@sha256sum proto/*.baseline.binpb
