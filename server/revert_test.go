package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/flipt"
)

// one asks to undo a revision.
func one(number uint64) *burgeev1.RevertRequest {
	return &burgeev1.RevertRequest{Target: &burgeev1.RevertRequest_Revision{Revision: number}}
}

// document asks to bring a document of acme back.
func document(kind, key, reference string) *burgeev1.RevertRequest {
	return &burgeev1.RevertRequest{Reference: reference, Target: &burgeev1.RevertRequest_Document{
		Document: &burgeev1.RevertDocument{NamespaceKey: "acme", Kind: kind, Key: key},
	}}
}

// whole asks to bring a namespace back.
func whole(namespace, reference string) *burgeev1.RevertRequest {
	return &burgeev1.RevertRequest{Reference: reference, Target: &burgeev1.RevertRequest_NamespaceKey{NamespaceKey: namespace}}
}

// everything asks to bring everything back.
func everything(reference string) *burgeev1.RevertRequest {
	return &burgeev1.RevertRequest{Reference: reference, Target: &burgeev1.RevertRequest_Everything{Everything: true}}
}

// dry makes a dry run of a request.
func dry(r *burgeev1.RevertRequest) *burgeev1.RevertRequest {
	r = proto.CloneOf(r)
	r.DryRun = true
	return r
}

// contentsOf returns all that the contract shows of acme, with ids, times and order.
func (s session) contentsOf(t *testing.T, reference string) string {
	t.Helper()
	ctx, c := t.Context(), s.flipt
	var all []proto.Message
	namespace, err := c.GetNamespace(ctx, &flipt.GetNamespaceRequest{Key: "acme", Reference: reference})
	if err != nil {
		return err.Error()
	}
	flags := ok(c.ListFlags(ctx, &flipt.ListFlagRequest{NamespaceKey: "acme", Reference: reference}))(t)
	all = append(all, namespace, flags, ok(c.ListSegments(ctx, &flipt.ListSegmentRequest{NamespaceKey: "acme", Reference: reference}))(t))
	for _, flag := range flags.Flags {
		all = append(all, ok(c.ListRules(ctx, &flipt.ListRuleRequest{NamespaceKey: "acme", FlagKey: flag.Key, Reference: reference}))(t),
			ok(c.ListRollouts(ctx, &flipt.ListRolloutRequest{NamespaceKey: "acme", FlagKey: flag.Key, Reference: reference}))(t))
	}
	var b strings.Builder
	for _, message := range all {
		b.WriteString(deterministic(t, message))
	}
	return b.String()
}

func deterministic(t *testing.T, m proto.Message) string {
	t.Helper()
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x\n", body)
}

