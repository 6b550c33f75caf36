package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/burgeehq/burgee/store"
)

const (
	barAfter = time.Second            // what takes less has no bar
	barEvery = 100 * time.Millisecond // between two drawings
	barWidth = 30                     // in characters
)

// progressBar draws on w how far an operation is, if w is a terminal and it takes over a second. end takes the bar away;
// nothing else may be written to w before. Without a terminal there is nothing to report to.
func progressBar(w io.Writer) (report store.Progress, end func()) {
	file, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return nil, func() {}
	}
	b := &bar{ended: make(chan struct{}), done: make(chan struct{})}
	go b.draw(w)
	return b.report, func() {
		close(b.ended)
		<-b.done
	}
}

// bar is what there is to draw, shared by those who report and the one who draws.
type bar struct {
	ended, done chan struct{}

	mu          sync.Mutex // guards what follows
	step        string
	part, total int64
}

func (b *bar) report(step string, done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.step, b.part, b.total = step, done, total
}

func (b *bar) draw(w io.Writer) {
	defer close(b.done)
	wait := time.NewTimer(barAfter)
	defer wait.Stop()
	drawn := false
	for {
		select {
		case <-wait.C:
			fmt.Fprintf(w, "\r%s\x1b[K", b)
			drawn = true
			wait.Reset(barEvery)
		case <-b.ended:
			if drawn {
				fmt.Fprint(w, "\r\x1b[K")
			}
			return
		}
	}
}

// String is the bar as it stands: the step, and how much of it is done if that is known.
func (b *bar) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total <= 0 {
		return b.step + " …"
	}
	part := min(max(b.part, 0), b.total)
	full := int(part * barWidth / b.total)
	return fmt.Sprintf("%s [%s%s] %d %%", b.step, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), part*100/b.total)
}
