package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// doorName is where a request came in.
type doorName uint8

const (
	httpDoor doorName = iota
	grpcDoor
	doorNames
)

func (d doorName) String() string { return [...]string{"http", "grpc"}[d] }

// doorKey is the key of the door in the context of its requests.
type doorKey struct{}

func withDoor(ctx context.Context, name doorName) context.Context {
	return context.WithValue(ctx, doorKey{}, name)
}

// doorOf returns the door that a request came in by; a call within the process counts as one of the HTTP door.
func doorOf(ctx context.Context) doorName {
	name, _ := ctx.Value(doorKey{}).(doorName)
	return name
}

// durationBounds are the upper bounds of the classes of durations, in seconds: an evaluation takes microseconds, an import
// seconds.
var durationBounds = [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// callMetrics counts the calls of every procedure. A call costs a few atomic additions and no lock; the text is made when it
// is asked for. Its labels are bounded: procedures that exist, codes of the protocol, two doors.
type callMetrics struct {
	procedures map[string]*[doorNames]callCounts
}

// callCounts counts the calls of one procedure at one door. Code 0 is success.
type callCounts struct {
	codes   [connect.CodeUnauthenticated + 1]atomic.Uint64
	classes [len(durationBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

func newCallMetrics() *callMetrics {
	m := &callMetrics{procedures: make(map[string]*[doorNames]callCounts, len(rights))}
	for procedure := range rights {
		m.procedures[procedure] = new([doorNames]callCounts)
	}
	return m
}

// observe counts a call that has ended.
func (m *callMetrics) observe(procedure string, door doorName, code connect.Code, took time.Duration) {
	doors := m.procedures[procedure]
	if doors == nil || int(code) >= len(doors[door].codes) {
		return
	}
	counts := &doors[door]
	counts.codes[code].Add(1)
	counts.nanos.Add(int64(took))
	class := 0
	for seconds := took.Seconds(); class < len(durationBounds) && seconds > durationBounds[class]; {
		class++
	}
	counts.classes[class].Add(1)
}

var (
	requestsDesc = prometheus.NewDesc("burgee_requests_total", "Calls that have ended, by procedure, door and code.",
		[]string{"procedure", "door", "code"}, nil)
	durationsDesc = prometheus.NewDesc("burgee_request_duration_seconds", "How long calls took, by procedure and door.",
		[]string{"procedure", "door"}, nil)
)

// Describe implements prometheus.Collector.
func (m *callMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- requestsDesc
	descs <- durationsDesc
}

// Collect implements prometheus.Collector. What was never called is left out.
func (m *callMetrics) Collect(out chan<- prometheus.Metric) {
	for procedure, doors := range m.procedures {
		for door := range doorNames {
			doors[door].collect(out, procedure, door.String())
		}
	}
}

func (c *callCounts) collect(out chan<- prometheus.Metric, procedure, door string) {
	for code := range c.codes {
		if n := c.codes[code].Load(); n > 0 {
			name := "ok"
			if code > 0 {
				name = connect.Code(code).String()
			}
			out <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), procedure, door, name)
		}
	}
	total, buckets := uint64(0), make(map[float64]uint64, len(durationBounds))
	for class := range c.classes {
		total += c.classes[class].Load()
		if class < len(durationBounds) {
			buckets[durationBounds[class]] = total
		}
	}
	if total > 0 {
		seconds := time.Duration(c.nanos.Load()).Seconds()
		out <- prometheus.MustNewConstHistogram(durationsDesc, total, seconds, buckets, procedure, door)
	}
}

// stateMetrics tells how store, watchers and counts fare, at the moment that it is asked.
type stateMetrics struct {
	db       *database
	watchers func() int
	totals   func(each func(namespace, reason string, evaluations uint64))
}

// maxNamespaces bounds the namespaces that are told apart in metrics; the rest is one.
const maxNamespaces = 500

var (
	revisionDesc = prometheus.NewDesc("burgee_revision", "Number of the newest revision.", nil, nil)
	waitingDesc  = prometheus.NewDesc("burgee_writer_waiting", "Changes that wait for the writer.", nil, nil)
	batchesDesc  = prometheus.NewDesc("burgee_writer_batch_revisions", "Revisions by commit.", nil, nil)
	stoppedDesc  = prometheus.NewDesc("burgee_writes_stopped", "1 when writes have stopped until the next start, 0 otherwise.", nil, nil)
	logDesc      = prometheus.NewDesc("burgee_wal_bytes", "Length of the write-ahead log.", nil, nil)
	watchersDesc = prometheus.NewDesc("burgee_watchers", "Open streams that wait for changes.", nil, nil)
	evaluations  = prometheus.NewDesc("burgee_evaluations_total",
		"Evaluations, by namespace and reason. Namespaces beyond the first 500 are joined as an empty one.", []string{"namespace", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (m *stateMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{revisionDesc, waitingDesc, batchesDesc, stoppedDesc, logDesc, watchersDesc, evaluations} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *stateMetrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	state, _ := m.db.View()
	stats := m.db.Stats()
	gauge(revisionDesc, float64(state.Position().Revision))
	gauge(waitingDesc, float64(stats.Waiting))
	gauge(logDesc, float64(stats.LogBytes))
	gauge(watchersDesc, float64(m.watchers()))
	stopped := 0.0
	if m.db.Health() != nil {
		stopped = 1
	}
	gauge(stoppedDesc, stopped)
	total, buckets := uint64(0), make(map[float64]uint64, len(stats.Batches))
	for i, n := range stats.Batches {
		total += n
		buckets[float64(uint64(1)<<i)] = total
	}
	out <- prometheus.MustNewConstHistogram(batchesDesc, total, float64(stats.Revisions), buckets)
	m.collectEvaluations(out)
}

func (m *stateMetrics) collectEvaluations(out chan<- prometheus.Metric) {
	type label struct{ namespace, reason string }
	sums := make(map[label]uint64)
	namespaces := make(map[string]bool)
	m.totals(func(namespace, reason string, n uint64) {
		if !namespaces[namespace] && len(namespaces) == maxNamespaces {
			namespace = ""
		} else {
			namespaces[namespace] = true
		}
		sums[label{namespace, reason}] += n
	})
	for l, n := range sums {
		out <- prometheus.MustNewConstMetric(evaluations, prometheus.CounterValue, float64(n), l.namespace, l.reason)
	}
}

// newMetrics returns what answers GET /metrics in the text form of Prometheus.
func newMetrics(parts ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(parts...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
