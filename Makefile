# Go, Node with npm, make and git are all it needs; `make test` installs a C compiler for the race detector where it may.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

VERSION := $(shell git describe --always 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
FUZZTIME ?= 20s
BENCH ?= .
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

NPM := webui/node_modules/.made
DEPS := .proto-deps/.made
# The root holds a buf.yaml and a buf.work.yaml, which buf refuses unless it is told which one it shall read.
BUF := webui/node_modules/.bin/buf
OURS := --path proto/flipt --path proto/burgee
# Modules whose protos proto/tools prints and whose Go code we link: both go.mod files must name one version.
SHARED := buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go google.golang.org/genproto/googleapis/api \
	google.golang.org/genproto/googleapis/rpc google.golang.org/protobuf
INTEROP = $(wildcard webui/interop/*.test.mjs)

.PHONY: help
help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: generate
generate: $(NPM) $(DEPS) ## write gen/ from proto/
	$(BUF) generate --config buf.yaml

.PHONY: build
build: ## compile bin/burgee
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/burgee

.PHONY: run
run: build ## compile and serve on 127.0.0.1:8080 and :9000
	bin/burgee serve

.PHONY: test
test: ## run check, then every test with the race detector
	.ci/setup
	$(MAKE) check
	go test -race ./...
	$(if $(INTEROP),$(MAKE) build && node --test $(INTEROP))

.PHONY: check
check: check-go check-proto check-gen ## format, vet, lint, breaking changes, generated code, go.mod

.PHONY: bench
bench: ## run the benchmarks (BENCH=pattern)
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME=20s
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | sed -n '/^Fuzz/p'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: dist
dist: ## cross-compile into dist/, with checksums
	rm -rf dist && mkdir dist
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} suffix=; \
		if [ $$os = windows ]; then suffix=.exe; fi; \
		echo "dist/burgee-$$os-$$arch$$suffix"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '-s -w $(LDFLAGS)' \
			-o "dist/burgee-$$os-$$arch$$suffix" ./cmd/burgee; \
	done
	cd dist && sha256sum burgee-* >SHA256SUMS

.PHONY: clean
clean: ## remove everything that make wrote, but gen/
	rm -rf .make .proto-deps bin dist webui/dist/app webui/node_modules

# Below: what the targets above are made of.

$(NPM): webui/package.json webui/package-lock.json webui/.npmrc
	npm --prefix webui ci --loglevel=error
	@touch $@

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
	@diff -r gen .make/gen || { echo "gen/ is not what proto/ says: make generate"; exit 1; }

# What clients and stored documents rely on. proto/flipt is frozen (a test holds the file's SHA-256); run it again only for a release.
.PHONY: baseline
baseline: $(NPM) $(DEPS)
	$(BUF) build --config buf.yaml --exclude-source-info --path proto/flipt -o proto/flipt.baseline.binpb
	$(BUF) build --config buf.yaml --exclude-source-info --path proto/burgee -o proto/burgee.baseline.binpb
	@sha256sum proto/*.baseline.binpb
