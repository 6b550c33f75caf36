package wire

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// The wire types that occur, as the low bits of a tag.
	varintType = byte(protowire.VarintType)
	fixedType  = byte(protowire.Fixed64Type)
	bytesType  = byte(protowire.BytesType)

	// entrySize is about what the smallest entry of a context has in bytes. No room is made for more entries than could be of
	// that size, since a request may be full of smaller ones that all have one key.
	entrySize = 12
	// maxLengthBits bounds the lengths that are read: no message is nearly that long.
	maxLengthBits = 28
)

// decoder goes through the fields of one message. At the first thing unusual it jumps to the end.
type decoder struct {
	text    string
	at      int
	ascii   bool // so that no string in it can be invalid
	unusual bool
}

// newDecoder makes the one copy of a request.
func newDecoder(data []byte) decoder {
	text := string(data)
	return decoder{text: text, ascii: ascii(text)}
}

// inner returns a decoder of the message that comes next.
func (d *decoder) inner() decoder {
	text := d.chunk()
	return decoder{text: text, ascii: d.ascii || ascii(text)}
}

func (d *decoder) fail() {
	d.at, d.unusual = len(d.text), true
}

// more says whether there is another tag.
func (d *decoder) more() bool { return d.at < len(d.text) }

// tag returns the next byte, which is a whole tag if the number of the field is below 16; those of more bytes are in no switch.
func (d *decoder) tag() byte {
	tag := d.text[d.at]
	d.at++
	return tag
}

// string returns the text that comes next.
func (d *decoder) string() string {
	s := d.chunk()
	if !d.ascii && !utf8.ValidString(s) {
		d.fail()
	}
	return s
}

// bool returns the truth value that comes next.
func (d *decoder) bool() bool {
	if d.at == len(d.text) || d.text[d.at] >= utf8.RuneSelf {
		d.fail()
		return false
	}
	d.at++
	return d.text[d.at-1] != 0
}

// chunk returns the bytes that come next, after their length.
func (d *decoder) chunk() string {
	if d.at < len(d.text) {
		start := d.at + 1
		end := start + int(d.text[d.at])
		if end <= len(d.text) && end < start+utf8.RuneSelf {
			d.at = end
			return d.text[start:end]
		}
	}
	return d.longChunk()
}

// longChunk is chunk for a length of any number of bytes.
func (d *decoder) longChunk() string {
	length := 0
	for shift := 0; shift < maxLengthBits && d.at < len(d.text); shift += 7 {
		b := d.tag()
		length |= int(b&0x7f) << shift
		if b >= utf8.RuneSelf {
			continue
		}
		if length > len(d.text)-d.at {
			break
		}
		d.at += length
		return d.text[d.at-length : d.at]
	}
	d.fail()
	return ""
}

// count returns how often a field comes from here on, and does not move. It is 0 when anything is unusual.
func (d *decoder) count(tag byte) int {
	ahead, n := *d, 0
	for ahead.more() {
		next := ahead.tag()
		if next == tag {
			n++
		}
		switch next & 7 {
		case bytesType:
			ahead.chunk()
		case varintType:
			ahead.bool()
		default:
			ahead.fail()
		}
	}
	if ahead.unusual {
		d.fail()
		return 0
	}
	return n
}

// context returns the map whose entries come next, the tag of the first having been read. The entries of a map that has been
// begun already are unusual, since the map may have been shared by then. seen may be nil.
func (d *decoder) context(begun map[string]string, tag byte, seen *contexts) map[string]string {
	start, n := d.at-1, 0
	for {
		d.chunk()
		n++
		if !d.more() || d.text[d.at] != tag {
			break
		}
		d.at++
	}
	if d.unusual || begun != nil {
		d.fail()
		return nil
	}
	raw := d.text[start:d.at]
	if context := seen.find(raw); context != nil {
		return context
	}
	context := make(map[string]string, min(n, len(raw)/entrySize))
	entries := decoder{text: raw}
	for entries.more() {
		entries.at++ // the tag
		entry := decoder{text: entries.chunk(), ascii: d.ascii}
		key, value := entry.entry()
		if entry.unusual {
			d.fail()
			return nil
		}
		context[key] = value
	}
	seen.add(raw, context)
	return context
}

// entry returns an entry of a map; what is absent is empty.
func (d *decoder) entry() (key, value string) {
	for d.more() {
		switch d.tag() {
		case 1<<3 | bytesType:
			key = d.string()
		case 2<<3 | bytesType:
			value = d.string()
		default:
			d.fail()
		}
	}
	return key, value
}

// contexts remembers the last few different contexts of a batch by their bytes. Most batches ask about one entity, in which
// case one map does for all items; a client that writes the entries in any order has few orders to choose from.
type contexts struct {
	last [4]struct {
		raw     string
		context map[string]string
	}
	next int
}

// find returns the context of these bytes, or nil.
func (c *contexts) find(raw string) map[string]string {
	if c == nil {
		return nil
	}
	for i := range c.last {
		if c.last[i].raw == raw {
			return c.last[i].context
		}
	}
	return nil
}

func (c *contexts) add(raw string, context map[string]string) {
	if c == nil {
		return
	}
	last := &c.last[c.next%len(c.last)]
	last.raw, last.context = raw, context
	c.next++
}

// ascii says whether no byte has its high bit set.
func ascii(s string) bool {
	const high = 0x8080808080808080
	for len(s) >= 8 {
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if word&high != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
