package eval

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"unsafe"

	storev1 "github.com/burgeehq/burgee/gen/burgee/store/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// buckets is how many shares of a variant rule there are; a bound is a number of them.
const buckets = 1000

// thresholdBuckets is how many there are for a threshold.
const thresholdBuckets = 100

// program is a flag made ready for evaluation. It is immutable. What every evaluation looks at comes first.
type program struct {
	name     id // its key, which is the one in the document, is part of what is hashed
	rules    []rule
	flagType flipt.FlagType
	prefix   uint32   // CRC-32 of the key, which variant bucketing begins with
	standard *variant // the default variant; nil when there is none
	broken   *Error   // why there is no program; nil when there is one
	shares   []share  // those of the rules, one after the other
	enabled  bool
	outcomes uint32   // how many answers there are, with why
	slots    []uint32 // those that the selections name, one after the other
	rollouts []rollout
	segments []uint32 // every slot that is named, once
}

func (p *program) id() id { return p.name }

// roomyProgram is a program with room for its key and the parts of most variant flags, so that they lie next to each other: what
// an evaluation of one among many flags waits for is memory. Parts for which it has no room lie elsewhere.
type roomyProgram struct {
	key [32]byte
	program
	rules  [2]rule
	shares [6]share
	slots  [4]uint32
}

// variant is what a variant flag answers.
type variant struct {
	key        string
	attachment string // without insignificant white space
}

// rule gives the entities it selects one of its shares.
type rule struct {
	selection
	from, to uint32 // its shares
	split    bool   // some entities get another share, or none
	outcome  uint32 // when there are no shares
	id       string
}

func (p *program) sharesOf(r *rule) []share { return p.shares[r.from:r.to] }

// share is a distribution: its variant goes to the buckets below bound and not below the bound before.
type share struct {
	bound   uint32
	outcome uint32
	variant variant
}

// rollout selects entities by segments or, when there are none, by percentage.
type rollout struct {
	selection
	id         string
	threshold  bool
	percentage float32
	split      bool // the threshold takes some entities and leaves others
	value      bool
	outcome    uint32
}

// problem returns why the flag cannot be evaluated, or nil.
func (p *program) problem(t *table) *Error {
	if p.broken != nil {
		return p.broken
	}
	if missing := t.missing(p); missing != nil {
		return errorf(Internal, "flag %q: segment %q not found", p.name, missing.name)
	}
	return nil
}

// compile makes the program of a flag. Segments that are missing get a slot and are no failure here, since they may still come.
func (d *draft) compile(name id, document *storev1.Flag) *program {
	flag := document.GetFlag()
	c := d.compiler()
	if len(document.GetRules()) > 0 {
		roomy := new(roomyProgram)
		c.program = &roomy.program
		c.program.rules, c.program.slots, c.program.shares = roomy.rules[:0], roomy.slots[:0], roomy.shares[:0]
		if n := copy(roomy.key[:], name.key); n > 0 && n == len(name.key) {
			name.key = unsafe.String(&roomy.key[0], n) // nobody writes to it any more
		}
	} else {
		c.program = new(program)
	}
	c.program.name, c.program.flagType, c.program.enabled = name, flag.GetType(), flag.GetEnabled()
	c.program.prefix, c.program.outcomes = updateCRC(0, name.key), 1
	if flag.GetKey() != name.key {
		c.fail("its document holds flag %q", flag.GetKey())
		return c.program
	}
	switch flag.GetType() {
	case flipt.FlagType_VARIANT_FLAG_TYPE:
		for _, document := range flag.GetVariants() {
			c.variants[document.GetId()] = document
		}
		if standard := flag.GetDefaultVariant(); standard != nil {
			c.program.standard = c.variant(standard.GetId())
		}
		for _, document := range ranked(document.GetRules()) {
			c.rule(document)
		}
	case flipt.FlagType_BOOLEAN_FLAG_TYPE:
		for _, document := range ranked(document.GetRollouts()) {
			c.rollout(document)
		}
	}
	return c.program
}

// ranked returns the items by ascending rank, those of equal rank in their order, without touching the slice.
func ranked[T interface{ GetRank() int32 }](items []T) []T {
	byRank := func(a, b T) int { return cmp.Compare(a.GetRank(), b.GetRank()) }
	if slices.IsSortedFunc(items, byRank) {
		return items
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, byRank)
	return items
}

// manyParts is how many variants and segments of a flag are more than most flags have.
const manyParts = 64

// compiler builds one program after another, in the same maps.
type compiler struct {
	draft    *draft
	program  *program
	variants map[string]*flipt.Variant // by id
	used     map[string]*variant       // by id
	choices  int                       // how many selections there are so far
	named    map[uint32]int            // slot to the last selection that names it, counted from 1
	text     bytes.Buffer
}

// compiler returns the compiler of the draft, ready for the next program. After a flag of many parts it is a new one: to clear a
// large map for each of the flags that follow would take longer.
func (d *draft) compiler() *compiler {
	if d.ready == nil || len(d.ready.variants)+len(d.ready.named) > manyParts {
		d.ready = &compiler{draft: d, variants: make(map[string]*flipt.Variant), used: make(map[string]*variant), named: make(map[uint32]int)}
	}
	c := d.ready
	clear(c.variants)
	clear(c.used)
	clear(c.named)
	c.choices = 0
	return c
}

