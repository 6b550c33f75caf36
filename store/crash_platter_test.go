package store_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
)

// platter is what a disk holds at one moment of a recording.
type platter struct {
	files   map[string]*image
	removed map[string]*image // not durably
}

// image is a file: what is durable of it, and what was written since.
type image struct {
	durable []byte
	since   []event
}

func newPlatter() *platter {
	return &platter{make(map[string]*image), make(map[string]*image)}
}

// take carries out the next event.
func (p *platter) take(e event) {
	f := p.files[e.file]
	switch e.action {
	case actOpen:
		if f == nil {
			p.files[e.file] = new(image)
			delete(p.removed, e.file)
		}
	case actDelete:
		p.removed[e.file] = f
		delete(p.files, e.file)
	case actSync:
		for _, since := range f.since {
			f.durable = since.apply(f.durable, nil)
		}
		f.since = nil
		clear(p.removed)
	case actWrite, actTruncate:
		f.since = append(f.since, e)
	}
}

// image writes files as a loss of power may leave them, and says whether there was anything to lose.
func (p *platter) image(dir string, r *rand.Rand) (unsynced bool, err error) {
	chance := []int{0, 50, 50, 90, 100}[r.IntN(5)] // of a sector to arrive, in per cent
	whole := r.IntN(2) == 0                        // writes arrive whole or not at all
	arrives := func() bool { return r.IntN(100) < chance }
	write := func(name string, f *image) error {
		body := append([]byte(nil), f.durable...)
		for _, e := range f.since {
			unsynced = true
			switch {
			case e.action == actTruncate || whole:
				if arrives() {
					body = e.apply(body, nil)
				}
			default:
				body = e.apply(body, arrives)
			}
		}
		return os.WriteFile(filepath.Join(dir, name), body, 0o600)
	}
	for name, f := range p.files {
		if err := write(name, f); err != nil {
			return false, err
		}
	}
	for name, f := range p.removed {
		if arrives() {
			if err := write(name, f); err != nil {
				return false, err
			}
		}
	}
	return unsynced, nil
}

// apply returns the body of a file after an event. Of what was written only the sectors arrive for which arrives says so;
// nil means all.
func (e event) apply(body []byte, arrives func() bool) []byte {
	if e.action == actTruncate {
		return body[:min(int64(len(body)), e.size)]
	}
	const sector = 512
	for at := 0; at < len(e.data); {
		offset := e.offset + int64(at)
		length := min(len(e.data)-at, sector-int(offset%sector))
		if arrives == nil || arrives() {
			if missing := offset + int64(length) - int64(len(body)); missing > 0 {
				body = append(body, make([]byte, missing)...)
			}
			copy(body[offset:], e.data[at:at+length])
		}
		at += length
	}
	return body
}
