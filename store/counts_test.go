package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/store"
)

const match = evaluation.EvaluationReason_MATCH_EVALUATION_REASON

func countOf(flag, value, rule string, n uint64) store.Count {
	return store.Count{Namespace: "n", Flag: flag, Value: value, Reason: match, RuleID: rule, Evaluations: n}
}

// counting is a database with a clock that a test moves.
type counting struct {
	*store.DB[derived]
	now atomic.Pointer[time.Time]
}

func openCounting(t *testing.T) *counting {
	t.Helper()
	c := new(counting)
	c.set(time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC))
	c.DB = open(t, store.Settings{Clock: func() time.Time { return *c.now.Load() }})
	return c
}

func (c *counting) set(now time.Time) { c.now.Store(&now) }

func (c *counting) add(t *testing.T, counts ...store.Count) {
	t.Helper()
	if err := c.AddCounts(t.Context(), counts); err != nil {
		t.Fatal(err)
	}
}

// points reads all counts, those of a flag or of all.
func (c *counting) points(t *testing.T, flag string, r store.Resolution) []store.Point {
	t.Helper()
	points, err := c.Counts(t.Context(), store.CountQuery{Namespace: "n", Flag: flag, Resolution: r, To: time.Unix(1<<40, 0)})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(points, func(a, b store.Point) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.Value, b.Value), strings.Compare(a.RuleID, b.RuleID))
	})
	return points
}

func clockAt(text string) time.Time {
	parsed, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return parsed
}

// TestCountsAddUp adds counts of two minutes, which share hour and day.
func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	c := openCounting(t)
	c.add(t, countOf("f", "a", "r1", 3), countOf("f", "b", "r2", 5), countOf("g", "true", "", 7), countOf("g", "false", "", 1))
	c.add(t, countOf("f", "a", "r1", 10))
	c.set(clockAt("2026-03-14 15:10:00"))
	c.add(t, countOf("f", "a", "r1", 100), countOf("f", "a", "r3", 1000))
	f := func(start, value, rule string, n uint64) store.Point {
		return store.Point{Count: countOf("f", value, rule, n), Start: clockAt(start)}
	}
	for _, test := range []struct {
		resolution store.Resolution
		want       []store.Point
	}{
		{store.Minute, []store.Point{
			f("2026-03-14 15:09:00", "a", "r1", 13), f("2026-03-14 15:09:00", "b", "r2", 5),
			f("2026-03-14 15:10:00", "a", "r1", 100), f("2026-03-14 15:10:00", "a", "r3", 1000),
		}},
		{store.Hour, []store.Point{
			f("2026-03-14 15:00:00", "a", "r1", 113), f("2026-03-14 15:00:00", "a", "r3", 1000), f("2026-03-14 15:00:00", "b", "r2", 5),
		}},
		{store.Day, []store.Point{
			f("2026-03-14 00:00:00", "a", "r1", 113), f("2026-03-14 00:00:00", "a", "r3", 1000), f("2026-03-14 00:00:00", "b", "r2", 5),
		}},
	} {
		if got := c.points(t, "f", test.resolution); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v:\n got %v\nwant %v", time.Duration(test.resolution), got, test.want)
		}
	}
	all := c.points(t, "", store.Day)
	sums := make(map[string]uint64)
	for _, p := range all {
		sums[p.Flag+p.RuleID+p.Value] = p.Evaluations
	}
	if want := map[string]uint64{"a": 1113, "b": 5, "true": 7, "false": 1}; !maps.Equal(sums, want) {
		t.Errorf("all flags: %v, want %v", all, want)
	}
	within, err := c.Counts(t.Context(), store.CountQuery{Namespace: "n", Flag: "f", Resolution: store.Minute,
		From: clockAt("2026-03-14 15:09:00"), To: clockAt("2026-03-14 15:10:00")})
	if err != nil || len(within) != 2 {
		t.Errorf("one minute: %v, %v", within, err)
	}
	last, err := c.LastEvaluations(t.Context(), "n")
	if want := map[string]time.Time{"f": clockAt("2026-03-14 15:10:00"), "g": clockAt("2026-03-14 15:09:26")}; err != nil || !maps.Equal(last, want) {
		t.Errorf("last evaluations %v, %v", last, err)
	}
	for flag, want := range map[string]time.Time{"g": clockAt("2026-03-14 15:09:26"), "nope": {}} {
		if got, err := c.LastEvaluation(t.Context(), "n", flag); err != nil || !got.Equal(want) {
			t.Errorf("flag %s was last evaluated at %v, %v", flag, got, err)
		}
	}
}

