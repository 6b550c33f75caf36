package eval

import "hash/maphash"

// Snapshot is the whole configuration, ready to be evaluated. It is immutable: any number of goroutines may share it without
// a lock. The zero value, and a nil *Snapshot, hold nothing.
type Snapshot struct {
	// seed is chosen once and handed from snapshot to snapshot; it decides where a name lies and nothing that can be seen.
	seed     maphash.Seed
	programs *shards[*program]
	// places tells where in the table a segment lies, or the hole that waits for it.
	places *shards[*place]
	table  *table
}

// Flag is a flag of a snapshot: a small value to be copied, good for as long as anybody holds it. The zero value is of no use;
// Snapshot.Flag gives them out.
type Flag struct {
	program *program
	table   *table
}

// Flag finds a flag in a namespace, which is not empty. The error is an *Error of kind NotFound.
func (s *Snapshot) Flag(namespace, key string) (Flag, error) {
	name := id{namespace, key}
	if s != nil && s.programs != nil {
		if program, ok := s.programs.get(s.seed, name); ok {
			return Flag{program, s.table}, nil
		}
	}
	return Flag{}, errorf(NotFound, "flag %q not found", name)
}
