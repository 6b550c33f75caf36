package rest

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a string. Without escapes it is a part of the text.
func (r *reader) quoted() (string, bool) {
	if !r.take('"') {
		return "", false
	}
	text, from := r.source, r.at
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			r.at = i + 1
			return text[from:i], true
		case c == '\\':
			return r.unescaped()
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// unescaped reads the rest of a string that has escapes.
func (r *reader) unescaped() (string, bool) {
	var b strings.Builder
	for from := r.at; r.at < len(r.source); {
		c := r.source[r.at]
		if c < ' ' {
			return "", false
		}
		if c != '"' && c != '\\' {
			r.at++
			continue
		}
		b.WriteString(r.source[from:r.at])
		r.at++
		if c == '"' {
			return b.String(), true
		}
		char, ok := r.escape()
		if !ok {
			return "", false
		}
		b.WriteRune(char)
		from = r.at
	}
	return "", false
}

// escape reads what stands behind a backslash. Half a pair of surrogates is not usual.
func (r *reader) escape() (rune, bool) {
	if r.at == len(r.source) {
		return 0, false
	}
	c := r.source[r.at]
	r.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		char, ok := r.unit()
		if !ok || !utf16.IsSurrogate(char) {
			return char, ok
		}
		if !strings.HasPrefix(r.source[r.at:], `\u`) {
			return 0, false
		}
		r.at += 2
		low, ok := r.unit()
		char = utf16.DecodeRune(char, low)
		return char, ok && char != utf8.RuneError
	}
	return 0, false
}

// unit reads the four digits of an escape, which are a unit of UTF-16.
func (r *reader) unit() (rune, bool) {
	if len(r.source)-r.at < 4 {
		return 0, false
	}
	unit, err := strconv.ParseUint(r.source[r.at:r.at+4], 16, 16)
	r.at += 4
	return rune(unit), err == nil
}
