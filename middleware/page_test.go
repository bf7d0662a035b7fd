package middleware

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

func mustPage(t *testing.T, cfg PageConfig) *Page {
	t.Helper()
	p, err := NewPage(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answer sends a request with an Accept header and the stop s to h.
func answer(h http.Handler, method, accept string, s *Stop) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/<script>alert(1)</script>?q=<b>", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", "<script>alert(2)</script>")
	if s != nil {
		r = r.WithContext(NewContext(r.Context(), s))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func stopOf(a lookup.Action) *Stop {
	ip := netip.MustParseAddr("192.0.2.1")
	return newStop(lookup.Decision{
		Prefix: netip.PrefixFrom(ip, 32), Action: a, Origin: "lists:secret-list", Reason: "secret/scenario",
		Until: time.Now().Add(90 * time.Second),
	}, ip)
}

func TestPageAnswersInTheClientsForm(t *testing.T) {
	page := mustPage(t, PageConfig{})
	for _, c := range []struct {
		name   string
		accept string
		action lookup.Action
		media  string
		status int
	}{
		{"a ban as HTML", "text/html", lookup.Ban, "text/html", 403},
		{"a ban as JSON", "application/json", lookup.Ban, "application/problem+json", 403},
		{"a ban as text", "*/*", lookup.Ban, "text/plain", 403},
		{"a captcha as HTML", "text/html", lookup.Captcha, "text/html", 403},
		{"a throttle as HTML", "text/html", lookup.Throttle, "text/html", 429},
		{"a throttle as JSON", "application/json", lookup.Throttle, "application/problem+json", 429},
		{"a throttle as text", "", lookup.Throttle, "text/plain", 429},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := stopOf(c.action)
			w := answer(page, http.MethodGet, c.accept, s)
			body := w.Body.String()
			if media, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")); media != c.media || w.Code != c.status {
				t.Errorf("%d %s, want %d %s", w.Code, media, c.status, c.media)
			}
			if !strings.Contains(body, s.Ref) {
				t.Errorf("no reference %s in %s", s.Ref, body)
			}
			for _, secret := range []string{"secret", "alert", "192.0.2.1"} {
				if strings.Contains(body, secret) {
					t.Errorf("%q shows in %s", secret, body)
				}
			}
			checkHeader(t, w, c.status)
		})
	}
}

func checkHeader(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	retry := ""
	if status == http.StatusTooManyRequests {
		retry = "90"
	}
	vary, lang, referrer, policy := "", "", "", ""
	if w.Header().Get("Content-Type") == "text/html; charset=utf-8" {
		vary, lang, referrer, policy = "Accept-Language", "en", "no-referrer", "default-src 'none'"
	}
	for name, want := range map[string]string{
		"Cache-Control":          "private, no-store",
		"X-Content-Type-Options": "nosniff",
		"X-Robots-Tag":           "noindex",
		"Referrer-Policy":        referrer,
		"Retry-After":            retry,
		"Content-Length":         fmt.Sprint(w.Body.Len()),
		"Vary":                   vary,
		"Content-Language":       lang,
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if p, _, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), ";"); p != policy {
		t.Errorf("Content-Security-Policy begins with %q, want %q", p, policy)
	}
}

