package store

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// Resolution is the length of the spans that evaluations are counted in. Spans are those of UTC.
type Resolution time.Duration

// The resolutions. Every evaluation is counted in all of them.
const (
	Minute = Resolution(time.Minute)
	Hour   = Resolution(time.Hour)
	Day    = Resolution(24 * time.Hour)
)

// Kept returns how long counts of the resolution are kept.
func (r Resolution) Kept() time.Duration {
	const day = 24 * time.Hour
	switch r {
	case Minute:
		return 2 * day
	case Hour:
		return 31 * day
	default:
		return 2 * 365 * day
	}
}

// Start returns the start of the span that holds a time.
func (r Resolution) Start(at time.Time) time.Time {
	return time.Unix(startOf(at.Unix(), r.seconds()), 0).UTC()
}

func (r Resolution) seconds() int64 { return int64(time.Duration(r) / time.Second) }

// startOf rounds down, before 1970 too.
func startOf(at, seconds int64) int64 { return at - (at%seconds+seconds)%seconds }

// Count is how many evaluations of a flag had one answer.
type Count struct {
	// Namespace and Flag name the flag, which need not exist any more.
	Namespace, Flag string
	// Value is the key of the variant, `true` or `false`; empty for no variant.
	Value string
	// Reason says why.
	Reason evaluation.EvaluationReason
	// RuleID is the id of the rule or the rollout that decided; empty when none did.
	RuleID string
	// Evaluations is how many there were.
	Evaluations uint64
}

// Point is a Count within one span.
type Point struct {
	Count
	// Start is when the span begins.
	Start time.Time
}

// CountQuery says which counts are asked for.
type CountQuery struct {
	// Namespace and Flag name the flag; without Flag all flags of the namespace are added up.
	Namespace, Flag string
	// Resolution is the length of the spans.
	Resolution Resolution
	// From and To bound the starts of the spans; To is not among them.
	From, To time.Time
}

// MissingFlag is a flag that was asked for and did not exist.
type MissingFlag struct {
	// Namespace and Flag are what was asked for.
	Namespace, Flag string
	// Times is how often.
	Times uint64
	// First and Last are when, by the times of AddMissing.
	First, Last time.Time
}

// maxMissing is how many flags that do not exist are kept: those that were asked for last.
const maxMissing = 10_000

// AddCounts adds counts to those of the present minute, hour and day, all of them or, with an error, none, in one transaction of
// the writer. They should be a few hundred at most, since changes wait meanwhile; several of one flag should be neighbours. The
// time is that of the database's clock. When ctx ends while it waits, nobody knows whether they were added.
func (db *DB[T]) AddCounts(ctx context.Context, counts []Count) error {
	err := db.aside(ctx, func(c *conn) error { return c.addCounts(db.clock().Unix(), counts) })
	return because("add counts", err)
}

// AddMissing adds to how often flags were asked for that do not exist, as AddCounts does; First and Last are not looked at. The
// 10,000 that were asked for last are kept.
func (db *DB[T]) AddMissing(ctx context.Context, flags []MissingFlag) error {
	err := db.aside(ctx, func(c *conn) error { return c.addMissing(db.clock().Unix(), flags) })
	return because("add missing flags", err)
}

// SetCounting notes that evaluations are counted from now on, unless that is noted already; or that they are not.
func (db *DB[T]) SetCounting(ctx context.Context, on bool) error {
	err := db.aside(ctx, func(c *conn) error {
		if on {
			return c.exec(`INSERT INTO counting (since) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM counting)`, db.clock().Unix())
		}
		return c.exec(`DELETE FROM counting`)
	})
	return because("note whether evaluations are counted", err)
}

// FlagName names a flag, which need not exist.
type FlagName struct{ Namespace, Flag string }

// ExpireCounts deletes what was kept long enough, of some flags that follow one in the order of their names. It returns the last
// of them, where the next call goes on, or the zero value after the last one of all. It is one short transaction.
func (db *DB[T]) ExpireCounts(ctx context.Context, after FlagName) (FlagName, error) {
	var next FlagName
	err := db.aside(ctx, func(c *conn) (err error) {
		next, err = c.expireCounts(db.clock(), after)
		return err
	})
	if err != nil {
		return after, because("delete old counts", err)
	}
	return next, nil
}

// Counts returns the counts that a query asks for, in no order. For all flags, they have no flag and no rule.
func (db *DB[T]) Counts(ctx context.Context, q CountQuery) (points []Point, err error) {
	err = db.past.read(ctx, func(c *conn) error {
		points, err = c.counts(q)
		return err
	})
	return points, because("read counts", err)
}

