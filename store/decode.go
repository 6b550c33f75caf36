package store

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// The tags of the fields that flagReader knows are their numbers with one of these.
const (
	varint    = uint64(protowire.VarintType)
	delimited = uint64(protowire.BytesType)
	fixed32   = uint64(protowire.Fixed32Type)
)

// wire goes through the fields of an encoded message.
type wire struct {
	rest []byte
	// tag is the one of the field at hand, value what it holds if its length was written, number what it holds otherwise.
	tag    uint64
	value  []byte
	number uint64
}

// next takes the next field. It returns false at the end, and before anything it does not know, which is then in rest.
func (w *wire) next() bool {
	if len(w.rest) == 0 {
		return false
	}
	tag, n := protowire.ConsumeVarint(w.rest)
	if n < 0 {
		return false
	}
	var length int
	switch tag & 7 {
	case varint:
		w.number, length = protowire.ConsumeVarint(w.rest[n:])
	case delimited:
		w.value, length = protowire.ConsumeBytes(w.rest[n:])
	case fixed32:
		var bits uint32
		bits, length = protowire.ConsumeFixed32(w.rest[n:])
		w.number = uint64(bits)
	default:
		return false
	}
	if length < 0 {
		return false
	}
	w.tag, w.rest = tag, w.rest[n+length:]
	return true
}

// flagReader decodes flags, of which there are many at the start: in half the time of package proto, since strings and times
// that recur are never made twice. What it does not know, it does not decode: package proto does. It shares as sharer does.
type flagReader struct {
	*sharer
	flag *flipt.Flag
	// odd says that there is something that it does not know.
	odd bool
}

// readFlag returns what package proto makes of an encoded flag, or false if that shall tell.
func readFlag(body []byte, s *sharer) (*storev1.Flag, bool) {
	s.times = s.times[:0]
	r := flagReader{sharer: s}
	doc := r.document(body)
	return doc, !r.odd
}

func (r *flagReader) document(body []byte) *storev1.Flag {
	doc, w := new(storev1.Flag), wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			r.once(r.flag != nil)
			r.flag = new(flipt.Flag)
			r.readFlag(w.value)
			doc.Flag = r.flag
		case 2<<3 | delimited:
			doc.Rules = append(doc.Rules, r.rule(w.value))
		case 3<<3 | delimited:
			rollout := new(flipt.Rollout)
			r.message(w.value, rollout, 1)
			doc.Rollouts = append(doc.Rollouts, rollout)
		case 15<<3 | varint:
			doc.Created = w.number
		case 16<<3 | delimited:
			doc.Tags = append(doc.Tags, r.recurring(w.value))
		case 17<<3 | delimited:
			r.timestamp(&doc.ArchivedAt, w.value)
		default:
			r.odd = true
		}
	}
	r.end(w)
	return doc
}

func (r *flagReader) readFlag(body []byte) {
	f, w := r.flag, wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			f.Key = r.fresh(w.value)
		case 2<<3 | delimited:
			f.Name = r.same(w.value, f.Key)
		case 3<<3 | delimited:
			f.Description = r.fresh(w.value)
		case 4<<3 | varint:
			f.Enabled = w.number != 0
		case 5<<3 | delimited:
			r.timestamp(&f.CreatedAt, w.value)
		case 6<<3 | delimited:
			r.timestamp(&f.UpdatedAt, w.value)
		case 7<<3 | delimited:
			f.Variants = append(f.Variants, r.variant(w.value))
		case 8<<3 | delimited:
			f.NamespaceKey = r.recurring(w.value)
		case 9<<3 | varint:
			f.Type = flipt.FlagType(w.number)
		case 10<<3 | delimited:
			r.once(f.DefaultVariant != nil)
			f.DefaultVariant = r.variant(w.value)
		case 11<<3 | delimited:
			r.once(f.Metadata != nil)
			f.Metadata = new(structpb.Struct)
			r.message(w.value, f.Metadata, 2)
		default:
			r.odd = true
		}
	}
	r.end(w)
}

