package challenge

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestEveryKindOfClientGetsWhatItUnderstands(t *testing.T) {
	const (
		page    = "text/html"
		problem = "application/problem+json"
		chrome  = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	)
	type header = map[string]string
	p := pageOf(t, PageConfig{})
	for _, c := range []struct {
		name   string
		method string
		header header
		want   string
	}{
		{"a link", "GET", header{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": chrome}, page},
		{"a form", "POST", header{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": chrome}, page},
		{"a frame", "GET", header{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": chrome}, page},
		{"a link in an old browser", "GET", header{"Accept": chrome}, page},
		{"a look at the header of a page", "HEAD", header{"Accept": "text/html"}, page},
		{"fetch", "GET", header{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}, problem},
		{"fetch of HTML", "GET", header{"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": "text/html"}, problem},
		{"an XMLHttpRequest of an old browser", "GET", header{"Accept": chrome, "X-Requested-With": "XMLHttpRequest"}, problem},
		{"a beacon", "POST", header{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}, problem},
		{"an image", "GET", header{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/avif,*/*;q=0.8"}, problem},
		{"a style sheet", "GET", header{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style", "Accept": "text/css,*/*;q=0.1"}, problem},
		{"a script of type module", "GET", header{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script", "Accept": "*/*"}, problem},
		{"a WebSocket", "GET", header{"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "empty", "Connection": "Upgrade", "Upgrade": "websocket"}, problem},
		{"a WebSocket of an odd library", "GET", header{"Connection": "Upgrade", "Upgrade": "websocket", "Accept": chrome}, problem},
		{"an EventSource", "GET", header{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "text/event-stream"}, problem},
		{"an EventSource elsewhere", "GET", header{"Accept": "text/event-stream"}, problem},
		{"gRPC", "POST", header{"Content-Type": "application/grpc", "Te": "trailers"}, problem},
		{"an API client", "PUT", header{"Accept": "application/json"}, problem},
		{"a method that no link has", "DELETE", header{"Accept": chrome}, problem},
		{"curl", "GET", header{"Accept": "*/*"}, problem},
		{"a program that asks for text", "GET", header{"Accept": "text/plain"}, problem},
		{"nothing", "GET", nil, problem},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/", nil)
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			w := served(p, r, sample(t))
			if media, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")); media != c.want || w.Code != http.StatusForbidden {
				t.Errorf("%d %s, want 403 %s", w.Code, media, c.want)
			}
			if (w.Body.Len() == 0) != (c.method == http.MethodHead) {
				t.Errorf("a body of %d bytes", w.Body.Len())
			}
			checkHeader(t, w)
		})
	}
}

func checkHeader(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	h := w.Header()
	vary := ""
	if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		vary = "Accept-Language"
	}
	for name, want := range map[string]string{
		"X-Tocsin":               "challenge",
		"Cache-Control":          "private, no-store",
		"X-Content-Type-Options": "nosniff",
		"X-Robots-Tag":           "noindex",
		"Referrer-Policy":        "same-origin",
		"Set-Cookie":             "",
		"Location":               "",
		"Refresh":                "",
		"Clear-Site-Data":        "",
		"Vary":                   vary,
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if n := h.Get("Content-Length"); w.Body.Len() > 0 && n != fmt.Sprint(w.Body.Len()) {
		t.Errorf("Content-Length %s of %d bytes", n, w.Body.Len())
	}
	if policy := h.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.HasSuffix(policy, "; frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy %s", policy)
	}
}

func TestProblemSaysWhatToDo(t *testing.T) {
	c := sample(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var got map[string]any
	if err := json.Unmarshal(served(pageOf(t, PageConfig{Contact: "https://example.com/{ref}"}), r, c).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"type": "about:blank", "title": "Forbidden", "status": 403.0, "ref": c.Ref, "contact": "https://example.com/" + c.Ref,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if detail, _ := got["detail"].(string); !strings.Contains(detail, "in a new tab of your browser") || got["message"] != detail || strings.Contains(fmt.Sprint(got), c.Token) {
		t.Errorf("problem %v", got)
	}
}

func TestPolicyHasWhatAWidgetNeeds(t *testing.T) {
	const (
		embedded = "default-src 'none'; script-src 'nonce-N'; worker-src blob:; style-src 'sha256-H'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
		own      = "default-src 'none'; script-src 'nonce-N'; worker-src blob:; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	)
	widget := &Widget{Policy: map[string][]string{
		"script-src": {"https://a.example", "https://b.example"}, "frame-src": {"https://a.example"},
		"default-src": {"*"}, "base-uri": {"*"}, // a widget must not set these
	}}
	styled := &Widget{Policy: map[string][]string{"style-src": {unsafeInline, "https://a.example"}}}
	for _, c := range []struct {
		name   string
		widget *Widget
		styles string
		want   string
	}{
		{"the embedded challenge", nil, "'sha256-H'", embedded},
		{"the same on an own page", nil, unsafeInline, own},
		{
			"a widget", widget, "'sha256-H'",
			"default-src 'none'; script-src 'nonce-N' https://a.example https://b.example; worker-src blob:; style-src 'sha256-H' 'nonce-N'; img-src data:; connect-src 'self'; frame-src https://a.example; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		},
		{
			// Browsers ignore 'unsafe-inline' beside a hash or a nonce.
			"a widget that styles its elements", styled, "'sha256-H'",
			"default-src 'none'; script-src 'nonce-N'; worker-src blob:; style-src 'unsafe-inline' https://a.example; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sheet{challengeFor: challengeFor{Widget: c.widget}, nonce: "N"}
			if got := s.policy(c.styles, "'none'"); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// htmx shows nothing of a response with status 403: its user would wait forever.
func TestHtmxIsToldToLoadThePageAnew(t *testing.T) {
	for name, want := range map[string]string{"true": "true", "": "", "false": ""} {
		c := newClient(t, newGate(t, Config{}))
		r := c.request("GET", "")
		r.Header.Set("Sec-Fetch-Mode", "cors")
		r.Header.Set("HX-Request", name)
		w := newRecorder()
		c.gate.Challenge(w, r, c.visitor())
		if got := w.Header().Get("HX-Refresh"); got != want || w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("X-Tocsin") != "challenge" {
			t.Errorf("HX-Request %q: status %d, %v", name, w.Code, w.Header())
		}
	}
}

// Turbo ignores a response to a form or a frame that is not HTML, and repeats a visit
// as a plain navigation. So it gets HTML without a challenge, which makes it reload.
func TestTurboIsToldToLoadThePageAnew(t *testing.T) {
	const visit = "text/html, application/xhtml+xml"
	for _, row := range []struct {
		name    string
		header  map[string]string
		reloads bool
	}{
		{"a form", map[string]string{"Accept": "text/vnd.turbo-stream.html, " + visit, "X-Turbo-Request-Id": "1"}, true},
		{"a frame", map[string]string{"Accept": visit, "Turbo-Frame": "box", "X-Turbo-Request-Id": "1"}, true},
		{"a visit", map[string]string{"Accept": visit, "X-Turbo-Request-Id": "1"}, false},
		{"another script", map[string]string{"Accept": "*/*"}, false},
	} {
		c := newClient(t, newGate(t, Config{}))
		r := c.request("GET", "")
		r.Header.Set("Sec-Fetch-Mode", "cors")
		for name, value := range row.header {
			r.Header.Set(name, value)
		}
		w := newRecorder()
		c.gate.Challenge(w, r, c.visitor())
		body, isHTML := w.Body.String(), w.Header().Get("Content-Type") == "text/html; charset=utf-8"
		if w.Code != http.StatusForbidden || w.Header().Get("X-Tocsin") != "challenge" || isHTML != row.reloads {
			t.Errorf("%s: status %d, %v", row.name, w.Code, w.Header())
		}
		if has := strings.Contains(body, `name="turbo-visit-control" content="reload"`) && strings.Contains(body, `http-equiv="refresh" content="0"`); has != row.reloads || strings.Contains(body, "<script") {
			t.Errorf("%s: %s", row.name, body)
		}
	}
}