func TestRevert(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t) // up to revision 15
		ctx, c := t.Context(), s.flipt
		ok(c.UpdateSegment(ctx, &flipt.UpdateSegmentRequest{NamespaceKey: "acme", Key: "de", Name: "Deutschland"}))(t)        // 16
		ok(c.DeleteFlag(ctx, &flipt.DeleteFlagRequest{NamespaceKey: "acme", Key: "color"}))(t)                                // 17
		ok(c.CreateFlag(ctx, &flipt.CreateFlagRequest{NamespaceKey: "acme", Key: "late", Name: "Late"}))(t)                   // 18
		ok(c.UpdateNamespace(ctx, &flipt.UpdateNamespaceRequest{Key: "acme", Name: "Acme Inc."}))(t)                          // 19
		ok(c.CreateNamespace(ctx, &flipt.CreateNamespaceRequest{Key: "other", Name: "Other"}))(t)                             // 20
		ok(c.CreateSegment(ctx, &flipt.CreateSegmentRequest{NamespaceKey: "other", Key: "all", Name: "All"}))(t)              // 21
		ok(c.UpdateNamespace(ctx, &flipt.UpdateNamespaceRequest{Key: "default", Name: "Default", Description: "Changed"}))(t) // 22
		for i, step := range []struct {
			what        string
			request     *burgeev1.RevertRequest
			differences string
			like        string // reference that acme is like afterwards; empty to skip
			restores    uint64
		}{
			{"undo an update", one(16), "~ segment acme/de\n  name: \"Deutschland\" > \"Germany\"\n", "", 0},
			{"redo it", one(23), "~ segment acme/de\n  name: \"Germany\" > \"Deutschland\"\n", "rev:22", 0},
			{"undo a deletion", one(17), "+ flag acme/color\n", "", 0},
			{"undo that", one(25), "- flag acme/color\n", "rev:22", 0},
			{"bring a deleted flag back", document("flag", "color", "rev:16"), "+ flag acme/color\n", "", 16},
			{"bring a segment back", document("segment", "de", "rev:15"), "~ segment acme/de\n  name: \"Deutschland\" > \"Germany\"\n", "", 15},
			{"bring back that there was no flag", document("flag", "late", "rev:17"), "- flag acme/late\n", "", 17},
			{"bring a namespace back by itself", document("namespace", "acme", "rev:18"), "~ namespace acme/acme\n  name: \"Acme Inc.\" > \"Acme\"\n", "rev:15", 18},
			{"bring a namespace back", whole("acme", "rev:22"),
				"- flag acme/color\n+ flag acme/late\n~ namespace acme/acme\n  name: \"Acme\" > \"Acme Inc.\"\n~ segment acme/de\n  name: \"Germany\" > \"Deutschland\"\n", "rev:22", 22},
			{"bring back that there was no namespace", whole("other", "rev:19"), "- namespace other/other\n- segment other/all\n", "rev:22", 19},
			{"bring everything back", everything("rev:15"),
				"+ flag acme/color\n- flag acme/late\n~ namespace acme/acme\n  name: \"Acme Inc.\" > \"Acme\"\n~ segment acme/de\n  name: \"Deutschland\" > \"Germany\"\n" +
					"~ namespace default/default\n  description: \"Changed\" > \"Default namespace\"\n", "rev:15", 15},
			{"bring back what there was at first", everything("rev:1"),
				"- flag acme/beta\n- flag acme/color\n- namespace acme/acme\n- segment acme/de\n- segment acme/vip\n", "rev:1", 1},
			{"bring back a namespace that is gone", whole("acme", "rev:15"),
				"+ flag acme/beta\n+ flag acme/color\n+ namespace acme/acme\n+ segment acme/de\n+ segment acme/vip\n", "rev:15", 15},
		} {
			before := s.srv.Position()
			tried := ok(s.history.Revert(ctx, dry(step.request)))(t)
			if got := lines(tried.Differences); got != step.differences || tried.Position != before.String() || s.srv.Position() != before {
				t.Fatalf("%s, tried: position %s, was %s, differences\n%swant\n%s", step.what, tried.Position, before, got, step.differences)
			}
			done := ok(s.history.Revert(with(ctx, "Burgee-Author", "Kim", "Burgee-Comment", "back"), step.request))(t)
			number := uint64(23 + i)
			if got := lines(done.Differences); got != step.differences || done.Position != s.srv.Position().String() || s.srv.Position().Revision != number {
				t.Fatalf("%s: position %s, differences\n%swant\n%s", step.what, done.Position, got, step.differences)
			}
			said := ok(s.history.GetRevision(ctx, &burgeev1.GetRevisionRequest{Revision: number}))(t).Revision
			if said.Reverts != step.request.GetRevision() || said.Restores != step.restores || said.Author != "Kim" || said.Comment != "back" ||
				said.Method != "/burgee.v1.HistoryService/Revert" {
				t.Errorf("%s: %v", step.what, said)
			}
			if step.like != "" && s.contentsOf(t, "") != s.contentsOf(t, step.like) {
				t.Errorf("%s: acme is not what it was at %s", step.what, step.like)
			}
		}
		// What changes nothing makes no revision.
		for _, request := range []*burgeev1.RevertRequest{one(20), everything("rev:15"), whole("acme", "rev:35"), document("flag", "color", "rev:12")} {
			if _, document := request.Target.(*burgeev1.RevertRequest_Document); document {
				request.Reference = "rev:15"
			}
			before := s.srv.Position()
			same := ok(s.history.Revert(ctx, request))(t)
			if len(same.Differences) > 0 || same.Position != before.String() || s.srv.Position() != before {
				t.Errorf("%v changed something: %v", request, same)
			}
		}
	})
}