// TestCountsOutliveARestart also looks at who is told since when there are counts.
func TestCountsOutliveARestart(t *testing.T) {
	t.Parallel()
	path, day := filepath.Join(t.TempDir(), "burgee.db"), time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	for _, run := range []struct {
		on   bool
		want time.Time
	}{{true, day}, {true, day}, {false, time.Time{}}, {true, day.AddDate(0, 0, 3)}} {
		db := open(t, store.Settings{Path: path, Clock: func() time.Time { return day }})
		err := errors.Join(db.SetCounting(t.Context(), run.on), db.AddCounts(t.Context(), []store.Count{countOf("f", "", "", 1)}))
		since, err2 := db.CountingSince(t.Context())
		if err := errors.Join(err, err2); err != nil || !since.Equal(run.want) {
			t.Errorf("counting since %v, %v, want %v", since, err, run.want)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		day = day.AddDate(0, 0, 1)
	}
	c := &counting{DB: open(t, store.Settings{Path: path})}
	if got := c.points(t, "f", store.Minute); len(got) != 4 {
		t.Errorf("counts of four days: %v", got)
	}
}

// TestCountsExpire lets two years and a day pass, and looks at what is left of the first day on the way.
func TestCountsExpire(t *testing.T) {
	t.Parallel()
	c := openCounting(t)
	begin := clockAt("2026-03-14 15:09:26")
	c.add(t, countOf("f", "a", "r", 1), countOf("g", "a", "r", 1))
	left := func() string {
		return fmt.Sprint(len(c.points(t, "f", store.Minute)), len(c.points(t, "f", store.Hour)), len(c.points(t, "f", store.Day)))
	}
	for _, test := range []struct {
		after time.Duration
		want  string
	}{
		{47 * time.Hour, "1 1 1"},
		{48*time.Hour + time.Minute, "0 1 1"},
		{31*24*time.Hour - time.Hour, "0 1 1"},
		{31*24*time.Hour + time.Hour, "0 0 1"},
		{729 * 24 * time.Hour, "0 0 1"},
		{731 * 24 * time.Hour, "0 0 0"},
	} {
		c.set(begin.Add(test.after))
		next, err := c.ExpireCounts(t.Context(), store.FlagName{})
		if got := left(); err != nil || got != test.want || next != (store.FlagName{}) {
			t.Errorf("after %v there are %s minutes, hours and days, want %s (next %v, %v)", test.after, got, test.want, next, err)
		}
	}
	if last, err := c.LastEvaluations(t.Context(), "n"); err != nil || len(last) > 0 {
		t.Errorf("all is forgotten but the last evaluations: %v, %v", last, err)
	}
}

// TestLastEvaluationsAreTheNewest asks again after each thing that changes the answer, and after changing the one before.
func TestLastEvaluationsAreTheNewest(t *testing.T) {
	t.Parallel()
	c := openCounting(t)
	first := *c.now.Load()
	second := first.Add(time.Hour)
	check := func(namespace string, want map[string]time.Time) {
		t.Helper()
		for range 2 {
			got, err := c.LastEvaluations(t.Context(), namespace)
			if err != nil || !maps.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%q: got %v, %v; want %v", namespace, got, err, want)
			}
			got["changed by the caller"] = first
		}
	}
	check("n", nil)
	c.add(t, countOf("f", "a", "r", 1))
	check("n", map[string]time.Time{"f": first})
	check("other", nil)
	c.set(second)
	c.add(t, countOf("g", "a", "r", 1))
	check("n", map[string]time.Time{"f": first, "g": second})
	c.set(second.Add(3 * 365 * 24 * time.Hour))
	if _, err := c.ExpireCounts(t.Context(), store.FlagName{}); err != nil {
		t.Fatal(err)
	}
	check("n", nil)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if last, err := c.LastEvaluations(t.Context(), "n"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after the end: %v, %v", last, err)
	}
}

// TestCountsExpireBySlices has more flags, and more counts of one flag, than one call deletes.
func TestCountsExpireBySlices(t *testing.T) {
	t.Parallel()
	c := openCounting(t)
	var counts []store.Count
	for i := range 300 {
		counts = append(counts, countOf(fmt.Sprintf("flag-%03d", i), "a", "r", 1))
	}
	for i := range 2500 {
		counts = append(counts, countOf("large", fmt.Sprint(i), "r", 1))
	}
	c.add(t, counts...)
	c.set(clockAt("2029-01-01 00:00:00"))
	var after store.FlagName
	calls := 0
	for {
		var err error
		if after, err = c.ExpireCounts(t.Context(), after); err != nil {
			t.Fatal(err)
		}
		if calls++; after == (store.FlagName{}) || calls > 100 {
			break
		}
	}
	left := len(c.points(t, "", store.Minute)) + len(c.points(t, "", store.Hour)) + len(c.points(t, "", store.Day))
	if left != 0 || calls < 5 || calls > 100 {
		t.Errorf("%d counts are left after %d calls", left, calls)
	}
}