// fail keeps the first reason why there is no program.
func (c *compiler) fail(format string, arguments ...any) {
	if c.program.broken == nil {
		c.program.broken = errorf(Internal, "flag %q: "+format, append([]any{c.program.name}, arguments...)...)
	}
}

func (c *compiler) rule(document *flipt.Rule) {
	r := rule{
		selection: c.selection(document.GetSegmentKey(), document.GetSegmentKeys(), document.GetSegmentOperator()),
		id:        document.GetId(),
	}
	var bound uint32
	r.from = uint32(len(c.program.shares))
	for _, distribution := range document.GetDistributions() {
		variant := c.variant(distribution.GetVariantId())
		if variant != nil && distribution.GetRollout() > 0 {
			bound = min(bound+bucketsOf(distribution.GetRollout()), buckets)
			outcome := c.shareOutcome(c.program.shares[r.from:], variant)
			c.program.shares = append(c.program.shares, share{bound, outcome, *variant})
		}
	}
	r.to = uint32(len(c.program.shares))
	if r.from == r.to {
		r.outcome = c.outcome()
	}
	r.split = split(c.program.sharesOf(&r))
	c.program.rules = append(c.program.rules, r)
}

// outcome numbers one more outcome.
func (c *compiler) outcome() uint32 {
	c.program.outcomes++
	return c.program.outcomes - 1
}

// shareOutcome numbers the outcome of one more share of a rule; the shares of a variant have one between them.
func (c *compiler) shareOutcome(shares []share, v *variant) uint32 {
	for _, share := range shares {
		if share.variant == *v {
			return share.outcome
		}
	}
	return c.outcome()
}

// split says whether the answer depends on the bucket.
func split(shares []share) bool {
	var first *variant
	var below uint32
	for i := range shares {
		share := &shares[i]
		if share.bound == below { // takes nothing
			continue
		}
		if first != nil && share.variant != *first {
			return true
		}
		first, below = &share.variant, share.bound
	}
	return first != nil && below < buckets
}

// bucketsOf converts a percentage to a number of buckets: in single precision, cut off and not rounded.
func bucketsOf(percentage float32) uint32 {
	product := float32(percentage * 10)
	if product >= buckets {
		return buckets
	}
	return uint32(product)
}

func (c *compiler) rollout(document *flipt.Rollout) {
	r := rollout{id: document.GetId()}
	switch selector := document.GetRule().(type) {
	case *flipt.Rollout_Threshold:
		r.threshold, r.percentage, r.value = true, selector.Threshold.GetPercentage(), selector.Threshold.GetValue()
		r.split = r.percentage > 0 && r.percentage <= thresholdBuckets-1
	case *flipt.Rollout_Segment:
		segment := selector.Segment
		//lint:ignore SA1019 documents may hold the one segment in the deprecated field
		key := segment.GetSegmentKey()
		r.selection = c.selection(key, segment.GetSegmentKeys(), segment.GetSegmentOperator())
		r.value = segment.GetValue()
	default:
		return
	}
	r.outcome = c.outcome()
	c.program.rollouts = append(c.program.rollouts, r)
}

// selection resolves the segments of a rule or a rollout: one key or several, of which repeated ones count once.
func (c *compiler) selection(key string, keys []string, operator flipt.SegmentOperator) selection {
	s := selection{all: operator == flipt.SegmentOperator_AND_SEGMENT_OPERATOR}
	if key != "" {
		keys = append([]string{key}, keys...)
	}
	c.choices++
	s.first = uint32(len(c.program.slots))
	for _, key := range keys {
		slot := c.draft.slotOf(id{c.program.name.namespace, key})
		last, known := c.named[slot]
		if last == c.choices {
			continue
		}
		if !known {
			c.program.segments = append(c.program.segments, slot)
		}
		c.named[slot] = c.choices
		if s.first == uint32(len(c.program.slots)) {
			s.one = slot
		}
		c.program.slots = append(c.program.slots, slot)
	}
	s.end = uint32(len(c.program.slots))
	return s
}

// variant finds a variant of the flag by its id.
func (c *compiler) variant(id string) *variant {
	if known := c.used[id]; known != nil {
		return known
	}
	document := c.variants[id]
	if document == nil {
		c.fail("variant %q not found", id)
		return nil
	}
	attachment, err := c.compact(document.GetAttachment())
	if err != nil {
		c.fail("attachment of variant %q: %v", document.GetKey(), err)
	}
	found := &variant{document.GetKey(), attachment}
	c.used[id] = found
	return found
}

// compact removes the white space of a JSON text that does not matter. Nothing stays nothing.
func (c *compiler) compact(attachment string) (string, error) {
	if attachment == "" {
		return "", nil
	}
	c.text.Reset()
	if err := json.Compact(&c.text, []byte(attachment)); err != nil {
		return "", err
	}
	if c.text.Len() == len(attachment) {
		return attachment, nil
	}
	return c.text.String(), nil
}
