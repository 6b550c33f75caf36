package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// goal is a promise and what was measured of it. One that has not been measured is not printed.
type goal struct {
	path, bound, measured string
	met                   bool
}

// printGoals writes the table of goals and returns how many are missed.
func (r *results) printGoals(w io.Writer) (missed int, err error) {
	all := slices.Concat(r.ratios(), r.absolutes(), r.ofBenchmarks())
	if len(all) == 0 {
		return 0, nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\npath\tat most\tmeasured\t\n")
	for _, g := range all {
		verdict := "ok"
		if !g.met {
			verdict = "MISSED"
			missed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", g.path, g.bound, g.measured, verdict)
	}
	return missed, table.Flush()
}

// cpu returns the figure of a subject of burgee, or of an anchor.
func (r *results) cpu(name string, flags int) (time.Duration, bool) {
	s, _ := subjectNamed(name)
	f, ok := r.figures[cell{s, flags}.String()]
	return f.cpu, ok
}

// ratioGoal is a promise about a subject, for the usual number of flags: at most factor times what its anchor takes.
type ratioGoal struct {
	name   string
	factor float64
}

var ratioGoals = []ratioGoal{
	{"gRPC variant", 0.65}, {"REST variant", 1.6}, {"Connect JSON variant", 0.85}, {"OFREP single", 1.9}, {"gRPC batch 100", 1},
}

// unchanging is the subject that may not take much longer when there are more flags.
const unchanging = "gRPC variant"

// ratios compares with the anchors, and a server of many flags with one of few.
func (r *results) ratios() []goal {
	var goals []goal
	for _, row := range ratioGoals {
		s, _ := subjectNamed(row.name)
		mine, ok := r.cpu(row.name, r.usual)
		theirs, known := r.cpu(s.anchor, r.usual)
		if !ok || !known {
			continue
		}
		ratio := mine.Seconds() / theirs.Seconds()
		goals = append(goals, goal{
			fmt.Sprintf("%s, %d flags", row.name, r.usual), fmt.Sprintf("%.2f x %s", row.factor, s.anchor),
			fmt.Sprintf("%.2f (%.1f / %.1f µs)", ratio, micros(mine), micros(theirs)), ratio <= row.factor,
		})
	}
	few, many := slices.Min(r.sizes), slices.Max(r.sizes)
	mine, ok := r.cpu(unchanging, many)
	theirs, known := r.cpu(unchanging, few)
	if few < many && ok && known {
		ratio := mine.Seconds() / theirs.Seconds()
		goals = append(goals, goal{
			fmt.Sprintf("%s, %d flags", unchanging, many), fmt.Sprintf("1.10 x %d flags", few),
			fmt.Sprintf("%.2f (%.1f / %.1f µs)", ratio, micros(mine), micros(theirs)), ratio <= 1.1,
		})
	}
	return goals
}

// absolutes are the goals in units of their own.
func (r *results) absolutes() []goal {
	var goals []goal
	for name, most := range map[string]time.Duration{"list": 5 * time.Millisecond, "snapshot": time.Millisecond} {
		if cpu, ok := r.cpu(name, r.usual); ok {
			goals = append(goals, goal{
				fmt.Sprintf("%s of %d flags, unchanged", name, r.usual), fmt.Sprintf("%v of CPU", most), fmt.Sprintf("%.3f ms", millis(cpu)), cpu <= most,
			})
		}
	}
	slices.SortFunc(goals, func(a, b goal) int { return cmp.Compare(a.path, b.path) })
	if f, ok := r.figures[creation]; ok {
		goals = append(goals,
			goal{"creates, 64 clients", "at least 5000/s (fsync of 0.2 ms)", fmt.Sprintf("%.0f/s (fsync of %.2f ms)", f.rate, millis(r.fsync)), f.rate >= 5000},
			goal{"creates, 64 clients, p99", "50 ms", fmt.Sprintf("%.1f ms", millis(f.p99)), f.p99 <= 50*time.Millisecond})
	}
	for _, c := range r.cold {
		most := map[int]time.Duration{10_000: 300 * time.Millisecond, largeFlags: 3 * time.Second}[c.flags]
		if most > 0 {
			goals = append(goals, goal{
				fmt.Sprintf("start with %d flags", c.flags), most.String(), fmt.Sprintf("%.3f s (CPU %.3f s)", c.took.Seconds(), c.cpu.Seconds()), c.took <= most,
			})
		}
	}
	for _, m := range r.memory {
		most, ok := map[int]int64{0: 60 * megabyte, 10_000: 200 * megabyte}[m.flags]
		if ok {
			goals = append(goals, goal{
				fmt.Sprintf("peak RSS, %d flags", m.flags), fmt.Sprintf("%d MB", most/megabyte), fmt.Sprintf("%.0f MB", float64(m.peak)/megabyte), m.peak <= most,
			})
		}
	}
	return goals
}

// benchmark is what `go test -bench` says of one of them.
type benchmark struct {
	nanos  float64 // of one operation, the shortest of several
	allocs int64   // of one operation; -1 if it is not told
	anchor float64 // nanoseconds of what it is compared with; 0 if there is none
}

// benchmarkLine is a line such as "BenchmarkVariant-2  1000  31.5 ns/op  10.5 anchor-ns/op  0 B/op  0 allocs/op". The name loses the
// number of processors.
var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op(?:\s+([0-9.]+) anchor-ns/op)?(?:.*?([0-9]+) allocs/op)?`)

// readBenchmarks reads the output of `go test -bench`.
func readBenchmarks(name string) (map[string]benchmark, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all := make(map[string]benchmark)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		parts := benchmarkLine.FindStringSubmatch(lines.Text())
		if parts == nil {
			continue
		}
		nanos, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", name, lines.Text(), err)
		}
		b := benchmark{nanos: nanos}
		if b.allocs, err = strconv.ParseInt(parts[4], 10, 64); err != nil {
			b.allocs = -1
		}
		if b.anchor, err = strconv.ParseFloat(parts[3], 64); err != nil {
			b.anchor = 0
		}
		if old, ok := all[parts[1]]; !ok || b.nanos < old.nanos {
			all[parts[1]] = b
		}
	}
	return all, lines.Err()
}

// ofBenchmarks are the goals that benchmarks of Go hold.
func (r *results) ofBenchmarks() []goal {
	var goals []goal
	if variant := r.benchmarks["BesideAnchor"]; variant.anchor > 0 {
		ratio := variant.nanos / variant.anchor
		goals = append(goals, goal{
			"eval variant, 10000 flags", "2.50 x map, CRC-32, 3 compares; 0 allocations",
			fmt.Sprintf("%.2f (%.1f / %.1f ns), %d allocations", ratio, variant.nanos, variant.anchor, variant.allocs), ratio <= 2.5 && variant.allocs == 0,
		})
	}
	for name, b := range r.benchmarks {
		if !strings.HasPrefix(name, "Publish") {
			continue
		}
		flags, most := "10000", 2.0
		if strings.HasSuffix(name, "100000") || strings.HasSuffix(name, "100k") {
			flags, most = "100000", 20
		}
		goals = append(goals, goal{"publish one flag of " + flags, fmt.Sprintf("%.0f ms", most), fmt.Sprintf("%.3f ms", b.nanos/1e6), b.nanos/1e6 <= most})
	}
	slices.SortStableFunc(goals, func(a, b goal) int { return cmp.Compare(a.path, b.path) })
	return goals
}
