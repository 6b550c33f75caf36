package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// cold is a start with a database that exists.
type cold struct {
	flags     int
	took, cpu time.Duration // from exec to the first answer
	now       int64         // memory after it, in bytes
}

const (
	starts     = 5       // how often each start is measured
	largeFlags = 100_000 // in namespaces of 10,000
)

// starts measures the start with the most flags that were measured, and with a large database if it is wanted. Nothing runs meanwhile.
func (r *rig) starts(ctx context.Context, found *results) error {
	sizes := []int{slices.Max(r.sizes)}
	if r.large {
		if err := r.prepare(ctx, largeFlags); err != nil {
			return err
		}
		sizes = append(sizes, largeFlags)
	}
	for _, flags := range sizes {
		r.say("start with %d flags", flags)
		var took, cpu []time.Duration
		var last int64
		for range starts {
			one, err := r.coldStart(ctx, flags)
			if err != nil {
				return fmt.Errorf("start with %d flags: %w", flags, err)
			}
			took, cpu, last = append(took, one.took), append(cpu, one.cpu), one.now
		}
		found.cold = append(found.cold, cold{flags, quartile(took), quartile(cpu), last})
	}
	return nil
}

// coldStart starts burgee, asks for a flag of the namespace `default`, and stops it.
func (r *rig) coldStart(ctx context.Context, flags int) (c cold, err error) {
	begin := time.Now()
	s, err := startBurgee(ctx, r.program, r.database(flags))
	if err != nil {
		return cold{}, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	all, err := variantJSON("/evaluate/v1/variant")(target{s.http, 10})
	if err != nil {
		return cold{}, err
	}
	client, err := dialHTTP(s.http)
	if err != nil {
		return cold{}, err
	}
	defer client.close()
	one := all.next(0)
	body, err := client.do(one)
	if err != nil {
		return cold{}, err
	}
	c.took = time.Since(begin)
	if c.cpu, err = processorTime(s.pid()); err != nil {
		return cold{}, err
	}
	if c.now, _, err = memory(s.pid()); err != nil {
		return cold{}, err
	}
	return c, all.prove(one, body)
}

// fsyncTimes returns how long it takes to write a page of a file and to see it on disk when nobody else writes, some times.
func fsyncTimes(dir string) (all []time.Duration, err error) {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	page := make([]byte, 4<<10)
	for i := range 51 {
		begin := time.Now()
		if _, err := file.WriteAt(page, 0); err != nil {
			return nil, err
		}
		if err := file.Sync(); err != nil {
			return nil, err
		}
		if i > 0 { // the first makes the file longer
			all = append(all, time.Since(begin))
		}
	}
	return all, nil
}
