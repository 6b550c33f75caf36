package server_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// twins is a file in which several flags say the same number: as a default variant's key and attachment, and in a segment.
func twins(number int) []byte {
	var b strings.Builder
	b.WriteString("namespace: twins\nflags:\n")
	for i := range 4 {
		fmt.Fprintf(&b, `- key: flag-%d
  name: Flag
  enabled: true
  variants:
  - {key: v, default: true, attachment: %d}
  - {key: matched, attachment: %d}
  rules:
  - segment: all
    distributions:
    - {variant: matched, rollout: 100}
`, i, number, number)
	}
	fmt.Fprintf(&b, "segments:\n- {key: all, name: All, match_type: ALL_MATCH_TYPE, constraints: [{type: STRING_COMPARISON_TYPE, property: n, operator: eq, value: %q}]}\n",
		strconv.Itoa(number%2))
	return []byte(b.String())
}

// TestAnswersAreOfOneRevision reads several flags at once while writers change all of them in one revision: the parts of an
// answer agree, and what a connection is told never goes back.
func TestAnswersAreOfOneRevision(t *testing.T) {
	t.Parallel()
	const revisions = 60
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	s.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: yamlFile(twins(0))}))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for _, p := range protocols {
		c, items := p.over(srv), 40
		if p.name == "gRPC" || p.name == "Connect" {
			items = 1000 // so that revisions fall into the middle of them
		}
		wg.Go(func() {
			last := 0
			for reads := 0; ctx.Err() == nil || reads == 0; reads++ {
				number, err := readTwins(c, items, last)
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
					return
				}
				last = number
			}
		})
	}
	for number := 1; number <= revisions; number++ {
		s.revisions(t, 1, importOf(&burgeev1.ImportRequest{File: yamlFile(twins(number)), Overwrite: true}))
	}
	stop()
	wg.Wait()
}

// readTwins reads all flags in one of several ways and returns the number on which they agree.
func readTwins(c clients, items, last int) (int, error) {
	requests := make([]*evaluation.EvaluationRequest, items)
	for i := range requests {
		// The segment matches one of two numbers.
		requests[i] = &evaluation.EvaluationRequest{
			NamespaceKey: "twins", FlagKey: fmt.Sprint("flag-", i/2%4), EntityId: "e", Context: map[string]string{"n": strconv.Itoa(i % 2)},
		}
	}
	batch, err := c.evaluation.Batch(context.Background(), &evaluation.BatchEvaluationRequest{Requests: requests})
	if err != nil {
		return 0, err
	}
	number := -1
	for i, response := range batch.Responses {
		answer := response.GetVariantResponse()
		got, err := strconv.Atoi(answer.GetVariantAttachment())
		if err != nil || number >= 0 && got != number {
			return 0, fmt.Errorf("%q beside %d in one batch", answer.GetVariantAttachment(), number)
		}
		number = got
		if want := i%2 == number%2; answer.Match != want {
			return 0, fmt.Errorf("number %d and a segment of another revision: %v", number, answer)
		}
	}
	list, err := c.flipt.ListFlags(context.Background(), &flipt.ListFlagRequest{NamespaceKey: "twins"})
	if err != nil {
		return 0, err
	}
	listed := -1
	for _, flag := range list.Flags {
		got, err := strconv.Atoi(flag.Variants[0].Attachment)
		if err != nil || listed >= 0 && got != listed {
			return 0, fmt.Errorf("%q beside %d in %v", flag.Variants[0].Attachment, listed, list)
		}
		listed = got
	}
	if number < last || listed < number {
		return 0, fmt.Errorf("number %d, then %d and %d", last, number, listed)
	}
	return listed, nil
}