func TestProblemIsRFC9457(t *testing.T) {
	s := stopOf(lookup.Throttle)
	w := answer(mustPage(t, PageConfig{}), http.MethodGet, "application/json", s)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"type": "about:blank", "title": "Too Many Requests", "status": 429.0, "ref": s.Ref, "retry_after": 90.0,
		"detail":  "Too many requests came from your network address. You can try again in 2 minutes.",
		"message": "Too many requests came from your network address. You can try again in 2 minutes.",
		"time":    s.Time.UTC().Format(time.RFC3339),
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestPageIsSmallAndSelfContained(t *testing.T) {
	w := answer(mustPage(t, PageConfig{}), http.MethodGet, "text/html", stopOf(lookup.Ban))
	body := w.Body.Bytes()
	if len(body) > 4000 {
		t.Errorf("the page has %d bytes", len(body))
	}
	for _, want := range []string{`lang="en"`, `name="viewport"`, "color-scheme:light dark", "prefers-color-scheme:dark"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("no %s in the page", want)
		}
	}
	if m := regexp.MustCompile(`https?:|<script|@import|url\(|src=|{{`).Find(body); m != nil {
		t.Errorf("the page has %s", m)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindSubmatch(body)
	sum := sha256.Sum256(style[1])
	hash := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
	if p := w.Header().Get("Content-Security-Policy"); !strings.Contains(p, hash) {
		t.Errorf("Content-Security-Policy %q, want one with %q", p, hash)
	}
}

func TestPageHasTheOperatorsTitleContactAndColour(t *testing.T) {
	page := mustPage(t, PageConfig{Title: "Closed <for> you", Contact: "abuse@example.com", Accent: "#060"})
	s := stopOf(lookup.Ban)
	contact := "mailto:abuse@example.com?subject=%5B" + s.Ref + "%5D"
	for accept, want := range map[string][]string{
		"text/html": {
			"<h1>Closed &lt;for&gt; you</h1>", "--mark:#006600", ">abuse@example.com</a>",
			`<a href="` + strings.NewReplacer("%5B", "%5b", "%5D", "%5d").Replace(contact) + `">`,
		},
		"application/json": {`"contact":"` + contact + `"`},
		"text/plain":       {"403 Closed <for> you\n", "\nContact: " + contact + "\n"},
	} {
		body := answer(page, http.MethodGet, accept, s).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) && !strings.Contains(body, strings.NewReplacer("%5b", "%5B", "%5d", "%5D").Replace(w)) {
				t.Errorf("%s: no %s in %s", accept, w, body)
			}
		}
	}
	if body := answer(page, http.MethodGet, "text/html", stopOf(lookup.Throttle)).Body.String(); !strings.Contains(body, "<h1>Too many requests</h1>") {
		t.Errorf("a throttled client reads %s", body)
	}
	for _, cfg := range []PageConfig{{Contact: "javascript:alert(1)"}, {Accent: "red"}} {
		if _, err := NewPage(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

func TestPageWithoutAStopStillStops(t *testing.T) {
	if w := answer(mustPage(t, PageConfig{}), http.MethodGet, "text/html", nil); w.Code != 403 {
		t.Errorf("status %d, want 403", w.Code)
	}
}

func TestOwnTemplate(t *testing.T) {
	s := stopOf(lookup.Ban)
	s.Decision.Reason = `<img src=x onerror="alert(1)">`
	page := mustPage(t, PageConfig{Contact: "https://example.com/help", Template: "<style>p{}</style><p title='{{.Decision.Origin}}'>{{.Title}} {{.Status}} {{.Ref}} {{.Client}} {{.Decision.Reason}} {{.Contact}} {{.ContactText}}"})
	w := answer(page, http.MethodGet, "text/html", s)
	want := "<style>p{}</style><p title='lists:secret-list'>Access denied 403 " + s.Ref +
		" 192.0.2.1 &lt;img src=x onerror=&#34;alert(1)&#34;&gt; https://example.com/help example.com/help"
	if got := w.Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p := w.Header().Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'; style-src 'unsafe-inline';") {
		t.Errorf("Content-Security-Policy %q", p)
	}
}

func TestNewPageRefuses(t *testing.T) {
	for _, c := range []struct{ name, template, want string }{
		{"a template that cannot be parsed", "<p>\n{{if}}", "banned.html:2"},
		{"a field that does not exist", "<p>\n\n{{.Reason}}", "banned.html:3"},
		{"a field that does not exist, for throttled clients only", "<p>{{if eq .Status 429}}{{.Nope}}{{end}}", "banned.html:1"},
		{"what fails when a decision has no reason", `<p>{{slice .Decision.Reason 0 5}}`, "banned.html:1"},
		{"a template that calls itself for ever", `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, "banned.html:1"},
		{"HTML that cannot be escaped safely", "<p>\n<a href='{{if .Ref}}x'{{end}}>", "banned.html:2"},
		{"only space", " \n ", "banned.html renders nothing"},
		{"nothing for throttled clients", "{{if eq .Status 403}}x{{end}}", "for status 429: banned.html renders nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewPage(PageConfig{Template: c.template, Name: "banned.html"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTheStopStandsIfTheTemplateFailsLater(t *testing.T) {
	log, logs := recorded(zap.InfoLevel)
	page := mustPage(t, PageConfig{Template: `<p>{{if gt (len .Decision.Reason) 100}}{{slice .Decision.Reason 0 1000}}{{end}}`, Logger: log})
	s := stopOf(lookup.Ban)
	s.Decision.Reason = strings.Repeat("x", 101)
	for range 2 {
		w := answer(page, http.MethodGet, "text/html", s)
		if w.Code != 403 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(w.Body.String(), s.Ref) {
			t.Errorf("got %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["ref"] != s.Ref {
		t.Errorf("logged %v, want one line", logs.All())
	}
}

// stopping is a server on which all clients are banned.
func stopping(t *testing.T) *httptest.Server {
	t.Helper()
	m := mustNew(t, Config{Lookup: in(table(t, "127.0.0.0/8 ban", "::1 ban"))})
	srv := httptest.NewServer(m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a banned client passed")
	})))
	t.Cleanup(srv.Close)
	return srv
}

func TestHEADGetsTheSameHeadersWithoutABody(t *testing.T) {
	page := mustPage(t, PageConfig{})
	s := stopOf(lookup.Ban)
	for _, accept := range []string{"text/html", "application/json", "*/*"} {
		get, head := answer(page, http.MethodGet, accept, s), answer(page, http.MethodHead, accept, s)
		if head.Body.Len() != 0 {
			t.Errorf("%s: HEAD got a body of %d bytes", accept, head.Body.Len())
		}
		for name := range get.Header() {
			if g, h := get.Header().Get(name), head.Header().Get(name); g != h {
				t.Errorf("%s: %s is %q for GET and %q for HEAD", accept, name, g, h)
			}
		}
	}
}

func TestAStopLeavesTheConnectionOpen(t *testing.T) {
	srv := stopping(t)
	reused := false
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		req, err := http.NewRequest(method, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }}
		res, err := srv.Client().Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 403 || (len(body) == 0) != (method == http.MethodHead) || res.ContentLength < 1 {
			t.Errorf("%s: %d, %d bytes of %d, %v", method, res.StatusCode, len(body), res.ContentLength, err)
		}
	}
	if !reused {
		t.Error("the second request needed a connection of its own")
	}
}

func TestAStopDoesNotAskForTheBody(t *testing.T) {
	srv := stopping(t)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 403 ") {
		t.Errorf("first line %q, %v; want a 403", line, err)
	}
}
