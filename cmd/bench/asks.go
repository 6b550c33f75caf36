package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

const (
	variantProcedure = "/flipt.evaluation.EvaluationService/Variant"
	booleanProcedure = "/flipt.evaluation.EvaluationService/Boolean"
	batchProcedure   = "/flipt.evaluation.EvaluationService/Batch"
	createProcedure  = "/flipt.Flipt/CreateFlag"

	listPath     = "/api/v1/namespaces/default/flags"
	snapshotPath = "/internal/v1/evaluation/snapshot/namespace/default"
)

// ask is one request and what its answer must hold.
type ask struct {
	request []byte   // the message of a gRPC request, or all of an HTTP/1.1 request
	status  int      // of the answer, over HTTP/1.1
	want    [][]byte // each is somewhere in the answer's body
	keys    []string // of the flags that are answered, in order; nil when there is no body
}

// asks are the requests of a subject. Its functions may be called from several goroutines.
type asks struct {
	method  string                              // of gRPC
	number  int                                 // of different requests
	next    func(n uint64) ask                  // returns request n; they come round again
	answers func(body []byte) ([]answer, error) // reads a body in full
}

// target is a server of some flags at an address.
type target struct {
	address string
	flags   int
}

// rotation returns asks that go round n made ones, and so round all flags.
func rotation(n int, made func(i int) ask) asks {
	all := make([]ask, n)
	for i := range all {
		all[i] = made(i)
	}
	return asks{number: n, next: func(n uint64) ask { return all[n%uint64(len(all))] }}
}

// leastAsks is how many different requests there are even for few flags.
const leastAsks = 1000

// variation is in the keys of all variants of the flags, and so in every answer that has one.
const variation = "variant-"

func everyFlag(int) bool     { return true }
func variantFlag(i int) bool { return !boolean(i) }

// request asks what entity n gets from a flag.
func request(n int, key string) *evaluation.EvaluationRequest {
	who := entityOf(n)
	return &evaluation.EvaluationRequest{NamespaceKey: "default", FlagKey: key, EntityId: who.id, Context: who.context}
}

// message encodes what cannot fail to encode.
func message(m proto.Message) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", m, err))
	}
	return data
}

func variantMessages(t target) (asks, error) {
	keys := keysOf(t.flags, variantFlag)
	all := rotation(max(len(keys), leastAsks), func(i int) ask {
		key := keys[i%len(keys)]
		return ask{request: message(request(i, key)), want: [][]byte{[]byte(key), []byte(variation)}, keys: []string{key}}
	})
	all.method, all.answers = variantProcedure, variantOf(proto.Unmarshal)
	return all, nil
}

func booleanMessages(t target) (asks, error) {
	keys := keysOf(t.flags, boolean)
	all := rotation(max(len(keys), leastAsks), func(i int) ask {
		key := keys[i%len(keys)]
		return ask{request: message(request(i, key)), want: [][]byte{[]byte(key)}, keys: []string{key}}
	})
	all.method, all.answers = booleanProcedure, booleanOf
	return all, nil
}

// batches returns n keys for each of the batches of a rotation, and how many batches that takes.
func batches(flags, n int) (func(i int) []string, int) {
	keys := keysOf(flags, everyFlag)
	return func(i int) []string {
		part := make([]string, n)
		for j := range part {
			part[j] = keys[(i*n+j)%len(keys)]
		}
		return part
	}, max(flags/n, leastAsks/n)
}

// batchMessage asks what entity i gets from each flag.
func batchMessage(i int, keys []string) ask {
	batch := new(evaluation.BatchEvaluationRequest)
	for _, key := range keys {
		batch.Requests = append(batch.Requests, request(i, key))
	}
	return ask{request: message(batch), want: [][]byte{[]byte(keys[len(keys)-1]), []byte(variation)}, keys: keys}
}

func batchMessages(n int) func(target) (asks, error) {
	return func(t target) (asks, error) {
		part, number := batches(t.flags, n)
		all := rotation(number, func(i int) ask { return batchMessage(i, part(i)) })
		all.method, all.answers = batchProcedure, batchOf(proto.Unmarshal)
		return all, nil
	}
}

// echoBatch asks an anchor for batches of 100. Whatever it is asked, it answers what burgee answered about the first of them.
func echoBatch(t target) (asks, error) {
	all, err := batchMessages(100)(t)
	if err != nil {
		return asks{}, err
	}
	first, next := all.next(0), all.next
	all.next = func(n uint64) ask {
		a := next(n)
		a.want, a.keys = first.want, first.keys
		return a
	}
	return all, nil
}

// post is an HTTP/1.1 request with a body of JSON.
func post(address, path string, body any) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", body, err))
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: burgee-bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, address, len(text), text)
}

// jsonRequest is an EvaluationRequest as clients write it.
type jsonRequest struct {
	NamespaceKey string            `json:"namespaceKey"`
	FlagKey      string            `json:"flagKey"`
	EntityID     string            `json:"entityId"`
	Context      map[string]string `json:"context"`
}

