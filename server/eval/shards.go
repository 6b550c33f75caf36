package eval

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// fanout is the number of parts at each of the two levels of shards: 256 in all.
const fanout = 16

// shards finds values by their names. It is in parts, so that a changed copy shares all of them but one. A part is a slice and
// not a map, since that is copied ten times as fast (a map hashes every key again), and two levels of 16 copy less than one of 256.
type shards[V named] [fanout]*branch[V]

// branch is the part of the names that agree in the lowest bits of their hash; it is divided by the bits above.
type branch[V named] [fanout]shard[V]

// shard is a hash table with open addressing: a name lies in the cell of the upper bits of its hash, or the next free one. The
// number of cells is a power of two, and half of them at least are free.
type shard[V named] struct {
	cells []cell[V]
	count int
}

// cell is a value in a shard. A hash of 0 says that it is free.
type cell[V named] struct {
	hash  uint64
	value V
}

// named is a value that knows its name, which never changes.
type named interface{ id() id }

// place is where in the table the segment of that name lies.
type place struct {
	name  id
	index uint32
}

func (p *place) id() id { return p.name }

// hashOf never returns 0.
func hashOf(seed maphash.Seed, name id) uint64 {
	return maphash.String(seed, name.key) ^ bits.RotateLeft64(maphash.String(seed, name.namespace), 1) | 1<<63
}

// find returns the cell of a name, or the free one that it belongs in. There must be a free one.
func (s *shard[V]) find(hash uint64, name id) *cell[V] {
	mask := uint64(len(s.cells) - 1)
	for i := hash / (fanout * fanout); ; i++ {
		c := &s.cells[i&mask]
		if c.hash == 0 || c.hash == hash && c.value.id() == name {
			return c
		}
	}
}

func (s *shards[V]) get(seed maphash.Seed, name id) (value V, ok bool) {
	hash := hashOf(seed, name)
	branch := s[hash%fanout]
	if branch == nil {
		return value, false
	}
	shard := &branch[hash/fanout%fanout]
	if len(shard.cells) == 0 {
		return value, false
	}
	c := shard.find(hash, name)
	return c.value, c.hash != 0
}

// shardsDraft is a changed copy of shards in the making. It belongs to one Apply.
type shardsDraft[V named] struct {
	seed          maphash.Seed
	shards        *shards[V]
	copied        bool
	ownedBranches [fanout]bool
	ownedShards   [fanout][fanout]bool
}

func (d *shardsDraft[V]) get(name id) (V, bool) { return d.shards.get(d.seed, name) }

func (d *shardsDraft[V]) set(value V) {
	hash := hashOf(d.seed, value.id())
	shard := d.own(hash)
	if 2*(shard.count+1) > len(shard.cells) {
		shard.rebuild(max(2*len(shard.cells), 4), nil)
	}
	c := shard.find(hash, value.id())
	if c.hash == 0 {
		shard.count++
	}
	*c = cell[V]{hash, value}
}

func (d *shardsDraft[V]) delete(name id) {
	hash := hashOf(d.seed, name)
	if shard := d.own(hash); shard.count > 0 {
		shard.rebuild(len(shard.cells), shard.find(hash, name))
	}
}

// rebuild gives a shard that many cells, with all values but the left out one, if there is one.
func (s *shard[V]) rebuild(size int, without *cell[V]) {
	old := s.cells
	s.cells, s.count = make([]cell[V], size), 0
	for i := range old {
		if c := &old[i]; c.hash != 0 && c != without {
			*s.find(c.hash, c.value.id()) = *c
			s.count++
		}
	}
}

// own returns the shard that the hash belongs in, after copying what still belongs to the snapshot before.
func (d *shardsDraft[V]) own(hash uint64) *shard[V] {
	if !d.copied {
		shards := *d.shards
		d.shards, d.copied = &shards, true
	}
	lower, upper := hash%fanout, hash/fanout%fanout
	if !d.ownedBranches[lower] {
		branch := new(branch[V])
		if old := d.shards[lower]; old != nil {
			*branch = *old
		}
		d.shards[lower], d.ownedBranches[lower] = branch, true
	}
	shard := &d.shards[lower][upper]
	if !d.ownedShards[lower][upper] {
		shard.cells = slices.Clone(shard.cells)
		d.ownedShards[lower][upper] = true
	}
	return shard
}