func TestSameAnswers(t *testing.T) {
	t.Parallel()
	c := openCounting(t)
	c.set(clockAt("2026-01-01 00:00:00"))
	c.add(t, countOf("long-ago", "b", "r", 1), countOf("was-mixed", "a", "r", 1), countOf("was-mixed", "b", "r", 1))
	c.set(clockAt("2026-03-14 12:00:00"))
	c.add(t, countOf("was-mixed", "a", "r", 1), countOf("mixed", "a", "r", 1), countOf("mixed", "", "", 1),
		countOf("one", "a", "r", 1), countOf("one", "a", "r2", 1), countOf("none", "", "", 1))
	got, err := c.SameAnswers(t.Context(), "n", clockAt("2026-03-14 23:00:00"))
	if want := map[string]string{"was-mixed": "a", "one": "a", "none": ""}; err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestMissingFlags(t *testing.T) {
	t.Parallel()
	c, first := openCounting(t), clockAt("2026-03-14 15:09:26")
	add := func(flags ...store.MissingFlag) {
		t.Helper()
		if err := c.AddMissing(t.Context(), flags); err != nil {
			t.Fatal(err)
		}
	}
	list := func(namespace string) []store.MissingFlag {
		t.Helper()
		missing, err := c.MissingFlags(t.Context(), namespace)
		if err != nil {
			t.Fatal(err)
		}
		return missing
	}
	add(store.MissingFlag{Namespace: "n", Flag: "a", Times: 2}, store.MissingFlag{Namespace: "m", Flag: "b", Times: 1})
	c.set(first.Add(time.Hour))
	add(store.MissingFlag{Namespace: "n", Flag: "a", Times: 3}, store.MissingFlag{Namespace: "n", Flag: "c", Times: 1})
	a := store.MissingFlag{Namespace: "n", Flag: "a", Times: 5, First: first, Last: first.Add(time.Hour)}
	b := store.MissingFlag{Namespace: "m", Flag: "b", Times: 1, First: first, Last: first}
	d := store.MissingFlag{Namespace: "n", Flag: "c", Times: 1, First: first.Add(time.Hour), Last: first.Add(time.Hour)}
	if got, want := list(""), []store.MissingFlag{a, d, b}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := list("n"), []store.MissingFlag{a, d}; !reflect.DeepEqual(got, want) {
		t.Errorf("namespace n: got %v, want %v", got, want)
	}
	c.set(first.Add(2 * time.Hour))
	var many []store.MissingFlag
	for i := range 9_999 {
		many = append(many, store.MissingFlag{Namespace: "n", Flag: fmt.Sprint("x", i), Times: 1})
	}
	add(many...)
	if got := list(""); len(got) != 10_000 || got[9_999].Flag != "a" {
		t.Errorf("%d flags are kept, the last is %v", len(got), got[len(got)-1])
	}
}

// TestCountsAreAddedWholly lets a transaction fail in the middle: nothing of it may stay.
func TestCountsAreAddedWholly(t *testing.T) {
	t.Parallel()
	c := openCounting(t)
	// 9223372036854775807 + 1 is a real number, which the column refuses.
	c.add(t, countOf("f", "z", "r", 1<<63-1))
	if err := c.AddCounts(t.Context(), []store.Count{countOf("f", "a", "r", 1), countOf("f", "z", "r", 1)}); err == nil {
		t.Error("an overflow was stored")
	}
	if got := c.points(t, "f", store.Hour); len(got) != 1 || got[0].Value != "z" {
		t.Errorf("after a failure there are %v", got)
	}
	if err := c.Health(); err != nil {
		t.Errorf("it stopped writes: %v", err)
	}
	c.add(t, countOf("f", "a", "r", 1))
	if got := c.points(t, "f", store.Hour); len(got) != 2 {
		t.Errorf("once more: %v", got)
	}
}

// BenchmarkAddCounts adds 250 counts in one transaction, as the server does.
func BenchmarkAddCounts(b *testing.B) {
	db := open(b, store.Settings{})
	var counts []store.Count
	for i := range 250 {
		counts = append(counts, countOf(fmt.Sprintf("flag-%03d", i/3), fmt.Sprint(i%3), "0a6f0a0b-6f9c-4a38-9c3f-6f2d3f1f7a10", 1))
	}
	for b.Loop() {
		if err := db.AddCounts(b.Context(), counts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCountsOfANamespace adds up the hours of a month of 1,000 flags.
func BenchmarkCountsOfANamespace(b *testing.B) {
	now := clockAt("2026-03-01 00:00:00")
	db := open(b, store.Settings{Clock: func() time.Time { return now }})
	for range 50 {
		var counts []store.Count
		for i := range 3000 {
			counts = append(counts, countOf(fmt.Sprintf("flag-%04d", i/3), fmt.Sprint(i%3), "0a6f0a0b-6f9c-4a38-9c3f-6f2d3f1f7a10", 1))
		}
		if err := db.AddCounts(b.Context(), counts); err != nil {
			b.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	for b.Loop() {
		points, err := db.Counts(b.Context(), store.CountQuery{Namespace: "n", Resolution: store.Hour, To: now})
		if err != nil || len(points) != 150 {
			b.Fatal(len(points), err)
		}
	}
}
