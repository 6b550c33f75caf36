package main

import "slices"

// The servers that subjects are asked of.
const (
	ours      = "burgee"
	connectGo = "connect"  // the anchor of connect-go
	grpcGo    = "grpc-go"  // the anchor of grpc-go
	netHTTP   = "net/http" // the anchor of net/http and encoding/json
)

// creation is the subject that makes new flags, on a server of its own, since others must not change.
const creation = "create"

// subject is one kind of request at one kind of server.
type subject struct {
	name   string
	server string
	door   string // of the server: "grpc" or "http"; an anchor has one for both
	anchor string // name of the subject at an anchor that this one is compared with; "" for none
	// callers is how many wait for an answer at once. Over HTTP/1.1 each has a connection, over gRPC eight share one.
	callers int
	grpc    bool // whether it is asked by gRPC, otherwise by HTTP/1.1
	asks    func(target) (asks, error)
}

// atOurs says whether the subject is measured for each number of flags; an anchor has no flags.
func (s subject) atOurs() bool { return s.server == ours }

// subjects returns all of them, in the order in which they are printed.
func subjects() []subject {
	return []subject{
		{name: "gRPC variant", server: ours, door: "grpc", anchor: "Connect echo", callers: 32, grpc: true, asks: variantMessages},
		{name: "gRPC boolean", server: ours, door: "grpc", anchor: "Connect echo", callers: 32, grpc: true, asks: booleanMessages},
		{name: "gRPC batch 10", server: ours, door: "grpc", callers: 32, grpc: true, asks: batchMessages(10)},
		{name: "gRPC batch 100", server: ours, door: "grpc", anchor: "grpc-go batch 100 echo", callers: 32, grpc: true, asks: batchMessages(100)},
		{name: "REST variant", server: ours, door: "http", anchor: "net/http JSON echo", callers: 32, asks: variantJSON("/evaluate/v1/variant")},
		{name: "REST batch 10", server: ours, door: "http", callers: 32, asks: batchJSON("/evaluate/v1/batch", 10)},
		{name: "Connect JSON variant", server: ours, door: "grpc", anchor: "Connect JSON echo", callers: 32, asks: variantJSON(variantProcedure)},
		{name: "OFREP single", server: ours, door: "http", anchor: "net/http JSON echo", callers: 32, asks: remoteSingle},
		{name: "OFREP bulk 10", server: ours, door: "http", callers: 32, asks: remoteBulk(10)},
		{name: "list", server: ours, door: "http", callers: 2, asks: get(listPath, false)},
		{name: "list, If-None-Match", server: ours, door: "http", callers: 32, asks: get(listPath, true)},
		{name: "snapshot", server: ours, door: "http", callers: 2, asks: get(snapshotPath, false)},
		{name: "snapshot, If-None-Match", server: ours, door: "http", callers: 32, asks: get(snapshotPath, true)},
		{name: creation, server: ours, door: "grpc", callers: 64, grpc: true, asks: createMessages},

		{name: "Connect echo", server: connectGo, callers: 32, grpc: true, asks: variantMessages},
		{name: "Connect batch 100 echo", server: connectGo, callers: 32, grpc: true, asks: echoBatch},
		{name: "Connect JSON echo", server: connectGo, callers: 32, asks: variantJSON(variantProcedure)},
		{name: "grpc-go echo", server: grpcGo, callers: 32, grpc: true, asks: variantMessages},
		{name: "grpc-go batch 100 echo", server: grpcGo, callers: 32, grpc: true, asks: echoBatch},
		{name: "net/http JSON echo", server: netHTTP, callers: 32, asks: variantJSON("/evaluate/v1/variant")},
	}
}

// subjectNamed finds one.
func subjectNamed(name string) (subject, bool) {
	all := subjects()
	i := slices.IndexFunc(all, func(s subject) bool { return s.name == name })
	if i < 0 {
		return subject{}, false
	}
	return all[i], true
}
