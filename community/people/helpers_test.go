package people_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/people"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

const (
	exploit = "crowdsecurity/http-cve-probe"
	site    = "blocklist.example.org"
	mine    = "93.184.216.34" // the address of the client in most tests
	other   = "93.184.216.99"
)

// begin is when the tests begin: noon, so that a few hours more are the same day.
var begin = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// A clock is the time of a test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A town is a community with its pages.
type town struct {
	*community.Centre
	t       testing.TB
	clock   *clock
	store   *storetest.Memory
	users   *storetest.Memory
	handler *people.Handler
	log     *observer.ObservedLogs
	names   int
	logins  int
}

// found founds a community. The header Moderator names the moderator. change may
// change its config.
func found(t testing.TB, change func(*community.Config)) *town {
	t.Helper()
	w := &town{t: t, clock: &clock{at: begin}, store: storetest.NewMemory(), users: storetest.NewMemory()}
	cfg := community.Config{
		Store: w.store, Accounts: w.users, Secret: bytes.Repeat([]byte{7}, 32), Now: w.clock.now, Name: "Example <Community>",
		Operator: community.Operator{Name: "Example e.V.", Contact: "abuse@example.org"}, Site: "https://" + site, Terms: "2026-06",
		Catalogue: community.BuiltinCatalogue().Add(exploit, "", community.Label{Behaviour: "http:exploit", Confidence: 3}),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	w.Centre, err = community.New(cfg)
	w.must(err)
	core, log := observer.New(zapcore.DebugLevel)
	w.log = log
	w.handler, err = people.New(people.Config{
		Centre: w.Centre, Moderator: "/moderator", Actor: func(r *http.Request) string { return r.Header.Get("Moderator") },
		Log: zap.New(core), Now: w.clock.now,
	})
	w.must(err)
	return w
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// join makes a member with an API key and without ties to others.
func (w *town) join(role community.Role, vouched bool) (by community.Caller, key string) {
	w.t.Helper()
	w.names++
	code, err := w.Invite(w.t.Context(), "operator", community.Invitee{
		Name: fmt.Sprintf("person %d", w.names), Operator: fmt.Sprintf("operator %d", w.names), Role: role, Vouched: vouched,
	})
	w.must(err)
	from := netip.AddrFrom4([4]byte{20, byte(w.names), 0, 1})
	_, key, err = w.Join(w.t.Context(), code, fmt.Sprintf("person %d", w.names), "2026-06", from)
	w.must(err)
	by, err = w.Key(w.t.Context(), key, from)
	w.must(err)
	return by, key
}

func (w *town) vouched(n int) (all []community.Caller) {
	w.t.Helper()
	for range n {
		by, _ := w.join(community.Reporter, true)
		all = append(all, by)
	}
	return all
}

// report lets each of some members report an address, a minute apart.
func (w *town) report(address string, members ...community.Caller) {
	w.t.Helper()
	for _, m := range members {
		now := w.clock.now()
		a, err := w.Accept(w.t.Context(), m, []community.Signal{{Unit: unit(address), Scenario: exploit, First: now, Last: now, Count: 9}})
		w.must(err)
		if len(a.Refused) > 0 {
			w.t.Fatalf("refused: %v", a.Refused)
		}
		w.clock.pass(time.Minute)
	}
}

// listed founds a community that lists an address.
func listed(t testing.TB, address string) *town {
	t.Helper()
	w := found(t, nil)
	w.report(address, w.vouched(3)...)
	if !w.lists(address) {
		t.Fatalf("%s is not listed", address)
	}
	return w
}

func (w *town) lists(address string) bool {
	l, found := w.List().Get(unit(address))
	return found && l.Action != consensus.Allow
}

func unit(address string) consensus.Unit { return consensus.UnitOf(netip.MustParseAddr(address)) }

// A client sends requests as a browser does, and keeps its cookies.
type client struct {
	w       *town
	from    string
	header  http.Header
	cookies map[string]*http.Cookie
}

func (w *town) client(from string) *client {
	return &client{w: w, from: from, header: http.Header{}, cookies: map[string]*http.Cookie{}}
}

// moderator is a client that the operator's authentication admitted.
func (w *town) moderator(name string) *client {
	c := w.client("20.99.0.1")
	c.header.Set("Moderator", name)
	return c
}

// An answer is what a client gets.
type answer struct {
	*httptest.ResponseRecorder
	body string
}

func (c *client) request(method, path string, form url.Values) *http.Request {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "https://"+site+path, body)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(c.from), 12345).String()
	r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "none")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", "https://"+site)
	}
	maps.Copy(r.Header, c.header)
	for _, cookie := range c.cookies {
		if strings.HasPrefix(r.URL.Path, cookie.Path) {
			r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		}
	}
	return r
}

func (c *client) send(r *http.Request) answer {
	rec := httptest.NewRecorder()
	c.w.handler.ServeHTTP(rec, r)
	for _, cookie := range rec.Result().Cookies() {
		c.cookies[cookie.Name] = cookie
		if cookie.MaxAge < 0 {
			delete(c.cookies, cookie.Name)
		}
	}
	return answer{rec, rec.Body.String()}
}

func (c *client) get(path string) answer {
	return c.send(c.request(http.MethodGet, path, nil))
}

func (c *client) post(path string, form url.Values) answer {
	return c.send(c.request(http.MethodPost, path, form))
}

// want fails the test unless an answer has a status and contains texts.
func (a answer) want(t testing.TB, status int, texts ...string) answer {
	t.Helper()
	if a.Code != status {
		t.Fatalf("status %d; want %d: %s", a.Code, status, a.plain())
	}
	for _, text := range texts {
		if !strings.Contains(a.plain(), text) {
			t.Errorf("no %q in %s", text, a.plain())
		}
	}
	return a
}

// without fails the test if an answer contains one of some texts.
func (a answer) without(t testing.TB, texts ...string) answer {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) || strings.Contains(a.plain(), text) {
			t.Errorf("%q in %s", text, a.plain())
		}
	}
	return a
}

var (
	styles = regexp.MustCompile(`(?s)<style>.*?</style>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
	forms  = regexp.MustCompile(`(?s)<form action="([^"]*)" method="post".*?</form>`)
	inputs = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// plain returns the text of a page without its elements.
func (a answer) plain() string {
	return html.UnescapeString(tags.ReplaceAllString(styles.ReplaceAllString(a.body, ""), ""))
}

// form returns the hidden fields of the first form of a page that is sent to a path.
func (a answer) form(t testing.TB, path string) url.Values {
	t.Helper()
	for _, f := range forms.FindAllStringSubmatch(a.body, -1) {
		if f[1] != path {
			continue
		}
		v := url.Values{}
		for _, in := range inputs.FindAllStringSubmatch(f[0], -1) {
			v.Set(in[1], html.UnescapeString(in[2]))
		}
		return v
	}
	t.Fatalf("no form for %s in %s", path, a.plain())
	return nil
}

// with returns a form with more fields.
func with(form url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}
