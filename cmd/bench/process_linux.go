package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns the time that all threads of a process have spent on a processor, those that have ended included, to the
// nanosecond.
func processorTime(pid int) (time.Duration, error) {
	var spent unix.Timespec
	clock := int32(^pid<<3 | 2) // the clock that clock_getcpuclockid(3) names
	if err := unix.ClockGettime(clock, &spent); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(spent.Nano()), nil
}

// machineTime returns the time that the processors of the machine have been busy or taken by its host, and how many there are.
func machineTime() (busy time.Duration, processors int, err error) {
	const tick = 10 * time.Millisecond
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal
	if len(fields) < 9 {
		return 0, 0, fmt.Errorf("/proc/stat: %q", line)
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		busy += time.Duration(n) * tick
	}
	return busy, strings.Count(string(text), "\ncpu"), nil
}

// memory returns how much memory a process holds, and the most that it ever held, in bytes.
func memory(pid int) (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		for name, value := range map[string]*int64{"VmRSS:": &now, "VmHWM:": &peak} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				if _, err := fmt.Sscanf(rest, "%d kB", value); err != nil {
					return 0, 0, fmt.Errorf("memory of process %d: %w", pid, err)
				}
				*value <<= 10
			}
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("memory of process %d is not told", pid)
	}
	return now, peak, nil
}

// pin keeps every thread of this process, and so every process that it starts, on these processors. None means all.
func pin(processors []int) error {
	if len(processors) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, n := range processors {
		set.Set(n)
	}
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(filepath.Base(thread))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return fmt.Errorf("processors %v: %w", processors, err)
		}
	}
	return nil
}

// load is what the machine says of its load: the averages over 1, 5 and 15 minutes.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "not known"
	}
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
