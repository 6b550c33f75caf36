package server_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"connectrpc.com/connect"

	burgeev1 "github.com/burgeehq/burgee/gen/burgee/v1"
	"github.com/burgeehq/burgee/gen/burgee/v1/burgeev1connect"
	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
)

// receive asks for a backup and writes it to a file, verified.
func receive(ctx context.Context, client burgeev1connect.BackupServiceClient, to string) (store.Report, error) {
	return store.ReceiveBackup(ctx, to, store.BackupOptions{}, func(w io.Writer) error {
		stream, err := client.Backup(ctx, new(burgeev1.BackupRequest))
		if err != nil {
			return err
		}
		defer stream.Close()
		for stream.Receive() {
			if _, err := w.Write(stream.Msg().Chunk); err != nil {
				return err
			}
		}
		return stream.Err()
	})
}

// TestBackup takes a backup by every protocol of both doors, of more than one piece.
func TestBackup(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := session{srv.overGRPC(), srv}
	s.open(t)
	for _, key := range []string{"a", "b"} { // 1 MiB each
		ok(s.flipt.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: key, Name: key, Description: string(make([]byte, 1<<20))}))(t)
	}
	ways := []struct {
		name    string
		http    *http.Client
		url     string
		options []connect.ClientOption
	}{
		{"gRPC", srv.overH2(), srv.grpcURL, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web", srv.overH1(), srv.grpcURL, []connect.ClientOption{connect.WithGRPCWeb()}},
		{"Connect", srv.overH2(), srv.grpcURL, nil},
		{"Connect JSON", srv.overH1(), srv.grpcURL, []connect.ClientOption{connect.WithProtoJSON()}},
		{"Connect on the REST door", srv.overH1(), srv.httpURL, nil},
		{"gRPC-Web on the REST door", srv.overH1(), srv.httpURL, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
	var group sync.WaitGroup // at once, although the server takes one after the other
	for _, way := range ways {
		group.Go(func() {
			client := burgeev1connect.NewBackupServiceClient(way.http, way.url, way.options...)
			report, err := receive(t.Context(), client, filepath.Join(t.TempDir(), "backup.db"))
			if err != nil || report.Position != srv.Position() || report.Bytes < 2<<20 {
				t.Errorf("%s: %+v, %v, want position %v", way.name, report, err, srv.Position())
			}
		})
	}
	group.Wait()

	// A client who leaves does not hold the next one up.
	client := burgeev1connect.NewBackupServiceClient(srv.overH2(), srv.grpcURL, connect.WithGRPC())
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Backup(ctx, new(burgeev1.BackupRequest))
	if err != nil || !stream.Receive() || stream.Msg().Size < 2<<20 || len(stream.Msg().Chunk) == 0 {
		t.Fatalf("first piece: %v, %v", err, stream.Err())
	}
	cancel()
	if _, err := receive(t.Context(), client, filepath.Join(t.TempDir(), "backup.db")); err != nil {
		t.Error(err)
	}
}

// TestBackupHasNoPathUnderREST holds what the proto says.
func TestBackupHasNoPathUnderREST(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, path := range []string{"/api/v1/backup", "/api/v1/backups"} {
		answer, err := srv.overH1().Get(srv.httpURL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

// TestRestoredTagsAreNew replays a history differently after a restore: the revisions have the numbers that they had, and
// no ETag of the history that was replaced answers 304.
func TestRestoredTagsAreNew(t *testing.T) {
	t.Parallel()
	path, backup := filepath.Join(t.TempDir(), "burgee.db"), filepath.Join(t.TempDir(), "backup.db")
	history := func(t *testing.T, name string, old map[string]bool) map[string]bool {
		srv := startAt(t, path)
		s := session{srv.overGRPC(), srv}
		tags := make(map[string]bool)
		for step := range 4 {
			if step > 0 {
				ok(s.flipt.UpdateNamespace(t.Context(), &flipt.UpdateNamespaceRequest{Key: "acme", Name: name + string(rune('0'+step))}))(t)
			}
			_, tag := s.snapshotOf(t, "acme", "1.47.0")
			tags[tag] = true
			for stale := range old {
				if code := statusOf(t, srv, stale); code != http.StatusOK {
					t.Errorf("revision %v: a tag from before the restore is answered with %d", srv.Position(), code)
				}
			}
			if code := statusOf(t, srv, tag); code != http.StatusNotModified {
				t.Errorf("revision %v: its own tag is answered with %d", srv.Position(), code)
			}
		}
		return tags
	}
	t.Run("begin", func(t *testing.T) {
		srv := startAt(t, path)
		session{srv.overGRPC(), srv}.open(t)
		if _, err := store.Backup(t.Context(), path, backup, store.BackupOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	var old map[string]bool
	t.Run("before", func(t *testing.T) { old = history(t, "before", nil) })
	done, err := store.Restore(t.Context(), backup, path, store.RestoreOptions{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("after", func(t *testing.T) {
		tags := history(t, "after", old)
		for tag := range tags {
			if old[tag] {
				t.Errorf("tag %s names two states", tag)
			}
		}
	})
	srv, err := server.Open(t.Context(), server.Settings{Store: store.Settings{Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if p := srv.Position(); p.Epoch != done.To.Epoch || p.Revision != done.To.Revision+3 {
		t.Errorf("position %v after a restore to %v and 3 changes", p, done.To)
	}
}

// statusOf asks for the snapshot of acme over REST unless it has the tag.
func statusOf(t *testing.T, srv *running, tag string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.httpURL+snapshotPath+"acme", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("If-None-Match", tag)
	request.Header.Set(versionHeader, "1.47.0")
	answer, _ := srv.do(t, request)
	return answer.StatusCode
}
