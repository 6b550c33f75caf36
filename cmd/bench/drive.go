package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// order is a window that the driver is told to drive.
type order struct {
	Subject string
	Address string
	PID     int // of the server
	Flags   int
	Warm    time.Duration // goes before the window and counts for nothing
	Window  time.Duration
}

// window is what came of an order.
type window struct {
	Requests int64
	Took     time.Duration
	CPU      time.Duration // of the server
	P50, P99 time.Duration
	Bytes    int64   // of the bodies of all answers
	Others   float64 // part of the machine's processor time that neither server nor driver had
	Absent   string  // why the subject cannot be asked of this server; the rest is empty then
	Failed   string  // why the window is worth nothing; the rest is empty then
}

// caller sends requests one after the other.
type caller interface {
	do(ask) ([]byte, error) // returns the body, which is good until the next call
	close()
}

// session is what the driver keeps of a subject from window to window.
type session struct {
	subject subject
	asks    asks
	asked   atomic.Uint64
}

// drive carries out orders until there are no more.
func drive(ctx context.Context, orders *json.Decoder, windows *json.Encoder) error {
	type key struct {
		subject, address string
		flags            int
	}
	sessions := make(map[key]*session)
	for ctx.Err() == nil {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		k := key{o.Subject, o.Address, o.Flags}
		var w window
		var err error
		if sessions[k] == nil {
			sessions[k], err = begin(o)
		}
		if err == nil {
			w, err = sessions[k].measure(ctx, o)
		}
		if errors.Is(err, errNoETag) {
			w = window{Absent: err.Error()}
		} else if err != nil {
			w = window{Failed: fmt.Sprintf("%s: %v", o.Subject, err)}
		}
		if err := windows.Encode(w); err != nil {
			return fmt.Errorf("answer order: %w", err)
		}
	}
	return ctx.Err()
}

// proofs is how many answers are read in full before the first window.
const proofs = 64

// begin makes the requests of a subject, and proves that the server answers them as it should.
func begin(o order) (*session, error) {
	found, ok := subjectNamed(o.Subject)
	if !ok {
		return nil, errors.New("no such subject")
	}
	made, err := found.asks(target{o.Address, o.Flags})
	if err != nil {
		return nil, err
	}
	s := &session{subject: found, asks: made}
	callers, err := s.dial(o.Address, 1)
	if err != nil {
		return nil, err
	}
	defer callers[0].close()
	for range min(proofs, made.number) {
		one := made.next(s.asked.Add(1))
		body, err := callers[0].do(one)
		if err == nil {
			err = made.prove(one, body)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// sharing is how many callers share a connection of gRPC.
const sharing = 8

// dial opens the connections of n callers.
func (s *session) dial(address string, n int) (callers []caller, err error) {
	defer func() {
		if err != nil {
			for _, c := range callers {
				c.close()
			}
			callers = nil
		}
	}()
	for len(callers) < n {
		if !s.subject.grpc {
			c, err := dialHTTP(address)
			if err != nil {
				return callers, err
			}
			callers = append(callers, c)
			continue
		}
		conn, err := dialGRPC(address)
		if err != nil {
			return callers, err
		}
		for range min(sharing, n-len(callers)) {
			callers = append(callers, &grpcCaller{conn: conn, method: s.asks.method})
		}
		if err := settled(conn); err != nil {
			return callers, err
		}
	}
	return callers, nil
}

// measure drives one window.
func (s *session) measure(ctx context.Context, o order) (window, error) {
	callers, err := s.dial(o.Address, s.subject.callers)
	if err != nil {
		return window{}, err
	}
	defer func() {
		for _, c := range callers {
			c.close()
		}
	}()
	if _, _, err := s.run(ctx, callers, o.Warm); err != nil {
		return window{}, err
	}
	runtime.GC() // the driver's own garbage is not the window's
	before, err := clocksOf(o.PID)
	if err != nil {
		return window{}, err
	}
	latencies, size, err := s.run(ctx, callers, o.Window)
	if err != nil {
		return window{}, err
	}
	after, err := clocksOf(o.PID)
	if err != nil {
		return window{}, err
	}
	spent := after.since(before)
	slices.Sort(latencies)
	return window{
		Requests: int64(len(latencies)), Took: spent.wall, CPU: spent.server, Bytes: size,
		P50: percentile(latencies, 0.5), P99: percentile(latencies, 0.99),
		Others: max(0, (spent.machine-spent.server-spent.driver).Seconds()/(spent.wall.Seconds()*float64(after.processors))),
	}, nil
}

// run lets all callers ask from the same moment for that time, and returns when the last has its answer: how long each took, and
// the size of all bodies together.
func (s *session) run(ctx context.Context, callers []caller, during time.Duration) ([]time.Duration, int64, error) {
	var (
		wait   sync.WaitGroup
		failed atomic.Pointer[error]
		mu     sync.Mutex // guards all and size
		all    []time.Duration
		size   int64
	)
	start := time.Now()
	for _, c := range callers {
		wait.Go(func() {
			var took []time.Duration
			var bytes int64
			for begin := start; failed.Load() == nil && ctx.Err() == nil; {
				one := s.asks.next(s.asked.Add(1))
				body, err := c.do(one)
				if err == nil {
					err = check(one, body)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				end := time.Now()
				took, bytes = append(took, end.Sub(begin)), bytes+int64(len(body))
				if begin = end; end.Sub(start) >= during {
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all, size = append(all, took...), size+bytes
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return nil, 0, *err
	}
	return all, size, ctx.Err()
}

// check looks for what an answer must hold.
func check(one ask, body []byte) error {
	for _, part := range one.want {
		if !bytes.Contains(body, part) {
			return fmt.Errorf("the answer has no %q: %.300q", part, body)
		}
	}
	return nil
}

// clocks are what the clocks say at one moment.
type clocks struct {
	now                     time.Time
	server, driver, machine time.Duration // of processor time
	processors              int           // of the machine
}

func clocksOf(pid int) (clocks, error) {
	server, err := processorTime(pid)
	if err != nil {
		return clocks{}, err
	}
	driver, err := processorTime(os.Getpid())
	if err != nil {
		return clocks{}, err
	}
	machine, processors, err := machineTime()
	return clocks{time.Now(), server, driver, machine, processors}, err
}

// spans are the differences of two readings.
type spans struct{ wall, server, driver, machine time.Duration }

func (c clocks) since(before clocks) spans {
	return spans{c.now.Sub(before.now), c.server - before.server, c.driver - before.driver, c.machine - before.machine}
}
