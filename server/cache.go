package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/server/rest"
	"github.com/burgeehq/burgee/store"
)

const (
	// cacheAnswers and cacheBytes bound what is kept; the latter the bytes of messages and encodings.
	cacheAnswers = 128
	cacheBytes   = 48 << 20
	// cacheItem is what an item of a message takes beside its document, which the state holds anyway, in bytes.
	cacheItem = 256
	// cacheToken is how long the page token of a kept answer may be, in bytes, some times the length of those that the server makes.
	cacheToken = 1 << 10
)

// answerCache holds the answers that many clients ask for while nothing changes, and each of their encodings once: snapshots and
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

// cachedAnswer is one answer. Its message is never changed.
type cachedAnswer struct {
	key      answerKey
	revision uint64        // of the namespace
	used     uint64        // guarded by answerCache.mu; when it was asked for last
	bytes    int           // guarded by answerCache.mu; of the shared message and the encodings
	dropped  bool          // guarded by answerCache.mu
	shared   proto.Message // guarded by answerCache.mu; what the codecs know the answer by, nil while it was sent by REST alone

	mu        sync.Mutex
	built     proto.Message     // guarded by mu; until it is encoded or shared
	encodings map[string][]byte // guarded by mu; by the name of the codec, or of the compression
}

// cached returns the kept answer to a request of the newest state, or else what build returns, which is kept when it has any items.
// What build returns must not be changed any more, and must depend on nothing but the key and the namespace. A request that came by
// REST gets the text of a kept answer, and an empty message.
func cached[M interface {
	*T
	proto.Message
}, T any](ctx context.Context, k *answerCache, state *store.State, key answerKey, build func() (M, error)) (M, error) {
	revision := state.NamespaceRevision(key.namespace)
	if revision == 0 {
		return build()
	}
	a := k.get(key, revision)
	if a == nil {
		message, err := build()
		if err != nil {
			return nil, err
		}
		if n, _ := answerItems(message); n == 0 || len(key.page.token) > cacheToken {
			return message, nil
		}
		a = &cachedAnswer{key: key, revision: revision, built: message}
		k.put(a)
	}
	kept := keptAnswer{a, k, func() (proto.Message, error) { return build() }}
	if rest.SetBody(ctx, kept) {
		return new(T), nil
	}
	message, err := kept.message()
	if err != nil {
		return nil, err
	}
	return message.(M), nil
}

// answerItems returns the number of items of an answer of a kind that is kept, and the first item.
func answerItems(message any) (n int, first proto.Message) {
	switch m := message.(type) {
	case *flipt.FlagList:
		return ofItems(m.Flags)
	case *flipt.SegmentList:
		return ofItems(m.Segments)
	case *evaluation.EvaluationNamespaceSnapshot:
		return ofItems(m.Flags)
	}
	return 0, nil
}

func ofItems[M proto.Message](items []M) (n int, first proto.Message) {
	if len(items) == 0 {
		return 0, nil
	}
	return len(items), items[0]
}

// get returns the answer that is kept, or nil.
func (k *answerCache) get(key answerKey, revision uint64) *cachedAnswer {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.answers[key]
	if a == nil || a.revision != revision {
		return nil
	}
	k.uses++
	a.used = k.uses
	return a
}

// put keeps an answer, in the place of an older one of the same key, or drops it at once.
func (k *answerCache) put(a *cachedAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.answers[a.key]; old != nil {
		if old.revision >= a.revision {
			a.dropped = true
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
	if a.shared != nil {
		k.messages.Delete(a.shared)
	}
}

// encoded appends the encoding of a kept message to base; it says false when the message is not a kept one.
func (k *answerCache) encoded(base []byte, message any, codec innerCodec) ([]byte, bool, error) {
	if n, _ := answerItems(message); n == 0 {
		return base, false, nil
	}
	found, ok := k.messages.Load(message)
	if !ok {
		return base, false, nil
	}
	data, err := found.(*cachedAnswer).encoding(codec.Name(), k, func() ([]byte, error) { return encode(message.(proto.Message), codec) })
	return append(base, data...), true, err
}

// encode returns what codec makes of a message with items.
func encode(message proto.Message, codec innerCodec) ([]byte, error) {
	data, err := codec.MarshalAppend(make([]byte, 0, roomFor(message, codec)), message)
	if cap(data)-len(data) > len(data)/4 {
		data = bytes.Clone(data)
	}
	return data, err
}

// encoding returns the encoding of that name, which is made once while the answer is kept. Several callers wait for one.
func (a *cachedAnswer) encoding(name string, k *answerCache, encode func() ([]byte, error)) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if data, ok := a.encodings[name]; ok {
		return data, nil
	}
	data, err := encode()
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
	a.encodings[name] = data
	a.bytes += cap(data)
	k.bytes += cap(data)
	k.bound(a)
	return data, nil
}

// keptAnswer is an answer as one call has it.
type keptAnswer struct {
	answer *cachedAnswer
	cache  *answerCache
	build  func() (proto.Message, error) // anew, and the same
}

// take returns the message, which is then the caller's affair. It is called with the answer's mu held.
func (c keptAnswer) take() (proto.Message, error) {
	if built := c.answer.built; built != nil {
		c.answer.built = nil
		return built, nil
	}
	return c.build()
}

// message returns the message that the codecs know.
func (c keptAnswer) message() (proto.Message, error) {
	a, k := c.answer, c.cache
	a.mu.Lock()
	defer a.mu.Unlock()
	k.mu.Lock()
	shared := a.shared
	k.mu.Unlock()
	if shared != nil {
		return shared, nil
	}
	message, err := c.take()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !a.dropped {
		n, _ := answerItems(message)
		a.shared = message
		a.bytes += n * cacheItem
		k.bytes += n * cacheItem
		k.messages.Store(message, a)
		k.bound(a)
	}
	return message, nil
}

// JSON implements rest.Body.
func (c keptAnswer) JSON() ([]byte, error) {
	codec := rest.Codec{}
	return c.answer.encoding(codec.Name(), c.cache, func() ([]byte, error) {
		message, err := c.take()
		if err != nil {
			return nil, err
		}
		return encode(message, codec)
	})
}

// Gzip implements rest.Body.
func (c keptAnswer) Gzip() ([]byte, error) {
	text, err := c.JSON()
	if err != nil {
		return nil, err
	}
	return c.answer.encoding("gzip", c.cache, func() ([]byte, error) { return compressed(text) })
}

// compressed returns a text in the format of gzip, quickly rather than small.
func compressed(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(out.Bytes()), nil
}

// roomFor guesses how many bytes a kept message takes, from its first item, so that the buffer for a long one need not grow: one
// that does leaves several times the message as garbage.
func roomFor(message proto.Message, codec innerCodec) int {
	_, first := answerItems(message)
	one, size := proto.Size(first), proto.Size(message)
	text, err := codec.Marshal(first)
	if err != nil || one == 0 || len(text) > 1<<16 {
		return 0
	}
	return size / one * len(text) * 9 / 8
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
