package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// run runs a command of ours against the server, and returns what it prints, what it says
// beside that, and its error.
func run(t *testing.T, server *httptest.Server, args ...string) (out, beside, failure string) {
	t.Helper()
	group := &cobra.Command{Use: "tocsin", SilenceUsage: true, SilenceErrors: true}
	newGroup().CobraFunc(group)
	var stdout, stderr bytes.Buffer
	group.SetOut(&stdout)
	group.SetErr(&stderr)
	group.SetArgs(append(args, "--address", strings.TrimPrefix(server.URL, "http://")))
	if err := group.ExecuteContext(t.Context()); err != nil {
		failure = err.Error()
	}
	return stdout.String(), stderr.String(), failure
}

// The output of the command: what is read, which sources it waits for and how long, and
// in the end which sources are not in sync, and why.
func TestSyncSaysWhatItWaitsFor(t *testing.T) {
	next := time.Date(2026, 7, 1, 12, 0, 30, 0, time.UTC)
	late := []Pending{{Source: "list:a", Error: "no such file"}, {Source: "lapi", Next: next}}
	for _, row := range []struct {
		name                 string
		args                 []string
		sources              []string
		pending              [][]Pending // by question; the last one stands for all that follow
		out, beside, failure string
	}{
		{"without --wait", []string{"sync"}, []string{"lapi", "list:a"}, [][]Pending{late}, "Reading again: lapi, list:a\n", "", ""},
		{"nothing to wait for", []string{"sync", "--wait"}, []string{"lapi"}, [][]Pending{nil}, "Reading again: lapi\n", "", ""},
		{
			"as long as by default",
			[]string{"sync", "--wait"},
			[]string{"lapi", "list:a"},
			[][]Pending{late, late[1:], nil},
			"Reading again: lapi, list:a\n", "Waiting up to 30s for list:a, lapi.\n", "",
		},
		{
			"as long as is said, and in vain",
			[]string{"sync", "--wait=300ms"},
			[]string{"lapi", "list:a"},
			[][]Pending{late},
			"Reading again: lapi, list:a\n", "Waiting up to 300ms for list:a, lapi.\n",
			"not in sync after 300ms: list:a (no such file), lapi (the next try is due at 2026-07-01T12:00:30Z)",
		},
		{"no source", []string{"sync", "--wait"}, nil, [][]Pending{nil}, "There is no source that can be read again.\n", "", ""},
		{"for less than no time", []string{"sync", "--wait=-5s"}, []string{"lapi"}, nil, "", "", "--wait=-5s: must be greater than 0, such as --wait=30s"},
		{
			"names that are no text",
			[]string{"sync", "--wait"},
			[]string{"a\x1b[31m"},
			[][]Pending{{{Source: "a\x1b[31m"}}, nil},
			"Reading again: a[31m\n", "Waiting up to 30s for a[31m.\n", "",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isFirst := asked == 0; r.URL.Path != "/tocsin/sync" || isFirst != (r.Method == http.MethodPost) {
					t.Errorf("question %d is %s %s", asked, r.Method, r.URL)
				}
				_ = json.NewEncoder(w).Encode(Sync{Since: next, Sources: row.sources, Pending: row.pending[min(asked, len(row.pending)-1)]})
				asked++
			}))
			defer server.Close()
			if out, beside, failure := run(t, server, row.args...); out != row.out || beside != row.beside || failure != row.failure {
				t.Errorf("it prints %q, says %q, and fails with %q; want %q, %q, %q", out, beside, failure, row.out, row.beside, row.failure)
			}
		})
	}
}
