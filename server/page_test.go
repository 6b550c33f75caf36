package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/burgeehq/burgee/gen/flipt"
)

// page is a page of any list: the keys or ids of its items, the token of the next one, and the number of all items.
type page struct {
	keys  []string
	next  string
	total int32
}

// lister asks for a page of one kind of list.
type lister struct {
	name string
	list func(ctx context.Context, c clients, limit, offset int32, token string) (page, error)
}

func pageFrom[D any](items []D, key func(D) string, next string, total int32) page {
	p := page{next: next, total: total}
	for _, item := range items {
		p.keys = append(p.keys, key(item))
	}
	return p
}

// listers are all lists; each holds five items after openPages.
var listers = []lister{
	{"namespaces", func(ctx context.Context, c clients, limit, offset int32, token string) (page, error) {
		l, err := c.flipt.ListNamespaces(ctx, &flipt.ListNamespaceRequest{Limit: limit, Offset: offset, PageToken: token})
		return pageFrom(l.GetNamespaces(), (*flipt.Namespace).GetKey, l.GetNextPageToken(), l.GetTotalCount()), err
	}},
	{"flags", func(ctx context.Context, c clients, limit, offset int32, token string) (page, error) {
		l, err := c.flipt.ListFlags(ctx, &flipt.ListFlagRequest{NamespaceKey: "k1", Limit: limit, Offset: offset, PageToken: token})
		return pageFrom(l.GetFlags(), (*flipt.Flag).GetKey, l.GetNextPageToken(), l.GetTotalCount()), err
	}},
	{"segments", func(ctx context.Context, c clients, limit, offset int32, token string) (page, error) {
		l, err := c.flipt.ListSegments(ctx, &flipt.ListSegmentRequest{NamespaceKey: "k1", Limit: limit, Offset: offset, PageToken: token})
		return pageFrom(l.GetSegments(), (*flipt.Segment).GetKey, l.GetNextPageToken(), l.GetTotalCount()), err
	}},
	{"rules", func(ctx context.Context, c clients, limit, offset int32, token string) (page, error) {
		l, err := c.flipt.ListRules(ctx, &flipt.ListRuleRequest{NamespaceKey: "k1", FlagKey: "k0", Limit: limit, Offset: offset, PageToken: token})
		return pageFrom(l.GetRules(), (*flipt.Rule).GetId, l.GetNextPageToken(), l.GetTotalCount()), err
	}},
	{"rollouts", func(ctx context.Context, c clients, limit, offset int32, token string) (page, error) {
		l, err := c.flipt.ListRollouts(ctx, &flipt.ListRolloutRequest{NamespaceKey: "k1", FlagKey: "k0", Limit: limit, PageToken: token})
		return pageFrom(l.GetRules(), (*flipt.Rollout).GetId, l.GetNextPageToken(), l.GetTotalCount()), err
	}},
}

// openPages makes five items of everything that can be listed.
func (s session) openPages(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for i := 4; i >= 1; i-- { // beside the namespace default, and not in the order of keys
		ok(s.flipt.CreateNamespace(ctx, &flipt.CreateNamespaceRequest{Key: fmt.Sprint("k", i), Name: "x"}))(t)
	}
	for i := 4; i >= 0; i-- {
		ok(s.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{NamespaceKey: "k1", Key: fmt.Sprint("k", i), Name: "x"}))(t)
		ok(s.flipt.CreateSegment(ctx, &flipt.CreateSegmentRequest{NamespaceKey: "k1", Key: fmt.Sprint("k", i), Name: "x"}))(t)
	}
	for i := range int32(5) {
		ok(s.flipt.CreateRule(ctx, &flipt.CreateRuleRequest{NamespaceKey: "k1", FlagKey: "k0", Rank: i + 1, SegmentKey: "k0"}))(t)
		ok(s.flipt.CreateRollout(ctx, &flipt.CreateRolloutRequest{NamespaceKey: "k1", FlagKey: "k0", Rank: i, Rule: byThreshold(1)}))(t)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.openPages(t)
		for _, l := range listers {
			all := ok(l.list(t.Context(), s.clients, 0, 0, ""))(t)
			if len(all.keys) != 5 || all.total != 5 || all.next != "" {
				t.Fatalf("%s: got %v, want five items on the one page", l.name, all)
			}
			for limit := int32(1); limit <= 6; limit++ {
				var got []string
				token := ""
				for {
					p := ok(l.list(t.Context(), s.clients, limit, 0, token))(t)
					if p.total != 5 {
						t.Errorf("%s, limit %d: total %d", l.name, limit, p.total)
					}
					got = append(got, p.keys...)
					if p.next == "" {
						break
					}
					if len(p.keys) != int(limit) || len(got) > 5 {
						t.Fatalf("%s, limit %d: page of %d, then another one", l.name, limit, len(p.keys))
					}
					checkToken(t, p.next, all.keys[len(got)], len(got))
					token = p.next
				}
				if !slices.Equal(got, all.keys) {
					t.Errorf("%s, limit %d: got %v, want %v", l.name, limit, got, all.keys)
				}
			}
		}
	})
}

