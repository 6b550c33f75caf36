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

// flagReader decodes flags, of which there are many at the start: in half the time of package proto, and into few blocks of
// memory, since each one in a state costs every garbage collection. Strings and times that recur are made once, the other
// texts of a flag are one block, and so are all its variants, rules and distributions. What it does not know, it does not
// decode: package proto does. It shares as sharer does.
type flagReader struct {
	*sharer
	flag *flipt.Flag
	key  span // of the flag

	variants      []flipt.Variant
	rules         []flipt.Rule
	distributions []flipt.Distribution
	ofRules       []*flipt.Distribution // room for what rules refer to

	time     []byte // that was decoded last
	timeMade *timestamppb.Timestamp

	// odd says that there is something that it does not know.
	odd bool
}

// span is where a text lies in the block of its flag, which is made at the end.
type span struct{ begin, end int }

// blank is a field of a flag that is filled at the end.
type blank struct {
	field *string
	span
}

// readFlag returns what package proto makes of an encoded flag, or false if that shall tell.
func readFlag(body []byte, s *sharer) (*storev1.Flag, bool) {
	s.times, s.texts, s.blanks, s.variantIDs = s.times[:0], s.texts[:0], s.blanks[:0], s.variantIDs[:0]
	r := flagReader{sharer: s}
	doc := r.document(body)
	block := string(s.texts)
	for _, p := range s.blanks {
		*p.field = block[p.begin:p.end]
	}
	clear(s.blanks)
	return doc, !r.odd
}

// makeRoom counts the parts of a flag, so that each kind of them can be one block.
func (r *flagReader) makeRoom(body []byte) {
	var variants, rules, distributions int
	for w := (wire{rest: body}); w.next(); {
		switch w.tag {
		case 1<<3 | delimited:
			variants = count(w.value, 7<<3|delimited)
		case 2<<3 | delimited:
			rules++
			distributions += count(w.value, 4<<3|delimited)
		}
	}
	r.variants, r.rules = make([]flipt.Variant, variants), make([]flipt.Rule, rules)
	r.distributions, r.ofRules = make([]flipt.Distribution, distributions), make([]*flipt.Distribution, distributions)
}

// count returns how many fields of a message have a tag.
func count(body []byte, tag uint64) (n int) {
	for w := (wire{rest: body}); w.next(); {
		if w.tag == tag {
			n++
		}
	}
	return n
}

// take takes the first of a block; one that was not counted gets a block of its own.
func take[M any](block *[]M) *M {
	if len(*block) == 0 {
		return new(M)
	}
	first := &(*block)[0]
	*block = (*block)[1:]
	return first
}

func (r *flagReader) document(body []byte) *storev1.Flag {
	both := new(struct {
		document storev1.Flag
		flag     flipt.Flag
	})
	doc, w := &both.document, wire{rest: body}
	r.makeRoom(body)
	if n := len(r.rules); n > 0 {
		doc.Rules = make([]*flipt.Rule, 0, n)
	}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			r.once(r.flag != nil)
			r.flag = &both.flag
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
	if n := len(r.variants); n > 0 {
		f.Variants = make([]*flipt.Variant, 0, n)
	}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			r.key = r.fresh(&f.Key, w.value)
		case 2<<3 | delimited:
			r.same(&f.Name, w.value, r.key)
		case 3<<3 | delimited:
			r.fresh(&f.Description, w.value)
		case 4<<3 | varint:
			f.Enabled = w.number != 0
		case 5<<3 | delimited:
			r.timestamp(&f.CreatedAt, w.value)
		case 6<<3 | delimited:
			r.timestamp(&f.UpdatedAt, w.value)
		case 7<<3 | delimited:
			v := take(&r.variants)
			f.Variants, r.variantIDs = append(f.Variants, v), append(r.variantIDs, r.variant(v, w.value))
		case 8<<3 | delimited:
			f.NamespaceKey = r.recurring(w.value)
		case 9<<3 | varint:
			f.Type = flipt.FlagType(w.number)
		case 10<<3 | delimited:
			r.once(f.DefaultVariant != nil)
			f.DefaultVariant = new(flipt.Variant) // not for long: link takes one of the others
			r.variant(f.DefaultVariant, w.value)
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

// variant returns where the id of the variant is.
func (r *flagReader) variant(v *flipt.Variant, body []byte) (id span) {
	w := wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			id = r.fresh(&v.Id, w.value)
		case 2<<3 | delimited:
			r.same(&v.FlagKey, w.value, r.key)
		case 3<<3 | delimited:
			v.Key = r.recurring(w.value)
		case 4<<3 | delimited:
			v.Name = r.recurring(w.value)
		case 5<<3 | delimited:
			r.fresh(&v.Description, w.value)
		case 6<<3 | delimited:
			r.timestamp(&v.CreatedAt, w.value)
		case 7<<3 | delimited:
			r.timestamp(&v.UpdatedAt, w.value)
		case 8<<3 | delimited:
			r.fresh(&v.Attachment, w.value)
		case 9<<3 | delimited:
			v.NamespaceKey = r.recurring(w.value)
		default:
			r.odd = true
		}
	}
	r.end(w)
	return id
}

