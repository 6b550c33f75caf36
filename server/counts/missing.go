package counts

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// maxMissing bounds the names of flags that do not exist and are not written yet.
	maxMissing = 1000
	// maxName is the length in bytes of the longest name of a namespace or a flag that is kept: keys are shorter by far.
	maxName = 256
)

// Name names a flag that was asked for and does not exist.
type Name struct{ Namespace, Flag string }

// Asked is how often a flag was asked for that does not exist.
type Asked struct {
	Name
	// Times is how often.
	Times uint64
}

// missing is the flags that were asked for and do not exist.
type missing struct {
	mu sync.Mutex // guards names, which are not written yet
	// names is how often each was asked for.
	names map[Name]uint64
}

// Missing counts that a flag was asked for and does not exist. Of one that is not among the first 1,000 since the last ones
// were written, has no key, or has a name that no flag can have, nothing is kept.
func (c *Counter) Missing(namespace, key string) {
	if key == "" || len(key) > maxName || len(namespace) > maxName || !utf8.ValidString(key) || !utf8.ValidString(namespace) {
		return
	}
	m, name := &c.missing, Name{namespace, key}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil {
		m.names = make(map[Name]uint64)
	}
	if _, known := m.names[name]; !known {
		if len(m.names) >= maxMissing {
			return
		}
		// A part of a request must not keep all of it.
		name = Name{strings.Clone(namespace), strings.Clone(key)}
	}
	m.names[name]++
}

// WaitingMissing is Waiting for flags that do not exist.
func (c *Counter) WaitingMissing() []Asked {
	c.missing.mu.Lock()
	defer c.missing.mu.Unlock()
	asked := make([]Asked, 0, len(c.missing.names))
	for name, n := range c.missing.names {
		asked = append(asked, Asked{name, n})
	}
	slices.SortFunc(asked, func(a, b Asked) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Flag, b.Flag))
	})
	return asked
}

// WrittenMissing is Written for flags that do not exist.
func (c *Counter) WrittenMissing(asked []Asked) {
	c.missing.mu.Lock()
	defer c.missing.mu.Unlock()
	for _, one := range asked {
		if c.missing.names[one.Name] -= one.Times; c.missing.names[one.Name] == 0 {
			delete(c.missing.names, one.Name)
		}
	}
}
