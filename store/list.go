package store

import (
	"iter"

	"github.com/tidwall/btree"
)

// List is an immutable list of documents in the order of their creation. The zero value is empty. Its documents are
// shared and must not be changed. Any number of goroutines may read a list.
type List[D any] struct {
	order *btree.Map[uint64, D]
}

// Len returns the number of documents.
func (l List[D]) Len() int {
	if l.order == nil {
		return 0
	}
	return l.order.Len()
}

// At returns the document at index i, counted from 0, in O(log n), and false when there is none.
func (l List[D]) At(i int) (D, bool) {
	if l.order == nil {
		var none D
		return none, false
	}
	_, doc, ok := l.order.GetAt(i)
	return doc, ok
}

// All returns every document.
func (l List[D]) All() iter.Seq[D] {
	return l.From(0)
}

// From returns the documents whose place in the order of creation, their field created, is the given one or a later one.
// It starts in O(log n).
func (l List[D]) From(created uint64) iter.Seq[D] {
	return func(yield func(D) bool) {
		if l.order == nil {
			return
		}
		l.order.Ascend(created, func(_ uint64, doc D) bool { return yield(doc) })
	}
}
