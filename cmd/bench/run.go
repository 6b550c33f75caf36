package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// plan is what a run measures, and where it says so.
type plan struct {
	burgee, dir   string
	rounds        int
	warm, window  time.Duration // each window, and what goes before it and counts for nothing
	sizes         []int         // numbers of flags
	only          *regexp.Regexp
	large         bool
	benchmarks    string
	progress, out io.Writer
}

// usual is the number of flags that most goals are about.
const usual = 1000

// cell is one subject at one server.
type cell struct {
	subject subject
	flags   int // of the server; of an anchor's requests
}

func (c cell) String() string {
	if c.subject.server == ours && c.subject.name != creation {
		return fmt.Sprintf("%s, %d flags", c.subject.name, c.flags)
	}
	return c.subject.name
}

// run measures, prints, and returns how many goals are missed.
func (p *plan) run(ctx context.Context) (missed int, err error) {
	found, err := p.measure(ctx)
	if err != nil {
		return 0, err
	}
	if p.benchmarks != "" {
		if found.benchmarks, err = readBenchmarks(p.benchmarks); err != nil {
			return 0, err
		}
	}
	return found.print(p.out)
}

// measure starts everything, measures, and leaves nothing behind.
func (p *plan) measure(ctx context.Context) (found *results, err error) {
	dir, err := os.MkdirTemp(p.dir, "burgee-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithCancel(ctx)
	r := &rig{plan: p, dir: dir, program: p.burgee, burgee: make(map[int]*server), anchors: make(map[string]*server)}
	defer func() {
		cancel() // kills what still runs
		if err != nil {
			_ = r.stop() // says how it was killed
		}
	}()
	if r.program == "" {
		if r.program, err = build(ctx, dir); err != nil {
			return nil, err
		}
	}
	found = &results{figures: make(map[string]figures), cells: p.cells(), sizes: p.sizes, usual: p.usual(), began: time.Now(), load: load()}
	if err := r.start(ctx, found); err != nil {
		return nil, err
	}
	if err := r.rounds(ctx, found); err != nil {
		return nil, err
	}
	for flags, s := range r.burgee {
		if flags > 0 && p.picks("memory") {
			now, peak, err := memory(s.pid())
			if err != nil {
				return nil, err
			}
			found.memory = append(found.memory, held{flags, now, peak})
		}
	}
	if err := r.stop(); err != nil {
		return nil, err
	}
	if p.picks("start") {
		err = r.starts(ctx, found)
	}
	return found, err
}

// picks says whether a part of the run is wanted.
func (p *plan) picks(name string) bool { return p.only.MatchString(name) }

// asksOf says whether the run needs servers with flags: all it does may be to make some.
func (p *plan) asksOf(cells []cell) bool {
	return p.picks("memory") || p.picks("start") || slices.ContainsFunc(cells, func(c cell) bool { return c.subject.name != creation })
}

// usual returns the number of flags that stands for all: the usual one if it is measured.
func (p *plan) usual() int {
	if slices.Contains(p.sizes, usual) {
		return usual
	}
	return slices.Max(p.sizes)
}

// cells returns what is asked in each round: the picked subjects for each number of flags, and the anchors that they are
// compared with.
func (p *plan) cells() []cell {
	var cells []cell
	needed := make(map[string]bool)
	for _, s := range subjects() {
		switch {
		case s.atOurs() && p.picks(s.name):
			needed[s.anchor] = true
			sizes := p.sizes
			if s.name == creation {
				sizes = []int{0}
			}
			for _, flags := range sizes {
				cells = append(cells, cell{s, flags})
			}
		case !s.atOurs() && (needed[s.name] || p.picks(s.name)):
			cells = append(cells, cell{s, p.usual()})
		}
	}
	return cells
}

// rig is what runs.
type rig struct {
	*plan
	dir     string
	program string          // that is measured
	burgee  map[int]*server // by number of flags; 0 is the one that flags are created in
	anchors map[string]*server
	driver  *server
	orders  *json.Encoder
	windows *json.Decoder
}

func (r *rig) database(flags int) string { return filepath.Join(r.dir, fmt.Sprintf("%d.db", flags)) }

func (r *rig) say(format string, args ...any) {
	fmt.Fprintf(r.progress, format+"\n", args...)
}

// start starts all servers and the driver.
func (r *rig) start(ctx context.Context, found *results) (err error) {
	for _, flags := range r.sizes {
		if !r.plan.asksOf(found.cells) {
			break
		}
		if err := r.prepare(ctx, flags); err != nil {
			return err
		}
		if r.burgee[flags], err = startBurgee(ctx, r.program, r.database(flags)); err != nil {
			return err
		}
	}
	if r.picks(creation) || r.picks("memory") {
		if r.burgee[0], err = startBurgee(ctx, r.program, r.database(0)); err != nil {
			return err
		}
	}
	batches := filepath.Join(r.dir, "batches.bin")
	if s := r.burgee[r.usual()]; s != nil {
		if err := saveBatches(s.grpc, r.usual(), batches); err != nil {
			return err
		}
	}
	for _, c := range found.cells {
		name := c.subject.server
		if name == ours || r.anchors[name] != nil {
			continue
		}
		if r.anchors[name], err = startAnchor(ctx, name, batches); err != nil {
			return err
		}
	}
	r.driver, r.orders, r.windows, err = role(ctx, "drive")
	if err != nil || r.burgee[0] == nil {
		return err
	}
	now, peak, err := memory(r.burgee[0].pid())
	found.memory = append(found.memory, held{0, now, peak})
	return err
}

// prepare makes a database of that many flags. Who is measured is started on it later, so that no import is in its memory.
func (r *rig) prepare(ctx context.Context, flags int) error {
	begin := time.Now()
	s, err := startBurgee(ctx, r.program, r.database(flags))
	if err != nil {
		return err
	}
	if err := errors.Join(s.fill(ctx, flags), s.stop()); err != nil {
		return err
	}
	r.say("imported %d flags in %.1f s", flags, time.Since(begin).Seconds())
	return nil
}

// saveBatches writes into a file what burgee answers to the first batch of 100 for three entities, one of each kind.
func saveBatches(address string, flags int, name string) error {
	all, err := batchMessages(100)(target{address, flags})
	if err != nil {
		return err
	}
	conn, err := dialGRPC(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	client := &grpcCaller{conn: conn, method: all.method}
	var file []byte
	for i := range kinds {
		one := batchMessage(i, all.next(0).keys)
		body, err := client.do(one)
		if err == nil {
			err = all.prove(one, body)
		}
		if err != nil {
			return fmt.Errorf("batch of 100: %w", err)
		}
		file = append(binary.AppendUvarint(file, uint64(len(body))), body...)
	}
	return os.WriteFile(name, file, 0o600)
}

// turns returns the cells in the order of a round. Those that are compared with one another follow one another, since a machine
// with neighbours is not the same a minute later, and those that a goal compares come twice.
func (p *plan) turns(cells []cell, round int) []cell {
	groups := make(map[string][]cell)
	for _, c := range cells {
		name := cmp.Or(c.subject.anchor, c.subject.name)
		groups[name] = append(groups[name], c)
		if p.compared(c) {
			groups[name] = append(groups[name], c)
		}
	}
	random := rand.New(rand.NewPCG(uint64(round), 0)) // the same in every run
	names := slices.Sorted(maps.Keys(groups))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var all []cell
	for _, name := range names {
		group := groups[name]
		random.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		all = append(all, group...)
	}
	return all
}

// compared says whether a goal is about the ratio of this cell to another.
func (p *plan) compared(c cell) bool {
	if c.subject.name == unchanging {
		return true
	}
	return c.flags == p.usual() && slices.ContainsFunc(ratioGoals, func(g ratioGoal) bool {
		s, _ := subjectNamed(g.name)
		return c.subject.name == g.name || c.subject.name == s.anchor
	})
}

// rounds asks every cell in each round.
func (r *rig) rounds(ctx context.Context, found *results) error {
	if len(found.cells) == 0 {
		return nil
	}
	windows := make(map[string][]window)
	gone := make(map[string]bool)
	var lone []time.Duration
	for round := range r.plan.rounds {
		r.say("round %d of %d", round+1, r.plan.rounds)
		if r.picks(creation) {
			all, err := fsyncTimes(r.dir)
			if err != nil {
				return err
			}
			lone = append(lone, all...)
		}
		for _, c := range r.turns(found.cells, round) {
			name := c.String()
			if gone[name] {
				continue
			}
			w, err := r.ask(ctx, c)
			if err != nil {
				return err
			}
			if w.Absent != "" {
				r.say("%s is left out: %s", name, w.Absent)
				gone[name] = true
				continue
			}
			windows[name] = append(windows[name], w)
			found.others = append(found.others, w.Others)
		}
	}
	found.fsync = quartile(lone)
	for name, all := range windows {
		found.figures[name] = figuresOf(all)
	}
	return nil
}

// ask has the driver drive one window.
func (r *rig) ask(ctx context.Context, c cell) (window, error) {
	s := r.anchors[c.subject.server]
	if c.subject.server == ours {
		s = r.burgee[c.flags]
	}
	o := order{c.subject.name, s.address(c.subject.door), s.pid(), c.flags, r.warm, r.window}
	var w window
	if err := r.orders.Encode(o); err != nil {
		return w, fmt.Errorf("order %s: %w", c, err)
	}
	if err := r.windows.Decode(&w); err != nil {
		return w, fmt.Errorf("the driver does not answer for %s: %w", c, errors.Join(ctx.Err(), err))
	}
	if w.Failed != "" {
		return w, errors.New(w.Failed)
	}
	if w.Absent == "" && (w.Requests == 0 || w.CPU <= 0) {
		return w, fmt.Errorf("%s: %d requests in %v of processor time cannot be", c, w.Requests, w.CPU)
	}
	return w, nil
}

// stop ends everything that runs. What has ended already is no error.
func (r *rig) stop() error {
	var errs []error
	for _, s := range slices.Concat([]*server{r.driver}, slices.Collect(maps.Values(r.burgee)), slices.Collect(maps.Values(r.anchors))) {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	return errors.Join(errs...)
}
