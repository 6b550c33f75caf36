package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// held is the memory of a server with that many flags, in bytes.
type held struct {
	flags     int
	now, peak int64
}

// results are what a run has found.
type results struct {
	cells      []cell
	figures    map[string]figures // by cell
	sizes      []int
	usual      int // number of flags that most goals are about
	memory     []held
	cold       []cold
	fsync      time.Duration // alone
	others     []float64     // part of the processors that other programs had, for each window
	benchmarks map[string]benchmark
	began      time.Time
	load       string // of the machine, at the begin
}

const megabyte = 1e6

// print writes the tables and returns how many goals are missed.
func (r *results) print(w io.Writer) (missed int, err error) {
	slices.SortFunc(r.memory, func(a, b held) int { return a.flags - b.flags })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "server\tsubject\tflags\tCPU-µs/request\trequests/s\tp50 ms\tp99 ms\tbytes\t\n")
	for _, c := range r.cells {
		f, ok := r.figures[c.String()]
		if !ok {
			continue
		}
		flags := fmt.Sprint(c.flags)
		if !c.subject.atOurs() {
			flags = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f\t%.0f\t%.3f\t%.3f\t%d\t\n",
			c.subject.server, c.subject.name, flags, micros(f.cpu), f.rate, millis(f.p50), millis(f.p99), f.bytes)
	}
	if err := table.Flush(); err != nil {
		return 0, err
	}
	if r.fsync > 0 {
		fmt.Fprintf(w, "\na lone fsync of 4 KiB takes %.3f ms\n", millis(r.fsync))
	}
	if len(r.memory)+len(r.cold) > 0 {
		fmt.Fprintf(table, "\nmemory and start\tflags\tRSS MB\tpeak MB\tfirst answer s\tCPU-s\t\n")
		for _, m := range r.memory {
			name := "serving"
			if m.flags == 0 {
				name = "empty"
			}
			fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t\t\t\n", name, m.flags, float64(m.now)/megabyte, float64(m.peak)/megabyte)
		}
		for _, c := range r.cold {
			fmt.Fprintf(table, "start\t%d\t%.0f\t\t%.3f\t%.3f\t\n", c.flags, float64(c.now)/megabyte, c.took.Seconds(), c.cpu.Seconds())
		}
		if err := table.Flush(); err != nil {
			return 0, err
		}
	}
	fmt.Fprintf(w, "\n%d processors for all, load %s at the begin and %s at the end, after %.0f s; other programs had %.0f %% of the machine in the median window\n",
		runtime.GOMAXPROCS(0), r.load, load(), time.Since(r.began).Seconds(), 100*at(r.others, 0.5))
	return r.printGoals(w)
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