func TestRevertRefused(t *testing.T) {
	t.Parallel()
	everyProtocol(t, func(t *testing.T, s session) {
		s.open(t)
		refused := func(r *burgeev1.RevertRequest, want string) refusal { return refusal{toHistory(revert, r), want} }
		reference := document("flag", "color", "main")
		s.refuse(t,
			refused(one(16), notFound("read revision 16: there is no such revision: the oldest is 1, the newest 15")),
			refused(everything("rev:16"), notFound("reference rev:16: read revision 16: there is no such revision: the oldest is 1, the newest 15")),
			refused(reference, invalid(`invalid field reference: "main" is neither rev: with a number nor at: with a time`)),
			refused(everything(""), invalid("invalid field reference: must be rev: with a number or at: with a time")),
			refused(&burgeev1.RevertRequest{Target: one(3).Target, Reference: "rev:1"}, invalid("invalid field reference: must be empty for one revision")),
			refused(document("flag", "nosuch", "rev:3"), notFound(`flag "acme/nosuch" exists neither now nor at rev:3`)),
			refused(whole("nosuch", "rev:3"), notFound(`namespace "nosuch" exists neither now nor at rev:3`)),
			refused(document("namespace", "other", "rev:3"), invalid("invalid field document.key: must be the key of the namespace")),
		)
		for name, r := range map[string]*burgeev1.RevertRequest{
			"nothing":           {},
			"no revision":       {Target: &burgeev1.RevertRequest_Revision{}},
			"not everything":    {Target: &burgeev1.RevertRequest_Everything{}, Reference: "rev:1"},
			"no namespace":      whole("", "rev:1"),
			"a rule":            document("rule", "color", "rev:1"),
			"a flag, but which": document("flag", "", "rev:1"),
		} {
			_, err := s.history.Revert(t.Context(), r)
			if got := connect.CodeOf(err); got != connect.CodeInvalidArgument && !(name == "no revision" && got == connect.CodeNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestRevertConflicts undoes what later changes depend on.
func TestRevertConflicts(t *testing.T) {
	t.Parallel()
	const acme = "acme"
	deleteColor := to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: acme, Key: "color"})
	deleteBeta := to(rpc.DeleteFlag, &flipt.DeleteFlagRequest{NamespaceKey: acme, Key: "beta"})
	deleteVIP := to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: acme, Key: "vip"})
	deleteAcme := to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: acme, Force: true})
	createVIP := to(rpc.CreateSegment, &flipt.CreateSegmentRequest{NamespaceKey: acme, Key: "vip", Name: "New"})
	rename := func(name string) call {
		return to(rpc.UpdateSegment, &flipt.UpdateSegmentRequest{NamespaceKey: acme, Key: "de", Name: name})
	}
	for name, c := range map[string]struct {
		steps   []call // make revisions from 16 on
		request *burgeev1.RevertRequest
		want    string   // text of the error
		details []string // document, revision: reason
	}{
		"changed since": {[]call{rename("A"), rename("B")}, one(16), `revision 16 cannot be undone: segment "acme/de" was changed again by revision 17`,
			[]string{`acme segment de 17: segment "acme/de" was changed again by revision 17`}},
		"deleted since": {[]call{rename("A"), to(rpc.DeleteSegment, &flipt.DeleteSegmentRequest{NamespaceKey: acme, Key: "de"})}, one(16),
			`revision 16 cannot be undone: segment "acme/de" was deleted by revision 17`,
			[]string{`acme segment de 17: segment "acme/de" was deleted by revision 17`}},
		"created since": {[]call{deleteColor, to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: acme, Key: "color", Name: "Color"})}, one(16),
			`revision 16 cannot be undone: flag "acme/color" was created again by revision 17`,
			[]string{`acme flag color 17: flag "acme/color" was created again by revision 17`}},
		"several": {[]call{deleteAcme, to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: acme, Name: "New"}), createVIP}, one(16),
			`revision 16 cannot be undone: namespace "acme" was created again by revision 17, and 1 more`,
			[]string{`acme namespace acme 17: namespace "acme" was created again by revision 17`, `acme segment vip 18: segment "acme/vip" was created again by revision 18`}},
		"segment in use": {[]call{deleteColor, deleteBeta, deleteVIP, createVIP,
			to(rpc.CreateFlag, &flipt.CreateFlagRequest{NamespaceKey: acme, Key: "user", Name: "User"}),
			to(rpc.CreateRule, &flipt.CreateRuleRequest{NamespaceKey: acme, FlagKey: "user", SegmentKeys: []string{"de", "vip"}, Rank: 1})}, one(19),
			`revision 19 cannot be undone: flag "acme/user" uses segment "acme/vip", which would not exist`,
			[]string{`acme flag user 0: flag "acme/user" uses segment "acme/vip", which would not exist`}},
		"segment in use, back to where it was not": {nil, document("segment", "vip", "rev:6"),
			`rev:6 cannot be brought back: flag "acme/color" uses segment "acme/vip", which would not exist, and 1 more`,
			[]string{`acme flag color 0: flag "acme/color" uses segment "acme/vip", which would not exist`, `acme flag beta 0: flag "acme/beta" uses segment "acme/vip", which would not exist`}},
		"segment gone": {[]call{deleteBeta, deleteColor, deleteVIP}, one(17),
			`revision 17 cannot be undone: flag "acme/color" uses segment "acme/vip", which would not exist`,
			[]string{`acme flag color 0: flag "acme/color" uses segment "acme/vip", which would not exist`}},
		"segment gone, flag back": {[]call{deleteBeta, deleteColor, deleteVIP}, document("flag", "beta", "rev:15"),
			`rev:15 cannot be brought back: flag "acme/beta" uses segment "acme/vip", which would not exist`,
			[]string{`acme flag beta 0: flag "acme/beta" uses segment "acme/vip", which would not exist`}},
		"namespace gone": {[]call{deleteColor, deleteAcme}, one(16),
			`revision 16 cannot be undone: flag "acme/color" needs its namespace, which does not exist`,
			[]string{`acme flag color 0: flag "acme/color" needs its namespace, which does not exist`}},
		"namespace with something in it": {nil, one(2),
			`revision 2 cannot be undone: flag "acme/color" is in namespace "acme", which would not exist, and 3 more`,
			[]string{`acme flag color 0: flag "acme/color" is in namespace "acme", which would not exist`,
				`acme flag beta 0: flag "acme/beta" is in namespace "acme", which would not exist`,
				`acme segment vip 0: segment "acme/vip" is in namespace "acme", which would not exist`,
				`acme segment de 0: segment "acme/de" is in namespace "acme", which would not exist`}},
		"namespace by itself": {[]call{deleteColor, deleteBeta, deleteVIP}, document("namespace", acme, "rev:1"),
			`rev:1 cannot be brought back: segment "acme/de" is in namespace "acme", which would not exist`,
			[]string{`acme segment de 0: segment "acme/de" is in namespace "acme", which would not exist`}},
		"protected namespace": {nil, one(1), `revision 1 cannot be undone: namespace "default" is protected`,
			[]string{`default namespace default 0: namespace "default" is protected`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			s := session{srv.overGRPC(), srv}
			s.open(t)
			s.revisions(t, 1, c.steps...)
			for _, request := range []*burgeev1.RevertRequest{c.request, dry(c.request)} {
				s.refuse(t, refusal{toHistory(revert, request), "failed_precondition: " + c.want})
				_, err := s.history.Revert(t.Context(), request)
				if got := detailsOf(t, err); strings.Join(got, "\n") != strings.Join(c.details, "\n") {
					t.Errorf("details\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.details, "\n"))
				}
			}
		})
	}
}