func inJSON(n int, key string) jsonRequest {
	who := entityOf(n)
	return jsonRequest{"default", key, who.id, who.context}
}

func variantJSON(path string) func(target) (asks, error) {
	return func(t target) (asks, error) {
		keys := keysOf(t.flags, variantFlag)
		all := rotation(max(len(keys), leastAsks), func(i int) ask {
			key := keys[i%len(keys)]
			return ask{post(t.address, path, inJSON(i, key)), 200, [][]byte{[]byte(key), []byte(variation)}, []string{key}}
		})
		all.answers = variantOf(lenient)
		return all, nil
	}
}

func batchJSON(path string, n int) func(target) (asks, error) {
	return func(t target) (asks, error) {
		part, number := batches(t.flags, n)
		all := rotation(number, func(i int) ask {
			keys := part(i)
			var batch struct {
				Requests []jsonRequest `json:"requests"`
			}
			for _, key := range keys {
				batch.Requests = append(batch.Requests, inJSON(i, key))
			}
			return ask{post(t.address, path, batch), 200, [][]byte{[]byte(keys[n-1]), []byte(variation)}, keys}
		})
		all.answers = batchOf(lenient)
		return all, nil
	}
}

// remoteContext is the context of entity n for OFREP.
func remoteContext(n int) map[string]string {
	who := entityOf(n)
	context := maps.Clone(who.context)
	context["targetingKey"] = who.id
	return context
}

func remoteSingle(t target) (asks, error) {
	keys := keysOf(t.flags, variantFlag)
	all := rotation(max(len(keys), leastAsks), func(i int) ask {
		key := keys[i%len(keys)]
		body := map[string]any{"context": remoteContext(i)}
		return ask{post(t.address, "/ofrep/v1/evaluate/flags/"+key, body), 200, [][]byte{[]byte(key), []byte(variation)}, []string{key}}
	})
	all.answers = remoteOf
	return all, nil
}

func remoteBulk(n int) func(target) (asks, error) {
	return func(t target) (asks, error) {
		part, number := batches(t.flags, n)
		all := rotation(number, func(i int) ask {
			keys := part(i)
			context := remoteContext(i)
			context["flags"] = strings.Join(keys, ",")
			body := map[string]any{"context": context}
			return ask{post(t.address, "/ofrep/v1/evaluate/flags", body), 200, [][]byte{[]byte(keys[n-1]), []byte(variation)}, keys}
		})
		all.answers = remoteBulkOf
		return all, nil
	}
}

// errNoETag says that an answer cannot be asked for on a condition.
var errNoETag = errors.New("the answer has no ETag")

// get asks for one path over and over, with the ETag of the first answer if it asks on the condition that it has changed.
func get(path string, conditional bool) func(target) (asks, error) {
	return func(t target) (asks, error) {
		head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: burgee-bench\r\n", path, t.address)
		keys := keysOf(t.flags, everyFlag)
		one := ask{[]byte(head + "\r\n"), 200, [][]byte{[]byte(keys[len(keys)-1])}, keys}
		if conditional {
			c, err := dialHTTP(t.address)
			if err != nil {
				return asks{}, err
			}
			defer c.close()
			if _, err := c.do(one); err != nil {
				return asks{}, err
			}
			if c.etag == "" {
				return asks{}, errNoETag
			}
			one = ask{request: []byte(head + "If-None-Match: " + c.etag + "\r\n\r\n"), status: 304}
		}
		return asks{number: 1, next: func(uint64) ask { return one }, answers: flagsOf}, nil
	}
}

// createMessages makes a new flag with every ask.
func createMessages(target) (asks, error) {
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	return asks{
		method: createProcedure, number: 1,
		next: func(n uint64) ask {
			key := fmt.Sprintf("new-%s-%09d", run, n)
			create := &flipt.CreateFlagRequest{NamespaceKey: "default", Key: key, Name: "A new flag", Enabled: true, Description: "What it is for in a sentence"}
			return ask{request: message(create), want: [][]byte{[]byte(key)}, keys: []string{key}}
		},
		answers: func(body []byte) ([]answer, error) {
			var flag flipt.Flag
			err := proto.Unmarshal(body, &flag)
			return []answer{{flag.Key, flag.CreatedAt.String()}}, err
		},
	}, nil
}

// prove reads an answer in full: it is about the flags that were asked for, in their order, and decides each.
func (a asks) prove(one ask, body []byte) error {
	if one.keys == nil {
		return nil
	}
	got, err := a.answers(body)
	if err != nil {
		return fmt.Errorf("%w: %.300q", err, body)
	}
	keys := make([]string, len(got))
	for i, answer := range got {
		keys[i] = answer.key
		if answer.value == "" {
			return fmt.Errorf("flag %q is not decided: %.300q", answer.key, body)
		}
	}
	if !slices.Equal(keys, one.keys) {
		return fmt.Errorf("asked for %d flags %.3q…, the answer is about %d flags %.3q…", len(one.keys), one.keys, len(keys), keys)
	}
	return nil
}
