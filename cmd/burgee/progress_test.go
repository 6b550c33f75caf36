package main

import (
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// screen holds what was drawn since the last look.
type screen struct {
	mu    sync.Mutex
	drawn strings.Builder // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawn.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawn.String()
}

func (s *screen) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn.Reset()
}

func TestProgressBar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var drawn screen
		b := &bar{ended: make(chan struct{}), done: make(chan struct{})}
		go b.draw(&drawn)
		shows := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := drawn.String(); got != want {
				t.Errorf("after %v: %q, want %q", after, got, want)
			}
			drawn.Reset()
		}
		b.report("copying", 1, 2)
		shows(999*time.Millisecond, "")
		shows(time.Millisecond, "\rcopying [===============               ] 50 %\x1b[K")
		b.report("checking pages", 0, 0)
		shows(100*time.Millisecond, "\rchecking pages …\x1b[K")
		b.report("checking history", 7, 3)
		shows(100*time.Millisecond, "\rchecking history [==============================] 100 %\x1b[K")
		close(b.ended)
		<-b.done
		if got := drawn.String(); got != "\r\x1b[K" {
			t.Errorf("at the end: %q, want an empty line", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var drawn screen
		b := &bar{ended: make(chan struct{}), done: make(chan struct{})}
		go b.draw(&drawn)
		b.report("copying", 1, 2)
		time.Sleep(900 * time.Millisecond)
		close(b.ended)
		<-b.done
		if got := drawn.String(); got != "" {
			t.Errorf("in less than a second %q was drawn", got)
		}
	})
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if report, _ := progressBar(file); report != nil {
		t.Error("a file is taken for a terminal")
	}
}
