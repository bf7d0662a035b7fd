package lists

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestNewURLChecksItsConfig(t *testing.T) {
	const at = "https://list.test/x"
	for _, row := range []struct {
		name string
		cfg  URLConfig
		want string
	}{
		{"no URL", URLConfig{}, "no URL"},
		{"no scheme", URLConfig{URL: "list.test/x"}, "want http or https"},
		{"another scheme", URLConfig{URL: "ftp://list.test/x"}, `scheme "ftp"`},
		{"a path", URLConfig{URL: "/etc/list"}, "want http or https"},
		{"no host", URLConfig{URL: "https:///x"}, "no host"},
		{"no URL at all", URLConfig{URL: "http://[::1/?q=s3cret"}, "missing ']'"},
		{"a password in the URL", URLConfig{URL: "https://u:s3cret@list.test/x"}, "use the options"},
		{"an unknown action", URLConfig{URL: at, Action: lookup.Ban + 1}, "unknown action"},
		{"a negative size", URLConfig{URL: at, MaxBytes: -1}, "negative"},
		{"a negative number of lines", URLConfig{URL: at, MaxLines: -1}, "negative"},
		{"a negative page size", URLConfig{URL: at, PageSize: -1}, "negative"},
		{"a negative settling time", URLConfig{URL: at, Settle: -1}, "negative"},
		{"a negative interval", URLConfig{URL: at, Interval: -1}, "want at least 1m0s"},
		{"an interval of seconds", URLConfig{URL: at, Interval: 59 * time.Second}, "want at least 1m0s"},
		{"a negative duration", URLConfig{URL: at, Duration: -1}, "want at least 1m0s"},
		{"a duration that ends between two fetches", URLConfig{URL: at, Duration: 119 * time.Minute}, "want at least 2h0m0s"},
		{"a password alone", URLConfig{URL: at, Password: "s3cret"}, "without a user"},
		{"both ways to log in", URLConfig{URL: at, User: "u", Password: "s3cret", Key: "k"}, "not both"},
		{"a user with a colon", URLConfig{URL: at, User: "u:s3cret"}, "colon"},
		{"a password from a file, line end included", URLConfig{URL: at, User: "u", Password: "s3cret\n"}, "line end"},
		{"a key from a file, line end included", URLConfig{URL: at, Key: "s3cret\n"}, "line end"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := NewURL(row.cfg)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got %v; want %q", err, row.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v shows a secret", err)
			}
		})
	}
}

func TestNamesOfURLs(t *testing.T) {
	for _, row := range []struct{ name, url, give, wantName, wantLabel string }{
		{"none: host and file", "https://list.test/a/drop.txt?token=x#y", "", "list:list.test/drop.txt", "list.test/drop.txt"},
		{"none, and a folder", "https://list.test/a/", "", "list:list.test/a", "list.test/a"},
		{"none, and no path", "http://list.test:8080", "", "list:list.test:8080", "list.test:8080"},
		{"given", "https://list.test/", "mine", "mine", "mine"},
		{"given as it is by default", "https://list.test/", "list:mine", "list:mine", "mine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u, err := NewURL(URLConfig{URL: row.url, Name: row.give})
			must(t, err)
			if u.Name() != row.wantName || u.entry.Reason != row.wantLabel || u.entry.Origin != "lists:"+row.wantLabel {
				t.Errorf("name %q, entry %+v; want %q, %q", u.Name(), u.entry, row.wantName, row.wantLabel)
			}
		})
	}
}

// A tour is a world of servers that redirect: each URL leads to another one, or
// to a list where there is none. It keeps what was asked.
type tour struct {
	next  map[string]string
	asked []*http.Request
	open  int // answers that nobody has closed
}

// A tourBody is an answer's.
type tourBody struct {
	*strings.Reader
	tour *tour
}

func (b tourBody) Close() error {
	b.tour.open--
	return nil
}

func (w *tour) answer(r *http.Request) *http.Response {
	w.asked = append(w.asked, r)
	resp := &http.Response{StatusCode: 200, ProtoMajor: 1, ContentLength: 10, Header: http.Header{}}
	resp.Body = tourBody{strings.NewReader("192.0.2.1\n"), w}
	w.open++
	to, ok := w.next[r.URL.String()]
	switch {
	case to == "403":
		resp.StatusCode = http.StatusForbidden
	case ok:
		resp.StatusCode = http.StatusTemporaryRedirect
		resp.Header.Set("Location", to)
	}
	return resp
}

