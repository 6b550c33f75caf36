// Command bench measures the served program: what an answer costs the server, beside servers of the same stack that answer
// without evaluating anything.
//
// It starts the real burgee with realistic flags (variants with attachments, rules over segments of three constraints, boolean
// flags with rollouts), once for each number of flags, and the anchors: a stock Connect server, a grpc-go server and a net/http
// server with encoding/json, which speak the messages of package evaluation and answer what is always the same. One more process
// drives them in a closed loop, one at a time. Every server and the driver is a process of its own, this same program under
// another command, and all of them may use the same processors and have the same environment.
//
// A round asks each subject for a short window, and twice where a goal compares it with another; the order differs from round to
// round, but what is compared stays together. A window begins and ends with a server at rest: the kernel's figure of the processor
// time that the server's process has used is read before the first request is sent and after the last answer has come, so that it
// belongs to the counted requests and to nothing else. Each answer is checked; a wrong one ends the program. What is printed is the
// lower quartile of the windows.
//
// Its limits: the driver shares the processors with the server, so requests per second and latencies are those of the two
// together; what compares with other runs are the ratios to the anchors of the same run. Other programs on the machine make all
// figures larger; the part of the processors that they took is printed. It reads the figures of processes from Linux.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command runs one of the roles of the program.
func command(ctx context.Context, args []string) error {
	role := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		role, args = args[0], args[1:]
	}
	switch role {
	case "run":
		return runCommand(ctx, args)
	case "drive":
		return drive(ctx, json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout))
	case "anchor":
		return anchorCommand(args)
	}
	return fmt.Errorf("unknown command %q: want run, or none", role)
}

// errMissed is the end of a strict run that missed a goal.
var errMissed = errors.New("a goal is missed")

// runCommand measures and prints.
func runCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	burgee := flags.String("burgee", "", "`FILE` of the program to measure (default: what the source of the working folder builds)")
	dir := flags.String("dir", "", "`FOLDER` for databases, on the file system to measure (default: a temporary one)")
	rounds := flags.Int("rounds", 9, "`NUMBER` of windows of each subject")
	window := flags.Duration("window", 700*time.Millisecond, "`TIME` of a window")
	sizes := flags.String("flags", "10,1000,10000", "`NUMBERS` of flags")
	only := flags.String("only", "", "measure only the subjects that match the `REGEXP`, such as 'REST|list', and their anchors")
	cpus := flags.String("cpus", "", "`NUMBERS` of the processors that all processes share, such as 0,1 (default: all)")
	benchmarks := flags.String("go", "", "`FILE` with the output of go test -bench, for the goals that are held there")
	large := flags.Bool("large", false, "measure the start with 100,000 flags too")
	quick := flags.Bool("quick", false, "3 rounds with 1,000 flags")
	strict := flags.Bool("strict", false, "end with status 1 when a goal is missed")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *quick {
		*rounds, *sizes = 3, "1000"
	}
	p := plan{
		burgee: *burgee, dir: *dir, rounds: *rounds, warm: *window / 5, window: *window, large: *large,
		progress: os.Stderr, out: os.Stdout, benchmarks: *benchmarks,
	}
	var err error
	if p.only, err = regexp.Compile("(?i)" + *only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if p.sizes, err = numbers(*sizes); err != nil {
		return fmt.Errorf("-flags: %w", err)
	}
	if p.rounds < 1 || len(p.sizes) == 0 {
		return errors.New("want at least one round and one number of flags")
	}
	if slices.Min(p.sizes) < 10 {
		return errors.New("want at least 10 flags, so that there are some of each type")
	}
	processors, err := numbers(*cpus)
	if err != nil {
		return fmt.Errorf("-cpus: %w", err)
	}
	if err := pin(processors); err != nil {
		return fmt.Errorf("-cpus: %w", err)
	}
	missed, err := p.run(ctx)
	if err == nil && missed > 0 && *strict {
		err = errMissed
	}
	return err
}

// numbers reads a list of whole numbers.
func numbers(list string) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no whole number", text)
		}
		all = append(all, n)
	}
	return all, nil
}