func (r *flagReader) rule(body []byte) *flipt.Rule {
	rule, w := take(&r.rules), wire{rest: body}
	var id span
	own := r.ofRules[:0]
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			id = r.fresh(&rule.Id, w.value)
		case 2<<3 | delimited:
			r.same(&rule.FlagKey, w.value, r.key)
		case 3<<3 | delimited:
			rule.SegmentKey = r.recurring(w.value)
		case 4<<3 | delimited:
			own = append(own, r.distribution(w.value, id))
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
	if n := len(own); n > 0 {
		rule.Distributions = own[:n:n]
		r.ofRules = r.ofRules[min(n, len(r.ofRules)):]
	}
	r.end(w)
	return rule
}

func (r *flagReader) distribution(body []byte, rule span) *flipt.Distribution {
	d, w := take(&r.distributions), wire{rest: body}
	for w.next() {
		switch w.tag {
		case 1<<3 | delimited:
			r.fresh(&d.Id, w.value)
		case 2<<3 | delimited:
			r.same(&d.RuleId, w.value, rule)
		case 3<<3 | delimited:
			r.variantID(&d.VariantId, w.value)
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
	if len(body) > 0 && string(body) == string(r.time) {
		*field = r.timeMade
		return
	}
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
	r.time, r.timeMade = body, r.timeOf(seconds, nanos)
	*field = r.timeMade
}

// timeOf returns the time of a flag that is this one.
func (r *flagReader) timeOf(seconds int64, nanos int32) *timestamppb.Timestamp {
	for _, known := range r.times {
		if known.Seconds == seconds && known.Nanos == nanos {
			return known
		}
	}
	fresh := &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}
	r.times = append(r.times, fresh)
	return fresh
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

// fresh puts a text that is not expected to recur into a field, at the end.
func (r *flagReader) fresh(field *string, text []byte) span {
	r.check(text)
	begin := len(r.texts)
	r.texts = append(r.texts, text...)
	all := span{begin, len(r.texts)}
	r.blanks = append(r.blanks, blank{field, all})
	return all
}

// is puts a text into a field, at the end, if it is a known one.
func (r *flagReader) is(field *string, text []byte, known span) bool {
	if string(text) != string(r.texts[known.begin:known.end]) {
		return false
	}
	r.blanks = append(r.blanks, blank{field, known})
	return true
}

// same puts a text that is expected to be a known one into a field, at the end.
func (r *flagReader) same(field *string, text []byte, known span) {
	if !r.is(field, text, known) {
		r.fresh(field, text)
	}
}

// variantID puts the id of a variant into a field, that of the flag's own if it has one.
func (r *flagReader) variantID(field *string, id []byte) {
	for _, known := range r.variantIDs {
		if r.is(field, id, known) {
			return
		}
	}
	r.fresh(field, id)
}

// recurring returns a text that is expected in other documents too.
func (r *flagReader) recurring(text []byte) string {
	if known, ok := r.strings[string(text)]; ok {
		return known
	}
	r.check(text)
	fresh := string(text)
	if fresh != "" && !r.odd {
		r.strings[fresh] = fresh
	}
	return fresh
}

// check leaves a text that package proto refuses to it.
func (r *flagReader) check(text []byte) {
	if !utf8.Valid(text) {
		r.odd = true
	}
}
