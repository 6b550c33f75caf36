package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// thousand is a file of 1,000 flags.
func thousand() []byte { return many(1000) }

// many is a file of so many flags of 3 variants and 2 rules with 3 distributions each, and 20 segments.
func many(flags int) []byte {
	var b strings.Builder
	b.WriteString("version: \"1.4\"\nnamespace: large\nflags:\n")
	for i := range flags {
		fmt.Fprintf(&b, "- key: flag-%04d\n  name: Flag number %d\n  description: What this flag is for, in a sentence.\n  enabled: true\n  variants:\n", i, i)
		for v := range 3 {
			fmt.Fprintf(&b, "  - {key: variant-%d, name: Variant %d, default: %v, attachment: {color: \"#ff8800\", size: 12}}\n", v, v, v == 0)
		}
		b.WriteString("  rules:\n")
		for r := range 2 {
			fmt.Fprintf(&b, "  - segment: segment-%d\n    distributions:\n", (i+r)%20)
			for v := range 3 {
				fmt.Fprintf(&b, "    - {variant: variant-%d, rollout: 33.3}\n", v)
			}
		}
	}
	b.WriteString("segments:\n")
	for i := range 20 {
		fmt.Fprintf(&b, `- key: segment-%d
  name: Segment %d
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: country, operator: eq, value: de}
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "%d"}
`, i, i, i)
	}
	return []byte(b.String())
}

// TestImportSpeed imports a large file within the time that is promised for it. It is not parallel, since it measures time.
func TestImportSpeed(t *testing.T) {
	s := openForBench(t)
	start := time.Now()
	answer := ok(s.features.Import(t.Context(), &burgeev1.ImportRequest{File: yamlFile(thousand())}))(t)
	took := time.Since(start)
	t.Logf("1,000 flags and 20 segments in %v", took)
	if answer.Flags != 1000 || answer.Segments != 20 {
		t.Errorf("imported %v", answer)
	}
	if took > importBound {
		t.Errorf("took %v, want at most %v", took, importBound)
	}
}

func openForBench(t testing.TB) session {
	t.Helper()
	srv := start(t)
	return session{srv.overGRPC(), srv}
}

// BenchmarkImport1000 imports 1,000 flags into an empty server.
func BenchmarkImport1000(b *testing.B) {
	file := thousand()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := openForBench(b)
		b.StartTimer()
		ok(s.features.Import(b.Context(), &burgeev1.ImportRequest{File: yamlFile(file)}))(b)
	}
}

// BenchmarkListFlagsREST1000 lists 1,000 flags on one page over REST.
func BenchmarkListFlagsREST1000(b *testing.B) {
	s := openForBench(b)
	ok(s.features.Import(b.Context(), &burgeev1.ImportRequest{File: yamlFile(thousand())}))(b)
	client := s.srv.overH1()
	b.ReportAllocs()
	for b.Loop() {
		request := ok(http.NewRequestWithContext(b.Context(), http.MethodGet, s.srv.httpURL+"/api/v1/namespaces/large/flags", nil))(b)
		answer := ok(client.Do(request))(b)
		size := ok(io.Copy(io.Discard, answer.Body))(b)
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer.Status, err)
		}
		b.SetBytes(size)
	}
}

// BenchmarkVariantGRPC evaluates a flag over gRPC, one call after the other.
func BenchmarkVariantGRPC(b *testing.B) {
	s := openForBench(b)
	s.open(b)
	conn := stranger(b, s.srv)
	request, answer := about("color", "user-3", "tier", "gold"), new(evaluation.VariantEvaluationResponse)
	b.ReportAllocs()
	for b.Loop() {
		if err := conn.Invoke(b.Context(), "/flipt.evaluation.EvaluationService/Variant", request, answer); err != nil || !answer.Match {
			b.Fatal(answer, err)
		}
	}
}

// BenchmarkUpdateFlagGRPC changes a flag over gRPC: one revision each, from many callers at once.
func BenchmarkUpdateFlagGRPC(b *testing.B) {
	s := openForBench(b)
	s.open(b)
	conn := stranger(b, s.srv)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		request, answer := &flipt.UpdateFlagRequest{NamespaceKey: "acme", Key: "beta", Name: "Beta"}, new(flipt.Flag)
		for pb.Next() {
			if err := conn.Invoke(context.Background(), "/flipt.Flipt/UpdateFlag", request, answer); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
