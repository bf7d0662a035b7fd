package middleware

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/hubsuite"
	"github.com/tocsin-project/tocsin/lookup"
)

// A replay is a site that answers like the recorded one, at the recorded times, with a
// detector that observes. It stops no request.
type replay struct {
	url    string
	client *http.Client // for HTTP/2

	mu       sync.Mutex
	detector *detect.Detector
	now      *hubsuite.Recording
	alerts   []event.Alert
	judged   int // responses
}

func newReplay(t *testing.T) *replay {
	p := new(replay)
	m := mustNew(t, Config{Lookup: nothing, Observe: p, ClientIP: ForwardedFor(prefixes("127.0.0.1/32")...)})
	srv := httptest.NewUnstartedServer(m.Handler(p))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	p.url = srv.URL
	h2 := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	p.client = &http.Client{Transport: h2}
	t.Cleanup(h2.CloseIdleConnections)
	return p
}

// ServeHTTP is the site.
func (p *replay) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now.Auth != "" {
		w.Header().Set("WWW-Authenticate", p.now.Auth)
	}
	w.WriteHeader(p.now.Status)
}

// Request implements [Observer].
func (p *replay) Request(e *event.Event) (lookup.Decision, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Time = p.now.Time
	if p.now.Host == "" { // not recorded, so that nothing tells a Referer of the site's own
		e.Attribution = event.Own
	}
	p.alerts = append(p.alerts, p.detector.Request(e)...)
	return lookup.Decision{}, false
}

// Response implements [Observer].
func (p *replay) Response(e *event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Ended = p.now.Time
	p.alerts = append(p.alerts, p.detector.Response(e)...)
	p.judged++
}

// run sends requests, one after the other, and returns the alerts of the
// scenarios named, or of all.
func (p *replay) run(t *testing.T, rules *detect.Rules, requests []*hubsuite.Recording, names ...string) (all []hubsuite.Overflow) {
	t.Helper()
	p.mu.Lock()
	p.detector, p.alerts, p.judged = detect.New(detect.Config{Rules: rules}), nil, 0
	p.mu.Unlock()
	for i, r := range requests {
		p.mu.Lock()
		p.now = r
		p.mu.Unlock()
		status, err := p.send(t.Context(), r)
		if err != nil || status != r.Status {
			t.Errorf("%s %q: status %d, %v", r.Method, r.URI, status, err)
		}
		p.mu.Lock()
		if p.judged != i+1 {
			t.Fatalf("%s %q: %d requests observed of %d", r.Method, r.URI, p.judged, i+1)
		}
		p.mu.Unlock()
	}
	for _, a := range p.alerts {
		if len(names) == 0 || slices.Contains(names, a.Scenario) {
			all = append(all, hubsuite.Overflow{Scenario: a.Scenario, Source: a.Client, Count: a.Count, Remediation: a.Remediation})
		}
	}
	return all
}

// send sends r as it was recorded, byte for byte where the version allows, and
// returns the status of the answer. The observer has been told by then: an answer
// that fits into one buffer is sent when all handlers are done.
func (p *replay) send(ctx context.Context, r *hubsuite.Recording) (int, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, p.url, http.NoBody)
	if err != nil {
		return 0, err
	}
	if r.Proto == "HTTP/2.0" {
		return p.sendHTTP2(req, r)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", req.URL.Host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(conn, "%s %s %s\r\nHost: %s\r\nX-Forwarded-For: %v\r\n%s%s\r\n",
		r.Method, r.URI, r.Proto, r.Host, r.IP, field("User-Agent", r.UA), field("Referer", r.Referer))
	if err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// field returns a line of a head, or nothing if it has no value.
func field(name, value string) string {
	if value == "" {
		return ""
	}
	return name + ": " + value + "\r\n"
}

func (p *replay) sendHTTP2(req *http.Request, r *hubsuite.Recording) (int, error) {
	path, query, _ := strings.Cut(r.URI, "?")
	req.URL.Opaque, req.URL.RawQuery, req.Host = path, query, r.Host
	req.Header = http.Header{"X-Forwarded-For": {r.IP.String()}, "User-Agent": {r.UA}}
	if r.Referer != "" {
		req.Header.Set("Referer", r.Referer)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// What CrowdSec makes of the requests of an access log, the middleware makes of
// the requests themselves, as far as a server of net/http lets them through. The
// suite of CrowdSec's hub is in the folder that TOCSIN_HUB_SUITE names.
func TestTheHubSuiteThroughAServer(t *testing.T) {
	hub := newHub(t, filepath.Join(hubsuite.Dir(t), "_hub"))
	p := newReplay(t)
	for _, x := range hubsuite.Tests(t) {
		t.Run(x.Name, func(t *testing.T) {
			requests := x.Reachable()
			alone := p.run(t, hub.only(t, x.Scenarios), requests, x.Scenarios...)
			if got, want := hubsuite.Lines(alone, false), hubsuite.Lines(x.ReachableOverflows, false); !slices.Equal(got, want) {
				t.Errorf("alone:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			got, want := hubsuite.Lines(p.run(t, hub.rules, requests), false), hubsuite.Lines(x.ReachableAll, false)
			if !slices.Equal(got, want) {
				t.Errorf("with all scenarios:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// A hub is a folder of scenarios and their lists.
type hub struct {
	dir   string
	rules *detect.Rules     // all of them
	files map[string]string // in which a scenario is
}

func newHub(t *testing.T, dir string) *hub {
	t.Helper()
	h := &hub{dir: dir, files: map[string]string{}}
	h.rules = h.load(t, filepath.Join(dir, "scenarios"))
	for _, s := range h.rules.Scenarios() {
		file, _, _ := strings.Cut(s.File, ":")
		h.files[s.Name] = file
	}
	return h
}

func (h *hub) load(t *testing.T, paths ...string) *detect.Rules {
	t.Helper()
	rules, err := detect.Load(detect.LoadConfig{Paths: paths, Data: filepath.Join(h.dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// only returns the rules of the files with these scenarios.
func (h *hub) only(t *testing.T, names []string) *detect.Rules {
	t.Helper()
	var files []string
	for _, name := range names {
		file, ok := h.files[name]
		if !ok {
			t.Fatalf("the hub has no scenario %s", name)
		}
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return h.load(t, files...)
}