func TestRedirects(t *testing.T) {
	for _, row := range []struct {
		name string
		way  []string // the URLs, the list's first
		last bool     // the credentials reach the last one
		want string   // error; "": the list is read
	}{
		{"none", []string{"https://a.test/x"}, true, ""},
		{"on the same host", []string{"https://a.test/x", "https://a.test/y"}, true, ""},
		{"on the same host without https", []string{"http://a.test/x", "http://a.test/y"}, true, ""},
		{"on the same host to https", []string{"http://a.test/x", "https://a.test/x"}, true, ""},
		{"to another host", []string{"https://a.test/x", "https://b.test/x"}, false, ""},
		{"to a host below", []string{"https://a.test/x", "https://b.a.test/x"}, false, ""},
		{"to another port", []string{"https://a.test/x", "https://a.test:8443/x"}, false, ""},
		{"to another host's https", []string{"http://a.test/x", "https://b.test/x"}, false, ""},
		{"to another host that brings its own", []string{"https://a.test/x", "https://u:p@b.test/x"}, false, ""},
		{"five of them", []string{"https://a.test/1", "https://a.test/2", "https://b.test/3", "https://b.test/4", "https://c.test/5", "https://c.test/6"}, false, ""},
		{"six of them", []string{"https://a.test/1", "https://a.test/2", "https://a.test/3", "https://a.test/4", "https://a.test/5", "https://a.test/6", "https://a.test/7"}, true, "more than 5 times"},
		{"from https", []string{"https://a.test/x", "http://a.test/x"}, true, "from https to http://a.test/x"},
		{"from https by a detour", []string{"http://a.test/x", "https://a.test/x", "http://a.test/y"}, true, "from https to http://a.test/y"},
		{"to another host without https", []string{"http://a.test/x", "http://127.0.0.1:2019/stop"}, true, "to http://127.0.0.1:2019/stop, another host without https"},
		{"to another port without https", []string{"http://a.test/x", "http://a.test:2019/stop"}, true, "another host without https"},
		{"to a refusal", []string{"https://a.test/x", "https://b.test/x", "403"}, false, "redirected to https://b.test/x: status 403"},
		{"to what shows a secret", []string{"https://a.test/x", "http://b.test/p4ssword?p4ssword"}, true, "to http://b.test/…"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u, err := NewURL(URLConfig{URL: row.way[0], User: "u", Password: "p4ssword"})
			must(t, err)
			w := &tour{next: map[string]string{}}
			for i, to := range row.way[1:] {
				w.next[strings.Replace(row.way[i], "u:p@", "", 1)] = to
			}
			u.transport = roundTrip(w.answer)
			table := new(lookup.Table)
			newFetcher(u, table).poll(t.Context())
			err = u.Status().Err
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v; want %q", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "p4ssword") {
				t.Errorf("%v shows a secret", err)
			}
			if (table.Len() == 1) != (row.want == "") {
				t.Errorf("%d decisions", table.Len())
			}
			if w.open != 0 {
				t.Errorf("%d answers are left open", w.open)
			}
			for i, r := range w.asked {
				_, _, authorized := r.BasicAuth()
				if want := row.last || r.URL.Host == "a.test"; authorized != want {
					t.Errorf("%s was sent credentials: %t; want %t", r.URL, authorized, want)
				}
				if r.Header.Get("Referer") != "" {
					t.Errorf("request %d tells where it comes from", i)
				}
			}
		})
	}
}

// TestRealServers does without a bubble: real sockets and real TLS.
func TestRealServers(t *testing.T) {
	plain := httptest.NewServer(sends("192.0.2.9\n"))
	defer plain.Close()
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "" {
			t.Error("the key went to another host")
		}
		sends("192.0.2.1\n")(w, r)
	}))
	defer other.Close()
	var location string
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "k3y" {
			t.Errorf("key %q", r.Header.Get("X-Api-Key"))
		}
		http.Redirect(w, r, location, http.StatusFound)
	}))
	defer first.Close()

	for _, row := range []struct {
		name, to string
		trusted  bool // we know who has signed the servers' certificates
		want     string
	}{
		{"another host", other.URL, true, ""},
		{"another host without https", plain.URL, true, "from https to http"},
		{"a certificate of nobody's", other.URL, false, "certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			location = row.to
			u, err := NewURL(URLConfig{URL: first.URL + "/list", Key: "k3y"})
			must(t, err)
			if row.trusted {
				tr := newTransport(dial)
				tr.TLSClientConfig = first.Client().Transport.(*http.Transport).TLSClientConfig
				u.transport = tr
			}
			ctx, cancel := context.WithCancel(t.Context())
			table, done := new(lookup.Table), make(chan error, 1)
			go func() { done <- u.Run(ctx, table) }()
			defer func() { cancel(); <-done }()
			if row.want == "" {
				awaitOnly(t, table, "192.0.2.1")
				return
			}
			if err := awaitErr(t, u); !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v; want %q", err, row.want)
			}
			if table.Len() != 0 {
				t.Error("a list was read")
			}
		})
	}
}

// awaitErr waits until u has failed, and returns why.
func awaitErr(t *testing.T, u *URL) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if err := u.Status().Err; err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("no error after half a minute")
		}
	}
}
