package server

import (
	"encoding/base64"
	"encoding/json"

	"github.com/burgeehq/burgee/store"
)

// pageRequest says which part of a list is wanted. A limit of 0 means all; the token wins over the offset.
type pageRequest struct {
	limit, offset int32
	token         string
}

// pageOf is one page of a list.
type pageOf[D any] struct {
	items []D
	next  string // token of the next page; empty on the last one
	total int32  // number of all items
}

// pageToken is what a token holds: base64 of this as JSON. Only From is read back, the place of the next item in the order
// of creation, so that nothing is seen twice or left out when items come and go between two pages. Tokens of the original,
// and of lists without such a place, have none: there the offset counts.
type pageToken struct {
	Key    string `json:"key"`
	Offset int    `json:"offset"`
	From   uint64 `json:"from,omitempty"`
}

func (t pageToken) String() string {
	text, _ := json.Marshal(t) // strings and numbers only: cannot fail
	return base64.StdEncoding.EncodeToString(text)
}

// start returns where the page begins: From when it is not 0, else Offset.
func (r pageRequest) start() (pageToken, error) {
	var t pageToken
	if r.token == "" {
		t.Offset = int(max(r.offset, 0))
		return t, nil
	}
	text, err := base64.StdEncoding.DecodeString(r.token)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil || t.Offset < 0 {
		return pageToken{}, invalid("pageToken is not valid: %q", r.token)
	}
	return t, nil
}

// paginate cuts a page out of documents; item returns the key of a document and its place in the order of creation.
func paginate[D any](list store.List[D], r pageRequest, item func(D) (string, uint64)) (pageOf[D], error) {
	page := pageOf[D]{total: int32(list.Len())}
	start, err := r.start()
	if err != nil {
		return page, err
	}
	start.Offset = min(start.Offset, list.Len()) // so that the next one cannot overflow
	if start.From == 0 && start.Offset > 0 {
		first, ok := list.At(start.Offset)
		if !ok {
			return page, nil
		}
		_, start.From = item(first)
	}
	capacity := list.Len()
	if r.limit > 0 {
		capacity = min(capacity, int(r.limit))
	}
	page.items = make([]D, 0, capacity)
	for doc := range list.From(start.From) {
		if r.limit > 0 && len(page.items) == int(r.limit) {
			key, from := item(doc)
			page.next = pageToken{key, start.Offset + int(r.limit), from}.String()
			break
		}
		page.items = append(page.items, doc)
	}
	return page, nil
}

// paginateSlice cuts a page out of the parts of a document.
func paginateSlice[D any](list []D, r pageRequest, key func(D) string) (pageOf[D], error) {
	page := pageOf[D]{total: int32(len(list))}
	start, err := r.start()
	if err != nil {
		return page, err
	}
	page.items = list[min(start.Offset, len(list)):]
	if r.limit > 0 && len(page.items) > int(r.limit) {
		next := page.items[r.limit]
		page.items = page.items[:r.limit]
		page.next = pageToken{Key: key(next), Offset: start.Offset + int(r.limit)}.String()
	}
	return page, nil
}
