package store

import (
	"time"

	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

const (
	// maxExpiring is how many flags one call of expireCounts looks at.
	maxExpiring = 200
	// maxExpired is about how many counts it deletes.
	maxExpired = 1000
)

// addCounts adds to the rows of a time, so that others may add to the same ones.
func (c *conn) addCounts(at int64, counts []Count) error {
	last := FlagName{}
	for i, count := range counts {
		for _, resolution := range [...]Resolution{Minute, Hour, Day} {
			err := c.exec(`INSERT INTO count (namespace, flag, resolution, start, value, reason, rule, evaluations)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (namespace, flag, resolution, start, value, reason, rule)
				DO UPDATE SET evaluations = evaluations + excluded.evaluations`,
				count.Namespace, count.Flag, resolution.seconds(), startOf(at, resolution.seconds()),
				count.Value, int64(count.Reason), count.RuleID, int64(count.Evaluations))
			if err != nil {
				return err
			}
		}
		name := FlagName{count.Namespace, count.Flag}
		if i > 0 && name == last {
			continue
		}
		last = name
		err := c.exec(`INSERT INTO evaluated (namespace, flag, at) VALUES ($1, $2, $3)
			ON CONFLICT (namespace, flag) DO UPDATE SET at = max(at, excluded.at)`, name.Namespace, name.Flag, at)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) addMissing(at int64, flags []MissingFlag) error {
	for _, flag := range flags {
		err := c.exec(`INSERT INTO missing (namespace, flag, first, last, evaluations) VALUES ($1, $2, $3, $3, $4)
			ON CONFLICT (namespace, flag) DO UPDATE
			SET last = max(last, excluded.last), evaluations = evaluations + excluded.evaluations`,
			flag.Namespace, flag.Flag, at, int64(flag.Times))
		if err != nil {
			return err
		}
	}
	return c.exec(`DELETE FROM missing WHERE (namespace, flag) IN (
			SELECT namespace, flag FROM missing ORDER BY last DESC, namespace, flag LIMIT -1 OFFSET $1
		)`, maxMissing)
}

// expireCounts goes through evaluated, which has every flag with counts.
func (c *conn) expireCounts(now time.Time, after FlagName) (FlagName, error) {
	var flags []FlagName
	err := c.query(func(r *row) error {
		flags = append(flags, FlagName{r.ColumnText(0), r.ColumnText(1)})
		return nil
	}, `SELECT namespace, flag FROM evaluated WHERE (namespace, flag) > ($1, $2) ORDER BY namespace, flag LIMIT $3`,
		after.Namespace, after.Flag, maxExpiring)
	if err != nil {
		return after, err
	}
	deleted := 0
	for _, flag := range flags {
		whole := true
		for _, resolution := range [...]Resolution{Minute, Hour, Day} {
			n, err := c.expire(flag, resolution, now)
			if err != nil {
				return after, err
			}
			deleted += n
			whole = whole && n < maxExpired
		}
		if !whole {
			return after, nil
		}
		err := c.exec(`DELETE FROM evaluated WHERE namespace = $1 AND flag = $2 AND at < $3`,
			flag.Namespace, flag.Flag, Day.Start(now.Add(-Day.Kept())).Unix())
		if err != nil {
			return after, err
		}
		if after = flag; deleted >= maxExpired {
			return after, nil
		}
	}
	if len(flags) < maxExpiring {
		return FlagName{}, nil
	}
	return after, nil
}

// expire deletes the oldest counts of a flag in one resolution, if they were kept long enough, and returns their number.
func (c *conn) expire(flag FlagName, resolution Resolution, now time.Time) (int, error) {
	err := c.exec(`DELETE FROM count WHERE (namespace, flag, resolution, start, value, reason, rule) IN (
			SELECT namespace, flag, resolution, start, value, reason, rule FROM count
			WHERE namespace = $1 AND flag = $2 AND resolution = $3 AND start < $4
			ORDER BY start LIMIT $5
		)`, flag.Namespace, flag.Flag, resolution.seconds(), resolution.Start(now.Add(-resolution.Kept())).Unix(), maxExpired)
	return c.sqlite.Changes(), err
}

func (c *conn) counts(q CountQuery) ([]Point, error) {
	var points []Point
	point := func(r *row) Point {
		return Point{Start: time.Unix(r.ColumnInt64(0), 0).UTC(), Count: Count{
			Namespace: q.Namespace, Flag: q.Flag, Value: r.ColumnText(1), Reason: evaluation.EvaluationReason(r.ColumnInt64(2)),
			Evaluations: uint64(r.ColumnInt64(3)),
		}}
	}
	if q.Flag != "" {
		err := c.query(func(r *row) error {
			points = append(points, point(r))
			points[len(points)-1].RuleID = r.ColumnText(4)
			return nil
		}, `SELECT start, value, reason, evaluations, rule FROM count
			WHERE namespace = $1 AND flag = $2 AND resolution = $3 AND start >= $4 AND start < $5`,
			q.Namespace, q.Flag, q.Resolution.seconds(), q.From.Unix(), q.To.Unix())
		return points, err
	}
	// Flag by flag, since the key has the flag before the time. SQL could add up too, at three times the cost.
	sums := make(map[Point]uint64)
	err := c.query(func(r *row) error {
		p := point(r)
		n := p.Evaluations
		p.Evaluations = 0
		sums[p] += n
		return nil
	}, `SELECT c.start, c.value, c.reason, c.evaluations FROM evaluated AS e
		CROSS JOIN count AS c ON c.namespace = e.namespace AND c.flag = e.flag AND c.resolution = $1 AND c.start >= $2 AND c.start < $3
		WHERE e.namespace = $4`,
		q.Resolution.seconds(), q.From.Unix(), q.To.Unix(), q.Namespace)
	for p, n := range sums {
		p.Evaluations = n
		points = append(points, p)
	}
	return points, err
}