// detailsOf returns the conflicts in the details of an error.
func detailsOf(t *testing.T, err error) []string {
	t.Helper()
	refused := (*connect.Error)(nil)
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	var found []string
	for _, detail := range refused.Details() {
		value, err := detail.Value()
		if err != nil {
			t.Fatal(err)
		}
		c := value.(*burgeev1.RevertConflict)
		found = append(found, fmt.Sprintf("%s %s %s %d: %s", c.NamespaceKey, c.Kind, c.Key, c.Revision, c.Reason))
	}
	return found
}

// TestRevertConflictsOverREST reads the conflicts from the body.
func TestRevertConflictsOverREST(t *testing.T) {
	t.Parallel()
	srv := start(t)
	answer, err := http.Post(srv.httpURL+"/api/v1/reverts", "application/json", strings.NewReader(`{"revision":"1"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body := string(ok(io.ReadAll(answer.Body))(t))
	const want = `{"code":9,"message":"revision 1 cannot be undone: namespace \"default\" is protected","details":[` +
		`{"@type":"type.googleapis.com/burgee.v1.RevertConflict","namespaceKey":"default","kind":"namespace","key":"default","revision":"0","reason":"namespace \"default\" is protected"}]}`
	if answer.StatusCode != http.StatusPreconditionFailed || body != want {
		t.Errorf("%d %s\nwant 412 %s", answer.StatusCode, body, want)
	}
}

// TestRevertKeepsProtection brings the default namespace back to when it was not protected.
func TestRevertKeepsProtection(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	s.revisions(t, 1,
		to(rpc.DeleteNamespace, &flipt.DeleteNamespaceRequest{Key: "default", Force: true}),
		to(rpc.CreateNamespace, &flipt.CreateNamespaceRequest{Key: "default", Name: "Open"}),
		importOf(&burgeev1.ImportRequest{File: yamlFile([]byte("namespace: ops\n")), Drop: true}),
		toHistory(revert, whole("default", "rev:3")))
	got := ok(s.flipt.GetNamespace(context.Background(), &flipt.GetNamespaceRequest{Key: "default"}))(t)
	if !got.Protected || got.Name != "Open" {
		t.Errorf("the default namespace is %v", got)
	}
}
