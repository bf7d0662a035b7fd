package appsec

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

func TestWhatAnswersMean(t *testing.T) {
	none, ban, captcha := lookup.None, lookup.Ban, lookup.Captcha
	tests := []struct {
		name   string
		code   int
		body   string
		action lookup.Action
		status int
		failed Failure // the value failures: none
	}{
		{"allow", 200, `{"action":"allow","http_status":200}`, none, 0, failures},
		{"allow with another code", 403, `{"action":"allow","http_status":200}`, none, 0, failures},
		{"allow without a body", 200, ``, none, 0, failures},
		{"allow with a code that has no body", 204, ``, none, 0, failures},
		{"ban", 403, `{"action":"ban","http_status":403}`, ban, 403, failures},
		{"ban with the code of those that pass", 200, `{"action":"ban","http_status":403}`, ban, 403, failures},
		{"ban with a code for errors", 500, `{"action":"ban","http_status":403}`, ban, 403, failures},
		{"ban with the code of a bad key", 401, `{"action":"ban","http_status":401}`, ban, 401, failures},
		{"ban in capitals, with more around", 403, " {\"http_status\":429, \"action\":\"BAN\", \"new\":[1]}\n", ban, 429, failures},
		{"ban without a status", 403, `{"action":"ban"}`, ban, 403, failures},
		{"ban with a status that lets pass", 403, `{"action":"ban","http_status":200}`, ban, 403, failures},
		{"a ban with an invalid status", 403, `{"action":"ban","http_status":999}`, ban, 403, failures},
		{"ban with a status that is a word", 200, `{"action":"ban","http_status":"403"}`, ban, 403, failures},
		{"captcha", 403, `{"action":"captcha","http_status":429}`, captcha, 429, failures},
		{"an unknown action", 403, `{"action":"tarpit","http_status":418}`, ban, 418, failures},
		{"an unknown action with the code of those that pass", 200, `{"action":"none"}`, ban, 403, failures},
		{"403 without a body", 403, ``, ban, 403, failures},
		{"403 with garbage", 403, `<html>`, ban, 403, failures},
		{"403 with JSON and no action", 403, `{"message":"no"}`, ban, 403, failures},
		{"403 with an action that is no word", 403, `{"action":["allow"]}`, ban, 403, failures},
		{"403 with half an answer", 403, `{"action":"allow","http`, ban, 403, failures},
		{"403 with two answers", 403, `{"action":"allow"}{"action":"ban"}`, ban, 403, failures},
		{"a page of some other server", 200, `<html>It works!`, none, 0, BadAnswer},
		{"200 with JSON and no action", 200, `{"status":"ok"}`, none, 0, BadAnswer},
		{"200 with null", 200, `null`, none, 0, BadAnswer},
		{"a redirect", 302, ``, none, 0, BadAnswer},
		{"not found", 404, `404 page not found`, none, 0, BadAnswer},
		{"a bad key", 401, ``, none, 0, Unauthorized},
		{"an error", 500, ``, none, 0, ServerError},
		{"a gateway's error", 502, `<html>`, none, 0, ServerError},
	}
	for _, tt := range tests {
		c := answering(t, tt.code, tt.body).client(t, Config{})
		v := get(t, c, "/")
		if v.Action != tt.action || v.Status != tt.status {
			t.Errorf("%s: %+v", tt.name, v)
		}
		s := c.Stats()
		for kind, n := range s.Failed {
			if n != 0 && Failure(kind) != tt.failed {
				t.Errorf("%s: counted as %v", tt.name, Failure(kind))
			}
		}
		if tt.failed < failures && (s.Failed[tt.failed] != 1 || v.Reason == "" || v.Answered) {
			t.Errorf("%s: %+v, %+v", tt.name, v, s)
		}
	}
}

