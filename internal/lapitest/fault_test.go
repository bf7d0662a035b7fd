package lapitest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const oneBan = `"value":"192.0.2.1"`

// banned returns a fake with one decision and a client that has pulled nothing.
func banned(t *testing.T, gen Generation) (*Server, *client) {
	t.Helper()
	s := Start(t, Config{Generation: gen})
	s.Add(Decision{Value: "192.0.2.1"})
	return s, newClient(t, s)
}

func TestStatusFaults(t *testing.T) {
	tests := []struct {
		name   string
		fault  Fault
		status int
		header string // key: value
		body   string
	}{
		{"forbidden", Status(403, nil, `{"message":"access forbidden"}`), 403, "", "forbidden"},
		{"too many requests", Status(429, http.Header{"Retry-After": {"7"}}, ""), 429, "Retry-After: 7", ""},
		{"a proxy's page", Status(502, http.Header{"content-type": {"text/html"}}, "<html>Bad Gateway"), 502, "Content-Type: text/html", "<html>"},
		{"a redirect", Status(302, http.Header{"Location": {"/login"}}, ""), 302, "Location: /login", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := banned(t, New)
			c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			s.Inject(tt.fault)
			a := c.get("/v1/decisions/stream")
			key, value, _ := strings.Cut(tt.header, ": ")
			if a.status != tt.status || a.header.Get(key) != value || !strings.Contains(a.body, tt.body) {
				t.Errorf("got %d %v %q", a.status, a.header, a.body)
			}
			expect(t, c.pull(""), "ban 192.0.2.1", "") // once only, and the cursor has not moved
		})
	}
}

func TestFaultsThatSpoilABody(t *testing.T) {
	const garbage = "<!-- cached -->"
	tests := []struct {
		name  string
		fault Fault
		ok    func(answer) bool
	}{
		{"cut before the body", Cut(0), func(a answer) bool { return a.body == "" && errors.Is(a.err, io.ErrUnexpectedEOF) }},
		{"cut in the body", Cut(20), func(a answer) bool { return len(a.body) == 20 && errors.Is(a.err, io.ErrUnexpectedEOF) }},
		{"cut after the body", Cut(1 << 20), func(a answer) bool {
			return strings.Contains(a.body, oneBan) && strings.HasSuffix(a.body, "}") && errors.Is(a.err, io.ErrUnexpectedEOF)
		}},
		{"trailing garbage", Trailing(garbage), func(a answer) bool {
			return strings.HasSuffix(a.body, "}"+garbage) && strings.Contains(a.body, oneBan) && a.err == nil
		}},
		{"another body", Raw(`{"new":[{]}`), func(a answer) bool { return a.body == `{"new":[{]}` && a.err == nil }},
		{"a giant string", GiantString(1 << 20), func(a answer) bool {
			return len(a.body) > 1<<20 && len(parse[stream](t, a.body).New[0].Scenario) == 1<<20
		}},
	}
	for _, tt := range tests {
		for _, gen := range []Generation{Old, New} {
			t.Run(tt.name, func(t *testing.T) {
				s, c := banned(t, gen)
				s.AddKey(c.key) // a cursor that begins after the decision, in the old generation
				s.Add(Decision{Value: "192.0.2.1"})
				s.Inject(tt.fault)
				if a := c.get("/v1/decisions/stream"); a.status != http.StatusOK || !tt.ok(a) {
					t.Errorf("generation %d: got %d %.200q, %v", gen, a.status, a.body, a.err)
				}
				expect(t, c.pull(""), "", "") // the delta is lost
				expect(t, c.pull("startup=true"), "ban 192.0.2.1", "")
			})
		}
	}
}

func TestShort(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		c.pull("startup=true")
		s.Add(Decision{Value: "192.0.2.1"}, Decision{Value: "192.0.2.2"})
		s.SetBulk(Bulk{N: 10})
		s.InjectWhen(Startup, -1, Short(5))
		if got := c.pull("startup=true"); len(got.New) != 5 {
			t.Errorf("%d decisions, want 5", len(got.New))
		}
		if got := c.pull(""); len(got.New) != 12 { // the cursor has stayed, and a delta is no startup
			t.Errorf("%d decisions in the delta, want 12", len(got.New))
		}
		s.ClearFaults()
		s.Inject(Short(0))
		expect(t, c.pull("startup=true"), "", "")
		if got := c.pull("startup=true"); len(got.New) != 12 {
			t.Errorf("%d decisions after the fault, want 12", len(got.New))
		}
	})
}

