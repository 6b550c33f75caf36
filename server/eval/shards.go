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
type branch[V named] [fanout][]cell[V]

// cell is a value in a shard, which is sorted by hash.
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

func hashOf(seed maphash.Seed, name id) uint64 {
	return maphash.String(seed, name.key) ^ bits.RotateLeft64(maphash.String(seed, name.namespace), 1)
}

// shard returns the cells that the hash belongs in.
func (s *shards[V]) shard(hash uint64) []cell[V] {
	if branch := s[hash%fanout]; branch != nil {
		return branch[hash/fanout%fanout]
	}
	return nil
}

// find returns where in its shard the name is, or where it belongs. Hashes are spread evenly, so it looks where the hash should
// be and walks the few cells from there: twice as fast as halving at 100,000 names, since it touches less memory.
func find[V named](cells []cell[V], hash uint64, name id) (int, bool) {
	guess, _ := bits.Mul64(hash, uint64(len(cells)))
	low := int(guess)
	for low > 0 && cells[low-1].hash >= hash {
		low--
	}
	for low < len(cells) && cells[low].hash < hash {
		low++
	}
	for ; low < len(cells) && cells[low].hash == hash; low++ {
		if cells[low].value.id() == name {
			return low, true
		}
	}
	return low, false
}

func (s *shards[V]) get(seed maphash.Seed, name id) (value V, ok bool) {
	hash := hashOf(seed, name)
	cells := s.shard(hash)
	if i, ok := find(cells, hash, name); ok {
		return cells[i].value, true
	}
	return value, false
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
	cells := d.own(hash)
	if i, ok := find(*cells, hash, value.id()); ok {
		(*cells)[i].value = value
	} else {
		*cells = slices.Insert(*cells, i, cell[V]{hash, value})
	}
}

func (d *shardsDraft[V]) delete(name id) {
	hash := hashOf(d.seed, name)
	cells := d.own(hash)
	if i, ok := find(*cells, hash, name); ok {
		*cells = slices.Delete(*cells, i, i+1)
	}
}

// own returns the shard that the hash belongs in, after copying what still belongs to the snapshot before.
func (d *shardsDraft[V]) own(hash uint64) *[]cell[V] {
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
	cells := &d.shards[lower][upper]
	if !d.ownedShards[lower][upper] {
		*cells = append(make([]cell[V], 0, len(*cells)+1), *cells...)
		d.ownedShards[lower][upper] = true
	}
	return cells
}
