package features

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Bounds of what a file may make of messages.
const (
	maxErrors   = 20
	maxWarnings = 100
)

// Pos is a place in a file. Both numbers begin at 1; columns count characters (code points), not bytes. The zero value
// means that the place is unknown.
type Pos struct{ Line, Column int }

// before orders places as they come in the file.
func before(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Error says what is wrong at a place of a file.
type Error struct {
	File string
	Pos  Pos
	Err  error
}

// Error returns `features.yml:12:7: text`, without what is unknown.
func (e *Error) Error() string {
	return place(e.File, e.Pos) + e.Err.Error()
}

// Unwrap returns what is wrong, without the place.
func (e *Error) Unwrap() error { return e.Err }

func place(file string, pos Pos) string {
	where := file
	if pos.Line > 0 {
		if where != "" {
			where += ":"
		}
		where += fmt.Sprintf("%d:%d", pos.Line, pos.Column)
	}
	if where == "" {
		return ""
	}
	return where + ": "
}

// Warning names something in a file that has no meaning.
type Warning struct {
	Pos  Pos
	Text string
}

// Errorf returns an *Error with the file's name, the position and a text as of fmt.Errorf.
func (f *File) Errorf(pos Pos, format string, args ...any) error {
	return f.Wrap(pos, fmt.Errorf(format, args...))
}

// Wrap returns an *Error with the file's name, the position and err.
func (f *File) Wrap(pos Pos, err error) error {
	return &Error{File: f.Name, Pos: pos, Err: err}
}

// fail notes an error. The last one that is kept stops the decoder. What a merge or an alias shows twice is noted once.
func (d *decoder) fail(pos Pos, format string, args ...any) {
	if len(d.errs) >= maxErrors {
		return
	}
	e := &Error{File: d.file.Name, Pos: pos, Err: fmt.Errorf(format, args...)}
	for _, old := range d.errs {
		if old.Pos == pos && old.Err.Error() == e.Err.Error() {
			return
		}
	}
	d.errs = append(d.errs, e)
	d.stopped = d.stopped || len(d.errs) == maxErrors
}

// warn notes a warning, one per place.
func (d *decoder) warn(pos Pos, format string, args ...any) {
	if d.warned[pos] {
		return
	}
	if len(d.file.Warnings) == maxWarnings {
		d.unlisted++
		return
	}
	d.warned[pos] = true
	d.file.Warnings = append(d.file.Warnings, Warning{Pos: pos, Text: fmt.Sprintf(format, args...)})
}

// result returns the file, or all errors by position.
func (d *decoder) result() (*File, error) {
	switch len(d.errs) {
	case 0:
		slices.SortStableFunc(d.file.Warnings, func(a, b Warning) int { return before(a.Pos, b.Pos) })
		if d.unlisted > 0 {
			d.file.Warnings = append(d.file.Warnings, Warning{Text: fmt.Sprintf("%d more warnings are not listed", d.unlisted)})
		}
		return d.file, nil
	case 1:
		return nil, d.errs[0]
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int { return before(a.Pos, b.Pos) })
	joined := make([]error, len(d.errs))
	for i, e := range d.errs {
		joined[i] = e
	}
	return nil, errors.Join(joined...)
}
