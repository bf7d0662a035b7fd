package challenge

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	secretA = bytes.Repeat([]byte("a"), 32)
	secretB = bytes.Repeat([]byte("b"), 32)
)

func newKeys(t testing.TB, secrets ...[]byte) *Keyring {
	t.Helper()
	keys, err := NewKeyring(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// newGate returns a gate with secret A if c has no keys.
func newGate(t testing.TB, c Config) *Gate {
	t.Helper()
	if c.Keys == nil {
		c.Keys = newKeys(t, secretA)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A client is a browser. newClient fills in the zero fields.
type client struct {
	t      testing.TB
	gate   *Gate
	url    string
	agent  string
	addr   netip.Addr
	since  time.Time
	cookie string // the browser's Cookie header
	header http.Header
}

func newClient(t testing.TB, g *Gate) client {
	return client{
		t: t, gate: g, url: "https://shop.example/cart?item=1", agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/147.0",
		addr: netip.MustParseAddr("192.0.2.1"),
	}
}

func (c client) visitor() Visitor { return Visitor{Addr: c.addr, Since: c.since, Ref: "ref"} }

func (c client) request(method, body string) *http.Request {
	r := httptest.NewRequest(method, c.url, strings.NewReader(body))
	r.RequestURI = r.URL.RequestURI() // as in requests that a server reads
	maps.Copy(r.Header, c.header)
	r.Header.Set("User-Agent", c.agent)
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	return r
}

func (c client) judge() Verdict {
	return c.gate.Judge(c.request("GET", ""), c.visitor())
}

// challenged returns a challenge for c.
func (c client) challenged() challengeFor {
	return c.gate.issue(c.request("GET", ""), challengeFor{Visitor: c.visitor()})
}

// A reply is the response to an answer.
type reply struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
}

// answer posts an answer that is due.
func (c client) answer(token, body string) reply {
	r := c.request("POST", body)
	r.Header.Set(answerHeader, token)
	return c.send(r, true)
}

func (c client) send(r *http.Request, due bool) reply {
	c.t.Helper()
	if !c.gate.Answering(r) {
		c.t.Fatal("the answer is not recognized: the application would see it")
	}
	w := httptest.NewRecorder()
	solved := c.gate.Answer(w, r, c.visitor(), due)
	got := reply{status: w.Code, header: w.Header()}
	for _, line := range got.header["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			c.t.Fatal(err)
		}
		got.cookies = append(got.cookies, cookie)
	}
	if len(got.cookies) > 0 != solved {
		c.t.Errorf("Answer says that the challenge is solved: %t; the cookies are %v", solved, got.cookies)
	}
	return got
}

// solution returns the right solution of a token's puzzle. It computes it with the key,
// to save time.
func (c client) solution(text string) string {
	c.t.Helper()
	t, ok := parseToken(text)
	b := c.gate.bindingOf(c.request("GET", ""), networkOf(c.addr))
	k := c.gate.keys.open(t, &b)
	if !ok || k == nil {
		c.t.Fatalf("%q is no token for this client", text)
	}
	p := k.pose(t)
	return payload(solution{p.counter, hex.EncodeToString(p.answer[:])})
}

func payload(s solution) string {
	text, err := json.Marshal(map[string]any{"solution": s})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// solve gets a challenge for c, solves it, and returns c with the pass.
func (c client) solve() client {
	c.t.Helper()
	token := c.challenged().Token
	return c.with(c.answer(token, c.solution(token)))
}

// with returns c with the pass from a reply.
func (c client) with(got reply) client {
	c.t.Helper()
	if got.status != http.StatusNoContent || len(got.cookies) != 1 {
		c.t.Fatalf("the answer earned %d and %d cookies; want 204 and one", got.status, len(got.cookies))
	}
	set := got.cookies[0]
	c.cookie = set.Name + "=" + set.Value
	return c
}

// pass returns the token in the cookie of c.
func (c client) pass() string {
	_, value, _ := strings.Cut(c.cookie, "=")
	return value
}

// withPass returns c with another token in its cookie.
func (c client) withPass(token string) client {
	name, _, _ := strings.Cut(c.cookie, "=")
	c.cookie = name + "=" + token
	return c
}

// resealed returns the token in text with a change, signed by k for c.
func (c client) resealed(k *key, text string, change func(*token)) string {
	c.t.Helper()
	t, ok := parseToken(text)
	if !ok {
		c.t.Fatalf("%q is no token", text)
	}
	change(&t)
	b := c.gate.bindingOf(c.request("GET", ""), networkOf(c.addr))
	copy(t[headerSize:], k.tag(&t, &b))
	return t.String()
}

func wantStatus(t testing.TB, got reply, want int) {
	t.Helper()
	if got.status != want {
		t.Errorf("the status is %d; want %d", got.status, want)
	}
	if want == http.StatusForbidden && len(got.cookies) > 0 {
		t.Errorf("a refused answer sets cookies: %v", got.cookies)
	}
}
