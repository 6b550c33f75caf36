package server

import (
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/store"
)

const (
	// cacheAnswers and cacheBytes bound what is kept; the latter the bytes of messages and encodings.
	cacheAnswers = 32
	cacheBytes   = 48 << 20
	// cacheItem is what an item of a message takes beside its document, which the state holds anyway, in bytes.
	cacheItem = 256
	// cacheLeast is the number of items from which an answer is worth being kept.
	cacheLeast = 16
)

// answerCache holds the long answers that many clients ask for while nothing changes, and each of their encodings once: snapshots and
// lists of a namespace at its newest revision. Its zero value is empty. It may be used concurrently.
type answerCache struct {
	mu      sync.Mutex
	answers map[answerKey]*cachedAnswer // guarded by mu
	bytes   int                         // guarded by mu; of all answers
	uses    uint64                      // guarded by mu; so far

	messages sync.Map // of *cachedAnswer by its message, for the codecs
}

// answerKey names an answer. Two requests of one key have the same answer as long as the namespace has the revision.
type answerKey struct {
	procedure string
	namespace string
	page      pageRequest
	class     versionClass
}

// cachedAnswer is one answer. The message is never changed.
type cachedAnswer struct {
	key      answerKey
	revision uint64 // of the namespace
	message  proto.Message
	used     uint64 // guarded by answerCache.mu; when it was asked for last
	bytes    int    // guarded by answerCache.mu; of the message and its encodings
	dropped  bool   // guarded by answerCache.mu

	mu        sync.Mutex
	encodings map[string][]byte // guarded by mu; by the name of the codec
}

// cached returns the kept answer to a request of the newest state, or else what build returns, which is kept when it has many items.
// What build returns must not be changed any more, and must depend on nothing but the key and the namespace.
func cached[M interface {
	*T
	proto.Message
}, T any](k *answerCache, state *store.State, key answerKey, build func() (M, error)) (M, error) {
	revision := state.NamespaceRevision(key.namespace)
	if revision == 0 {
		return build()
	}
	if message, ok := k.get(key, revision).(M); ok {
		return message, nil
	}
	message, err := build()
	if err != nil {
		return nil, err
	}
	if items := answerItems(message); items >= cacheLeast {
		k.put(&cachedAnswer{key: key, revision: revision, message: message, bytes: items * cacheItem})
	}
	return message, nil
}

// answerItems returns the number of items of an answer of a kind that is kept.
func answerItems(message any) int {
	switch m := message.(type) {
	case *flipt.FlagList:
		return len(m.Flags)
	case *flipt.SegmentList:
		return len(m.Segments)
	case *evaluation.EvaluationNamespaceSnapshot:
		return len(m.Flags)
	}
	return 0
}

// get returns the answer that is kept, or nil.
func (k *answerCache) get(key answerKey, revision uint64) proto.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.answers[key]
	if a == nil || a.revision != revision {
		return nil
	}
	k.uses++
	a.used = k.uses
	return a.message
}

// put keeps an answer, in the place of an older one of the same key.
func (k *answerCache) put(a *cachedAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.answers[a.key]; old != nil {
		if old.revision >= a.revision {
			return
		}
		k.drop(old)
	}
	if k.answers == nil {
		k.answers = make(map[answerKey]*cachedAnswer)
	}
	k.uses++
	a.used = k.uses
	k.answers[a.key] = a
	k.bytes += a.bytes
	k.messages.Store(a.message, a)
	k.bound(a)
}

// bound drops what was not used for the longest time until the limits hold, and newest last. It is called with mu held.
func (k *answerCache) bound(newest *cachedAnswer) {
	for len(k.answers) > cacheAnswers || k.bytes > cacheBytes {
		least := newest
		for _, a := range k.answers {
			if a != newest && (least == newest || a.used < least.used) {
				least = a
			}
		}
		k.drop(least)
	}
}

// drop forgets an answer. It is called with mu held.
func (k *answerCache) drop(a *cachedAnswer) {
	a.dropped = true
	k.bytes -= a.bytes
	delete(k.answers, a.key)
	k.messages.Delete(a.message)
}

// encoded appends the encoding of a kept message to base; it says false when the message is not a kept one.
func (k *answerCache) encoded(base []byte, message any, codec innerCodec) ([]byte, bool, error) {
	if answerItems(message) < cacheLeast {
		return base, false, nil
	}
	found, ok := k.messages.Load(message)
	if !ok {
		return base, false, nil
	}
	a := found.(*cachedAnswer)
	data, err := a.encoding(codec, k)
	return append(base, data...), true, err
}

// encoding returns what codec makes of the message. Several callers wait for one.
func (a *cachedAnswer) encoding(codec innerCodec, k *answerCache) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if data, ok := a.encodings[codec.Name()]; ok {
		return data, nil
	}
	data, err := codec.Marshal(a.message)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.dropped {
		return data, nil
	}
	if a.encodings == nil {
		a.encodings = make(map[string][]byte)
	}
	a.encodings[codec.Name()] = data
	a.bytes += len(data)
	k.bytes += len(data)
	k.bound(a)
	return data, nil
}

// innerCodec is a codec that can append.
type innerCodec interface {
	connect.Codec
	MarshalAppend(base []byte, message any) ([]byte, error)
}

// cachingCodec encodes kept answers once, and all others as the codec below does.
type cachingCodec struct {
	innerCodec
	cache *answerCache
}

// Marshal implements connect.Codec.
func (c cachingCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend is what connect calls in the place of Marshal.
func (c cachingCodec) MarshalAppend(base []byte, message any) ([]byte, error) {
	if data, ok, err := c.cache.encoded(base, message, c.innerCodec); ok || err != nil {
		return data, err
	}
	return c.innerCodec.MarshalAppend(base, message)
}