func TestFallback(t *testing.T) {
	for name, body := range map[string]string{
		"an unknown word":              `{"action":"tarpit"}`,
		"a long one":                   `{"action":"` + strings.Repeat("x", 1000) + `"}`,
		"a challenge of a wrong type":  `{"action":"challenge","user_headers":"Location: /"}`,
		"a cookie with a line end":     `{"action":"challenge","user_cookies":["a=b\r\nSet-Cookie: c=d"]}`,
		"a header with a line end":     `{"action":"challenge","user_headers":{"X":["a\nb"]}}`,
		"a header that is no name":     `{"action":"challenge","user_headers":{"X Y":["a"]}}`,
		"more cookies than there are":  `{"action":"challenge","user_cookies":[` + strings.Repeat(`"a=b",`, 256) + `"c=d"]}`,
		"more of a header than serves": `{"action":"challenge","user_headers":{"X":["` + strings.Repeat("x", 262_144) + `"]}}`,
	} {
		c := answering(t, 403, body).client(t, Config{Fallback: lookup.Captcha})
		v := get(t, c, "/")
		if v.Action != lookup.Captcha || v.Relay != nil || v.Status != 403 || !v.Answered || len(v.Reason) > 100 {
			t.Errorf("%s: %+v", name, v)
		}
		if s := c.Stats(); s.Unknown != 1 || s.Stopped[lookup.Captcha] != 1 || s.Challenged != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// relayed returns the response to a visitor for an answer of AppSec.
func relayed(t *testing.T, body string, in inspect.Details, method string) *httptest.ResponseRecorder {
	t.Helper()
	c := answering(t, 403, body).client(t, Config{})
	v := judge(t, c, httptest.NewRequest("GET", "/", nil), in)
	if v.Relay == nil || v.Action != lookup.Captcha || v.Status != v.Relay.(*Relay).Status || c.Stats().Challenged != 1 {
		t.Fatalf("%+v", v)
	}
	w := httptest.NewRecorder()
	v.Relay.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
	return w
}

func TestAChallengeIsRelayed(t *testing.T) {
	page := "<html>" + strings.Repeat("é<\\u", 50_000) // about 250 kB
	cookies := make([]string, 60)
	for i := range cookies {
		cookies[i] = `"c` + strings.Repeat("x", i) + `=1; Path=/; HttpOnly"`
	}
	body := `{"action":"challenge","http_status":200,"user_body_content":` + quote(page) + `,
		"user_headers":{"Content-Type":["text/html"],"cache-control":["no-cache, no-store"],"X-Twice":["1","2"]},
		"user_cookies":[` + strings.Join(cookies, ",") + `]}`
	resp := relayed(t, body, inspect.Details{}, "GET")
	if resp.Body.String() != page || resp.Code != 200 {
		t.Errorf("%d, %d bytes", resp.Code, resp.Body.Len())
	}
	h := resp.Header()
	if h.Get("Content-Type") != "text/html" || h.Get("Cache-Control") != "no-cache, no-store" || !slices.Equal(h["X-Twice"], []string{"1", "2"}) ||
		len(h["Set-Cookie"]) != 60 || h["Set-Cookie"][59] != "c"+strings.Repeat("x", 59)+"=1; Path=/; HttpOnly" {
		t.Errorf("%v", h)
	}
	if resp := relayed(t, body, inspect.Details{}, "HEAD"); resp.Body.Len() != 0 || resp.Header().Get("Content-Length") != strconv.Itoa(len(page)) {
		t.Errorf("HEAD: %+v", resp)
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `<`, `\u003c`).Replace(s) + `"`
}

func TestARedirectIsRelayed(t *testing.T) {
	resp := relayed(t, `{"action":"challenge","http_status":307,"user_headers":{"Location":["/next"]},"user_cookies":["__crowdsec_challenge=x; Path=/"]}`,
		inspect.Details{Secure: true}, "POST")
	if resp.Code != 307 || resp.Header().Get("Location") != "/next" || resp.Header().Get("Cache-Control") != "no-store" ||
		resp.Header().Get("Set-Cookie") != "__crowdsec_challenge=x; Path=/; Secure" {
		t.Errorf("%d %v", resp.Code, resp.Header())
	}
}

func TestARelayKeepsItsHandsOffTheConnection(t *testing.T) {
	resp := relayed(t, `{"action":"challenge","http_status":101,"user_body_content":"ok","user_headers":{"Connection":["Upgrade"],"upgrade":["x"],
		"Content-Length":["99"],"Transfer-Encoding":["chunked"],"X-Accel-Redirect":["/secret"],"X-Sendfile":["/etc/passwd"],"X-Fine":["1"],
		"Set-Cookie":["a=b"]}}`, inspect.Details{Secure: true}, "GET")
	if resp.Code != 200 || len(resp.Header()) != 4 || resp.Header().Get("X-Fine") != "1" || resp.Header().Get("Content-Length") != "2" ||
		resp.Header().Get("Set-Cookie") != "a=b; Secure" {
		t.Errorf("%d %v", resp.Code, resp.Header())
	}
}

func TestCookiesAreSecureOnce(t *testing.T) {
	for cookie, want := range map[string]string{
		"a=b":                    "a=b; Secure",
		"a=b; ":                  "a=b; Secure",
		"a=b; Path=/; secure":    "a=b; Path=/; secure",
		"a=b;Secure; Max-Age=1":  "a=b;Secure; Max-Age=1",
		"a=secure; Path=/secure": "a=secure; Path=/secure; Secure",
		"Secure":                 "Secure; Secure",
	} {
		if got := addSecure(cookie); got != want {
			t.Errorf("%q: %q", cookie, got)
		}
	}
}

func TestInternalPagesAreNeverTheSites(t *testing.T) {
	const page = "/crowdsec-internal/challenge/submit"
	v := get(t, newFake(t, nil).client(t, Config{}), page)
	if v.Action != lookup.Ban || v.Status != 404 || v.Answered {
		t.Errorf("AppSec knows of no challenge: %+v", v)
	}
	c := answering(t, 500, "").client(t, Config{})
	if v := get(t, c, page); v.Action != lookup.Ban || v.Status != 503 || v.Answered {
		t.Errorf("AppSec fails: %+v", v)
	}
	c = answering(t, 403, `{"action":"challenge","user_body_content":"{\"status\":\"ok\"}"}`).client(t, Config{})
	if v := get(t, c, page); v.Relay == nil || v.Relay.(*Relay).Body != `{"status":"ok"}` {
		t.Errorf("AppSec answers: %+v", v)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"allow", "ban", "ban-418", "captcha", "custom-action"} {
		f.Add(200, []byte(readFile(f, name+".json")), false)
	}
	f.Add(403, []byte(`{"action":"challenge","http_status":307,"user_headers":{"Location":["/"]},"user_cookies":["a=b; Path=/"],"user_body_content":"x"}`), true)
	f.Add(403, []byte("garbage"), false)
	f.Add(401, []byte(`{"action":"challenge","user_headers":{"A\r\n":["b"]}}`), true)
	c, err := New(Config{URL: "http://127.0.0.1:1", Key: "k"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, code int, body []byte, secure bool) {
		a := parseAnswer(code, body)
		_, err := a.check()
		if code == http.StatusForbidden && err != nil {
			t.Fatal("a 403 is a stop or says otherwise")
		}
		if err != nil {
			return
		}
		v := c.translate(&question{secure: secure}, a)
		if v.Action == lookup.None && a.Action != "allow" {
			t.Fatalf("%q lets pass", a.Action)
		}
		if v.Action != lookup.None && v.Relay == nil && (v.Status < 400 || v.Status > 599) {
			t.Fatalf("status %d", v.Status)
		}
		if v.Relay == nil {
			return
		}
		w := httptest.NewRecorder()
		v.Relay.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		for name, values := range w.Result().Header {
			if !isToken(name) || !isRelayed(name) && name != "Content-Length" || strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
				t.Fatalf("header %q: %q", name, values)
			}
		}
		for _, cookie := range w.Result().Header["Set-Cookie"] {
			if secure && !strings.Contains(strings.ToLower(cookie), "secure") {
				t.Fatalf("cookie %q", cookie)
			}
		}
	})
}