// checkToken wants a token that names the next item and its place, as those of the original do.
func checkToken(t *testing.T, token, key string, offset int) {
	t.Helper()
	var got struct {
		Key    string
		Offset int
	}
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || got.Key != key || got.Offset != offset {
		t.Errorf("token %s holds %+v, %v, want key %s and offset %d", token, got, err, key, offset)
	}
}

func TestPageStarts(t *testing.T) {
	t.Parallel()
	foreign := base64.StdEncoding.EncodeToString([]byte(`{"key":"whatever","offset":3}`))
	everyProtocol(t, func(t *testing.T, s session) {
		s.openPages(t)
		for _, l := range listers {
			all := ok(l.list(t.Context(), s.clients, 0, 0, ""))(t).keys
			for _, c := range []struct {
				what   string
				offset int32
				token  string
				want   []string
			}{
				{"an offset", 2, "", all[2:4]},
				{"the last offset", 4, "", all[4:]},
				{"an offset beyond the end", 99, "", nil},
				{"a negative offset", -1, "", all[:2]},
				{"a token of the original", 0, foreign, all[3:]},
				{"a token and an offset", 1, foreign, all[3:]},
			} {
				if l.name == "rollouts" && c.token == "" {
					continue // which have no offset
				}
				p, err := l.list(t.Context(), s.clients, 2, c.offset, c.token)
				if err != nil || !slices.Equal(p.keys, c.want) || p.total != 5 {
					t.Errorf("%s by %s: got %v, %v, want %v", l.name, c.what, p, err, c.want)
				}
			}
		}
	})
}

func TestPageRefused(t *testing.T) {
	t.Parallel()
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	everyProtocol(t, func(t *testing.T, s session) {
		s.openPages(t)
		for _, l := range listers {
			list := func(limit, offset int32, token string) call {
				return func(ctx context.Context, c clients) error {
					_, err := l.list(ctx, c, limit, offset, token)
					return err
				}
			}
			refusals := []refusal{}
			for _, bad := range []string{"bad", "%%%", "3", encoded("oops"), encoded("[1]"), encoded(`{"offset":-1}`), encoded(`{"offset":"1"}`)} {
				refusals = append(refusals, refusal{list(1, 0, bad), invalid("pageToken is not valid: %q", bad)})
			}
			missing := invalid("limit must be set when offset or pageToken is set")
			if l.name == "rollouts" {
				missing = invalid("limit must be set when pageToken is set")
			} else {
				refusals = append(refusals, refusal{list(0, 1, ""), missing})
			}
			refusals = append(refusals, refusal{list(0, 0, encoded(`{"offset":1}`)), missing})
			s.refuse(t, refusals...)
			if _, err := l.list(t.Context(), s.clients, -1, 0, ""); err == nil {
				t.Errorf("%s: a negative limit is accepted", l.name)
			}
		}
	})
}

func TestPageOfNothing(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		for _, l := range listers[1:] { // of namespace k1, which does not exist
			for _, limit := range []int32{0, 1} {
				p, err := l.list(t.Context(), s.clients, limit, 0, "")
				if err != nil || len(p.keys) > 0 || p.next != "" || p.total != 0 {
					t.Errorf("%s: got %v, %v, want nothing", l.name, p, err)
				}
			}
		}
	})
}

// TestPagesWhileItemsMove pages through flags while others come and go: a flag that lives throughout is seen once.
func TestPagesWhileItemsMove(t *testing.T) {
	t.Parallel()
	s := session{srv: start(t)}
	s.clients = s.srv.overGRPC()
	ctx := t.Context()
	random := rand.New(rand.NewPCG(1, 2))
	create := func(key string) {
		ok(s.flipt.CreateFlag(ctx, &flipt.CreateFlagRequest{Key: key, Name: "x"}))(t)
	}
	remove := func(key string) {
		ok(s.flipt.DeleteFlag(ctx, &flipt.DeleteFlagRequest{Key: key}))(t)
	}
	for round := range 10 {
		var passing []string // flags that may be deleted
		want := map[string]int{}
		for i := range 12 {
			key := fmt.Sprintf("r%d-%d", round, i)
			create(key)
			if random.IntN(2) == 0 {
				want[key] = 1
			} else {
				passing = append(passing, key)
			}
		}
		got, token := map[string]int{}, ""
		for pages := 0; ; pages++ {
			list := ok(s.flipt.ListFlags(ctx, &flipt.ListFlagRequest{Limit: int32(1 + random.IntN(3)), PageToken: token}))(t)
			for _, flag := range list.Flags {
				got[flag.Key]++
			}
			if token = list.NextPageToken; token == "" || pages > 100 {
				break
			}
			if n := len(passing); n > 0 {
				i := random.IntN(n)
				remove(passing[i])
				passing = slices.Delete(passing, i, i+1)
			}
			if random.IntN(3) == 0 {
				create(fmt.Sprintf("r%d-new-%d", round, pages))
			}
		}
		for key := range want {
			if got[key] != 1 {
				t.Errorf("round %d: flag %s was seen %d times", round, key, got[key])
			}
		}
		for key, times := range got {
			if times > 1 {
				t.Errorf("round %d: flag %s was seen %d times", round, key, times)
			}
			remove(key)
		}
	}
}