func TestHangAndStall(t *testing.T) {
	for name, tt := range map[string]struct {
		fault Fault
		bytes int // of the body; -1: not even headers
	}{
		"hang":              {Hang(), -1},
		"stall at once":     {Stall(0), 0},
		"stall in the body": {Stall(20), 20},
		"stall at the end":  {Stall(1 << 20), len(`{"new": [], "deleted": []}`)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := StartPipe(t, Config{})
				s.Inject(tt.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+streamPath, http.NoBody)
				req.Header.Set("X-Api-Key", s.Key)
				begin := time.Now()
				resp, err := s.Transport().RoundTrip(req)
				var body []byte
				if err == nil {
					body, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Hour {
					t.Errorf("it ended after %v with %v", time.Since(begin), err)
				}
				if want := max(0, tt.bytes); len(body) != want || (resp == nil) != (tt.bytes < 0) {
					t.Errorf("%d bytes, want %d", len(body), want)
				}
			})
		})
	}
}

func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := StartPipe(t, Config{Generation: Old})
		c := newClient(t, s)
		tick := make(chan struct{})
		s.Inject(Trickle(tick))
		go func() {
			for range 10 {
				pass(time.Minute)
				tick <- struct{}{}
			}
			close(tick)
		}()
		begin := time.Now()
		expect(t, c.pull("startup=true"), "", "")
		if took := time.Since(begin); took != 10*time.Minute {
			t.Errorf("it took %v, want 10m", took)
		}
	})
}

func TestGzip(t *testing.T) {
	s, c := banned(t, New)
	tr := s.Transport()
	tr.DisableCompression = true
	c.http.Transport = tr
	s.InjectAlways(Gzip())
	if a := c.get("/v1/decisions/stream?startup=true"); a.header.Get("Content-Encoding") != "" || !strings.Contains(a.body, oneBan) {
		t.Errorf("a client that does not ask for it gets %q", a.header.Get("Content-Encoding"))
	}
	tr.DisableCompression = false // the transport asks for gzip, and unpacks
	expect(t, c.pull("startup=true"), "ban 192.0.2.1", "")

	const bomb = 8<<20 + 7
	s.ClearFaults()
	s.Inject(GzipBomb(bomb))
	tr.DisableCompression = true
	a := c.get("/v1/decisions/stream?startup=true")
	if a.header.Get("Content-Encoding") != "gzip" || len(a.body) > 1<<20 {
		t.Errorf("%q, %d bytes, want gzip and less than a MiB", a.header.Get("Content-Encoding"), len(a.body))
	}
	zr, err := gzip.NewReader(bytes.NewReader([]byte(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zr)
	if err != nil || len(plain) != bomb+len(`{"new": [], "deleted": []}`) {
		t.Errorf("it unpacks to %d bytes, %v", len(plain), err)
	}
	parse[stream](t, string(plain))
}

func TestFaultsComeInOrderAndElsewhere(t *testing.T) {
	s, c := banned(t, New)
	s.Inject(Status(500, nil, ""))
	s.InjectWhen(Path("/v1/decisions"), 2, Status(503, nil, ""))
	s.InjectAlways(Status(502, nil, ""))
	var got []int
	for _, path := range []string{streamPath, streamPath, streamPath, "/v1/decisions", "/v1/decisions", "/v1/decisions", "/health"} {
		got = append(got, c.get(path).status)
	}
	want := []int{500, 502, 502, 503, 503, 200, 200}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("statuses %v, want %v", got, want)
		}
	}
	s.ClearFaults()
	expect(t, c.pull("startup=true"), "ban 192.0.2.1", "")
}

func TestCloseEndsHangingRequests(t *testing.T) {
	s := Start(t, Config{})
	s.Inject(Hang())
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+streamPath, http.NoBody)
	tr := s.Transport()
	ended := make(chan error, 1)
	go func() {
		resp, err := tr.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		ended <- err
	}()
	if err := s.WaitRequests(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	if <-ended == nil {
		t.Error("a request was answered by a closed server")
	}
}