// lastSeen keeps the newest answer of LastEvaluations: lists of flags ask for it again and again, and counts are added seldom.
type lastSeen struct {
	// mu guards all fields, and not what is in flags, which never changes.
	mu        sync.Mutex
	namespace string
	flags     map[string]time.Time // nil when there is none
	asides    uint64
}

// LastEvaluations returns when the flags of a namespace were last evaluated, those that ever were and were not forgotten. The
// map is the caller's.
func (db *DB[T]) LastEvaluations(ctx context.Context, namespace string) (map[string]time.Time, error) {
	asides := db.asided.Load() // before the look at the disk, which may show more
	s := &db.seen
	s.mu.Lock()
	flags := s.flags
	if s.namespace != namespace || s.asides != asides {
		flags = nil
	}
	s.mu.Unlock()
	if flags != nil {
		return maps.Clone(flags), nil
	}
	flags, err := db.readLastEvaluations(ctx, namespace)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.namespace, s.flags, s.asides = namespace, flags, asides
	s.mu.Unlock()
	return maps.Clone(flags), nil
}

func (db *DB[T]) readLastEvaluations(ctx context.Context, namespace string) (map[string]time.Time, error) {
	last := make(map[string]time.Time)
	err := db.past.read(ctx, func(c *conn) error {
		return c.query(func(r *row) error {
			last[r.ColumnText(0)] = time.Unix(r.ColumnInt64(1), 0).UTC()
			return nil
		}, `SELECT flag, at FROM evaluated WHERE namespace = $1`, namespace)
	})
	return last, because("read last evaluations", err)
}

// LastEvaluation is LastEvaluations for one flag; the zero time says that it never was.
func (db *DB[T]) LastEvaluation(ctx context.Context, namespace, flag string) (at time.Time, err error) {
	err = db.past.read(ctx, func(c *conn) error {
		return c.query(func(r *row) error {
			at = time.Unix(r.ColumnInt64(0), 0).UTC()
			return nil
		}, `SELECT at FROM evaluated WHERE namespace = $1 AND flag = $2`, namespace, flag)
	})
	return at, because("read the last evaluation", err)
}

// SameAnswers returns the flags of a namespace that were evaluated since the day of a time and had one answer in every
// evaluation, with that answer.
func (db *DB[T]) SameAnswers(ctx context.Context, namespace string, since time.Time) (map[string]string, error) {
	same := make(map[string]string)
	err := db.past.read(ctx, func(c *conn) error {
		return c.query(func(r *row) error {
			same[r.ColumnText(0)] = r.ColumnText(1)
			return nil
		}, `SELECT e.flag, min(c.value) FROM evaluated AS e
			CROSS JOIN count AS c ON c.namespace = e.namespace AND c.flag = e.flag AND c.resolution = $1 AND c.start >= $2
			WHERE e.namespace = $3
			GROUP BY e.flag HAVING min(c.value) = max(c.value)`,
			Day.seconds(), Day.Start(since).Unix(), namespace)
	})
	return same, because("read who gives one answer", err)
}

// MissingFlags returns the flags of a namespace, or of all with an empty one, that were asked for and did not exist at that time,
// the last asked for first. There are 10,000 at most.
func (db *DB[T]) MissingFlags(ctx context.Context, namespace string) (missing []MissingFlag, err error) {
	err = db.past.read(ctx, func(c *conn) error {
		return c.query(func(r *row) error {
			missing = append(missing, MissingFlag{
				Namespace: r.ColumnText(0), Flag: r.ColumnText(1), Times: uint64(r.ColumnInt64(2)),
				First: time.Unix(r.ColumnInt64(3), 0).UTC(), Last: time.Unix(r.ColumnInt64(4), 0).UTC(),
			})
			return nil
		}, `SELECT namespace, flag, evaluations, first, last FROM missing
			WHERE $1 = '' OR namespace = $1
			ORDER BY last DESC, namespace, flag`, namespace)
	})
	return missing, because("read missing flags", err)
}

// CountingSince returns since when evaluations are counted without a break; the zero time says that they are not.
func (db *DB[T]) CountingSince(ctx context.Context) (since time.Time, err error) {
	err = db.past.read(ctx, func(c *conn) error {
		return c.query(func(r *row) error {
			since = time.Unix(r.ColumnInt64(0), 0).UTC()
			return nil
		}, `SELECT since FROM counting`)
	})
	return since, because("read since when evaluations are counted", err)
}

// because says what failed.
func because(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