func (r *flagReader) variant(body []byte) *flipt.Variant {
	v, w := new(flipt.Variant), wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			v.Id = r.fresh(w.value)
		case 2<<3 | delimited:
			v.FlagKey = r.same(w.value, r.flag.Key)
		case 3<<3 | delimited:
			v.Key = r.recurring(w.value)
		case 4<<3 | delimited:
			v.Name = r.recurring(w.value)
		case 5<<3 | delimited:
			v.Description = r.fresh(w.value)
		case 6<<3 | delimited:
			r.timestamp(&v.CreatedAt, w.value)
		case 7<<3 | delimited:
			r.timestamp(&v.UpdatedAt, w.value)
		case 8<<3 | delimited:
			v.Attachment = r.fresh(w.value)
		case 9<<3 | delimited:
			v.NamespaceKey = r.recurring(w.value)
		default:
			r.odd = true
		}
	}
	r.end(w)
	return v
}

func (r *flagReader) rule(body []byte) *flipt.Rule {
	rule, w := new(flipt.Rule), wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			rule.Id = r.fresh(w.value)
		case 2<<3 | delimited:
			rule.FlagKey = r.same(w.value, r.flag.GetKey())
		case 3<<3 | delimited:
			rule.SegmentKey = r.recurring(w.value)
		case 4<<3 | delimited:
			rule.Distributions = append(rule.Distributions, r.distribution(w.value, rule.Id))
		case 5<<3 | varint:
			rule.Rank = int32(w.number)
		case 6<<3 | delimited:
			r.timestamp(&rule.CreatedAt, w.value)
		case 7<<3 | delimited:
			r.timestamp(&rule.UpdatedAt, w.value)
		case 8<<3 | delimited:
			rule.NamespaceKey = r.recurring(w.value)
		case 9<<3 | delimited:
			rule.SegmentKeys = append(rule.SegmentKeys, r.recurring(w.value))
		case 10<<3 | varint:
			rule.SegmentOperator = flipt.SegmentOperator(w.number)
		default:
			r.odd = true
		}
	}
	r.end(w)
	return rule
}

func (r *flagReader) distribution(body []byte, rule string) *flipt.Distribution {
	d, w := new(flipt.Distribution), wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			d.Id = r.fresh(w.value)
		case 2<<3 | delimited:
			d.RuleId = r.same(w.value, rule)
		case 3<<3 | delimited:
			d.VariantId = r.variantID(w.value)
		case 4<<3 | fixed32:
			d.Rollout = math.Float32frombits(uint32(w.number))
		case 5<<3 | delimited:
			r.timestamp(&d.CreatedAt, w.value)
		case 6<<3 | delimited:
			r.timestamp(&d.UpdatedAt, w.value)
		default:
			r.odd = true
		}
	}
	r.end(w)
	return d
}

func (r *flagReader) timestamp(field **timestamppb.Timestamp, body []byte) {
	r.once(*field != nil)
	var seconds int64
	var nanos int32
	w := wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | varint:
			seconds = int64(w.number)
		case 2<<3 | varint:
			nanos = int32(w.number)
		default:
			r.odd = true
		}
	}
	r.end(w)
	for _, known := range r.times {
		if known.Seconds == seconds && known.Nanos == nanos {
			*field = known
			return
		}
	}
	*field = &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}
	r.times = append(r.times, *field)
}

// message lets package proto decode a message that lies so deep.
func (r *flagReader) message(body []byte, m proto.Message, depth int) {
	options := proto.UnmarshalOptions{RecursionLimit: protowire.DefaultRecursionLimit - depth}
	if options.Unmarshal(body, m) != nil {
		r.odd = true
	}
}

// end holds that a message was read to its end.
func (r *flagReader) end(w wire) {
	if len(w.rest) > 0 {
		r.odd = true
	}
}

// once leaves a message that is there twice, and so would have to be merged, to package proto.
func (r *flagReader) once(again bool) {
	if again {
		r.odd = true
	}
}

// fresh returns a text that is not expected to recur.
func (r *flagReader) fresh(text []byte) string {
	if !utf8.Valid(text) {
		r.odd = true
	}
	return string(text)
}

// same returns a text that is expected to be a known one.
func (r *flagReader) same(text []byte, known string) string {
	if string(text) == known {
		return known
	}
	return r.fresh(text)
}

// variantID returns the id of a variant, that of the flag's own if it has one.
func (r *flagReader) variantID(id []byte) string {
	for _, v := range r.flag.GetVariants() {
		if v.Id == string(id) {
			return v.Id
		}
	}
	return r.fresh(id)
}

// recurring returns a text that is expected in other documents too.
func (r *flagReader) recurring(text []byte) string {
	if known, ok := r.strings[string(text)]; ok {
		return known
	}
	fresh := r.fresh(text)
	if fresh != "" && !r.odd {
		r.strings[fresh] = fresh
	}
	return fresh
}
