package middleware

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A judge is an Inspector with a fixed verdict.
type judge struct {
	say   inspect.Verdict
	err   error
	asked []inspect.Details
}

func (*judge) Name() string { return "appsec" }

func (*judge) Owns(target string) bool { return strings.HasPrefix(target, appsec.InternalPrefix) }

func (j *judge) Inspect(_ *http.Request, in inspect.Details) (inspect.Verdict, error) {
	j.asked = append(j.asked, in)
	return j.say, j.err
}

// The verdicts of an AppSec.
var (
	saysBan     = inspect.Verdict{Action: lookup.Ban, Status: 418, Answered: true, Reason: "AppSec: ban"}
	saysCaptcha = inspect.Verdict{Action: lookup.Captcha, Status: 403, Answered: true, Reason: "AppSec: captcha"}
	saysRelay   = inspect.Verdict{
		Action: lookup.Captcha, Status: 307, Answered: true, Reason: "AppSec: challenge",
		Relay: &appsec.Relay{Status: 307, Header: http.Header{"Location": {"/again"}, "Set-Cookie": {"a=1", "b=2"}}, Body: "its page"},
	}
	failsBan = inspect.Verdict{Action: lookup.Ban, Status: 503, Reason: "AppSec fails"}
)

const internalPath = appsec.InternalPrefix + "submit"

func TestWhoIsInspected(t *testing.T) {
	for _, row := range []struct {
		name, client, target string
		want                 bool
	}{
		{"anybody", "192.0.2.1:1", "/", true},
		{"a client without an address", "@", "/", true},
		{"an allow-listed client", "192.0.2.9:1", "/", false},
		{"an allow-listed client that asks for AppSec's own", "192.0.2.9:1", internalPath, true},
		{"one that is trusted not to be observed", "192.0.2.8:1", "/", true},
		{"a banned client", "192.0.2.2:1", "/", false},
		{"a banned client that asks for AppSec's own", "192.0.2.2:1", internalPath, false},
		{"a throttled client", "192.0.2.3:1", "/", false},
		{"one that a captcha decision is in force for, without a pass", "192.0.2.4:1", "/", false},
		{"one that the observer stops", "192.0.2.5:1", "/", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			j := new(judge)
			m := mustNew(t, Config{
				Lookup: in(table(t, "192.0.2.2 ban", "192.0.2.3 throttle", "192.0.2.4 captcha")), Challenge: newGate(t, challenge.Config{}),
				Allow: prefixes("192.0.2.9/32"), Inspectors: []Inspector{j}, Observe: stopper("192.0.2.5"),
				Trust: func(_ *http.Request, ip netip.Addr) bool { return ip == netip.MustParseAddr("192.0.2.8") },
			})
			r := httptest.NewRequest(http.MethodGet, row.target, nil)
			r.RemoteAddr = row.client
			m.Handler(bare).ServeHTTP(httptest.NewRecorder(), r)
			want := 0
			if row.want {
				want = 1
			}
			if len(j.asked) != want {
				t.Fatalf("asked %d times, want %d", len(j.asked), want)
			}
			if want == 1 && (j.asked[0].Target != row.target || len(j.asked[0].Ref) != 10) {
				t.Errorf("asked about %+v", j.asked[0])
			}
		})
	}
}

// A stopper is an Observer that stops one client.
type stopper string

func (s stopper) Request(e *event.Event) (lookup.Decision, bool) {
	return lookup.Decision{Action: lookup.Ban}, e.Client.String() == string(s)
}
func (stopper) Response(*event.Event) {}

func TestWhatAnInspectionLeadsTo(t *testing.T) {
	for _, row := range []struct {
		name    string
		verdict inspect.Verdict
		client  string
		dryRun  bool
		want    int // status; 204 is the site's
		counted string
	}{
		{"nothing", inspect.Verdict{}, "192.0.2.1:1", false, 204, ""},
		{"a failure that lets pass", inspect.Verdict{Reason: "AppSec fails"}, "192.0.2.1:1", false, 204, ""},
		{"a ban", saysBan, "192.0.2.1:1", false, 418, "ban appsec 1 0"},
		{"a ban of a client without an address", saysBan, "@", false, 418, "ban appsec 1 0"},
		{"a ban in a dry run", saysBan, "192.0.2.1:1", true, 204, "ban appsec 0 1"},
		{"a failure that bans", failsBan, "192.0.2.1:1", false, 503, "ban appsec 1 0"},
		{"a captcha", saysCaptcha, "192.0.2.1:1", false, 403, "captcha appsec 1 0"},
		{"a captcha in a dry run", saysCaptcha, "192.0.2.1:1", true, 204, "captcha appsec 0 1"},
		{"a captcha for a client that no pass can be bound to", saysCaptcha, "@", false, 403, "ban appsec 1 0"},
		{"a challenge", saysRelay, "192.0.2.1:1", false, 307, "captcha appsec 1 0"},
		{"a challenge for a client without an address", saysRelay, "@", false, 307, "captcha appsec 1 0"},
		{"a challenge in a dry run", saysRelay, "192.0.2.1:1", true, 204, "captcha appsec 0 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			log, lines := recorded(zapcore.InfoLevel)
			j := &judge{say: row.verdict}
			m := mustNew(t, Config{Lookup: nothing, Challenge: newGate(t, challenge.Config{}), Inspectors: []Inspector{j}, DryRun: row.dryRun, Logger: log})
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/page", nil)
			r.RemoteAddr = row.client
			r.Header.Set("Accept", "text/html")
			m.Handler(bare).ServeHTTP(w, r)
			if w.Code != row.want {
				t.Errorf("status %d, want %d", w.Code, row.want)
			}
			counted := ""
			for _, o := range m.Counters().Snapshot().ByOrigin {
				counted = fmt.Sprint(o.Action, " ", o.Origin, " ", o.Stopped, " ", o.DryRun)
				if relayed := row.want == 307; (o.Relayed == 1) != relayed {
					t.Errorf("%d relayed", o.Relayed)
				}
			}
			if counted != row.counted {
				t.Errorf("counted %q, want %q", counted, row.counted)
			}
			logged := lines.FilterField(zap.String("origin", "appsec")).FilterField(zap.String("ref", j.asked[0].Ref)).Len()
			if logged != min(1, len(row.counted)) {
				t.Errorf("%d lines with the reference that AppSec was told: %v", logged, lines.All())
			}
		})
	}
}

func TestAChallengeOfAppSecIsRelayedAsItIs(t *testing.T) {
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{&judge{say: saysRelay}}})
	w := httptest.NewRecorder()
	m.Handler(bare).ServeHTTP(w, from("192.0.2.1:1"))
	if w.Code != 307 || w.Header().Get("Location") != "/again" || len(w.Header()["Set-Cookie"]) != 2 || w.Body.String() != "its page" {
		t.Errorf("%d, %v, %q", w.Code, w.Header(), w.Body)
	}
}

// Requests for AppSec's own paths never reach the site. They are neither counted as
// stops nor logged.
func TestTheSiteNeverSeesWhatIsAppSecsOwn(t *testing.T) {
	missing := inspect.Verdict{Action: lookup.Ban, Status: 404, Reason: "no such page"}
	for _, row := range []struct {
		name    string
		verdict inspect.Verdict
		client  string
		dryRun  bool
		want    int
		stopped uint64
	}{
		{"a page of a challenge", saysRelay, "192.0.2.1:1", false, 307, 0},
		{"in a dry run", saysRelay, "192.0.2.1:1", true, 307, 0},
		{"for an allow-listed client", saysRelay, "192.0.2.9:1", false, 307, 0},
		{"for a client without an address", saysRelay, "@", false, 307, 0},
		{"one that AppSec has not", missing, "192.0.2.1:1", false, 404, 1},
		{"one that AppSec has not, in a dry run", missing, "192.0.2.1:1", true, 404, 0},
		{"AppSec fails, in a dry run", failsBan, "192.0.2.1:1", true, 503, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := mustNew(t, Config{Lookup: nothing, Allow: prefixes("192.0.2.9/32"), Inspectors: []Inspector{&judge{say: row.verdict}}, DryRun: row.dryRun})
			r := httptest.NewRequest(http.MethodPost, internalPath, strings.NewReader("a=b"))
			r.RemoteAddr = row.client
			w := httptest.NewRecorder()
			m.Handler(bare).ServeHTTP(w, r)
			if n := m.Counters().Snapshot(); w.Code != row.want || n.Stopped[lookup.Ban]+n.Stopped[lookup.Captcha] != row.stopped {
				t.Errorf("status %d, counted %+v", w.Code, n)
			}
		})
	}
}

// A pass is enough for a captcha, but each request is still inspected: a pass never
// switches the WAF off.
func TestASolvedCaptchaOfAppSecLetsIn(t *testing.T) {
	j := &judge{say: saysCaptcha}
	m := mustNew(t, Config{Lookup: nothing, Challenge: newGate(t, challenge.Config{}), Inspectors: []Inspector{j}})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	status, page := v.get()
	if status != http.StatusForbidden {
		t.Fatalf("status %d before the challenge is solved", status)
	}
	if status := v.answer(page); status != http.StatusNoContent || v.cookie == "" {
		t.Fatalf("status %d, cookie %q for the solution", status, v.cookie)
	}
	if status, body := v.get(); status != http.StatusOK || body != "site::" {
		t.Errorf("status %d, the site says %q", status, body)
	}
	n := m.Counters().Snapshot()
	if len(j.asked) != 2 || n.Stopped[lookup.Captcha] != 1 || n.Passed != 1 || n.Solved != 1 {
		t.Errorf("asked %d times, counted %+v", len(j.asked), n)
	}
	j.say = saysBan
	if status, _ := v.get(); status != saysBan.Status {
		t.Errorf("status %d with a pass: it has switched the WAF off", status)
	}
	if j.say = saysRelay; v.send(httptest.NewRequest(http.MethodGet, "/", nil)).Code != saysRelay.Status {
		t.Error("a pass of ours meets a challenge of AppSec's")
	}
	v.client = "192.0.2.2:1"
	if j.say = saysCaptcha; v.send(httptest.NewRequest(http.MethodGet, "/", nil)).Code != http.StatusForbidden {
		t.Error("another client passes by it")
	}
}

func TestAPassAgainstADecisionDoesNotSwitchTheWAFOff(t *testing.T) {
	j := new(judge)
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 captcha")), Challenge: newGate(t, challenge.Config{}), Inspectors: []Inspector{j}})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	v.answer(page)
	j.say = saysBan
	if status, _ := v.get(); status != saysBan.Status || len(j.asked) != 1 {
		t.Errorf("status %d, asked %d times", status, len(j.asked))
	}
}

// If a captcha stops a posted form, the challenge page contains the form, so its body
// must still be readable.
func TestTheFormOfACaptchaIsKept(t *testing.T) {
	s := appsectest.Start(t, nil)
	m := mustNew(t, Config{Lookup: nothing, Challenge: newGate(t, challenge.Config{}), Inspectors: []Inspector{client(t, s)}})
	r := httptest.NewRequest(http.MethodPost, "http://example.com/wp-login.php", strings.NewReader("comment=hello-from-me"))
	r.RemoteAddr = "192.0.2.1:1"
	for name, value := range map[string]string{
		"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded", "Origin": "http://example.com",
		"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
	} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	m.Handler(bare).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "hello-from-me") {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}

// The memory of an unread body is released, whatever happens to the request.
func TestABodyThatNobodyReadsIsGivenBack(t *testing.T) {
	s := appsectest.Start(t, nil)
	c := client(t, s)
	m := mustNew(t, Config{Lookup: nothing, Challenge: newGate(t, challenge.Config{}), Inspectors: []Inspector{c}})
	for target, status := range map[string]int{"/": http.StatusNoContent, "/wp-login.php": http.StatusForbidden, "/teapot": http.StatusTeapot} {
		w := httptest.NewRecorder()
		m.Handler(bare).ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, strings.NewReader("{}")))
		if w.Code != status || c.Stats().BodyMemory != 0 {
			t.Errorf("%s: status %d, %d bytes are still held", target, w.Code, c.Stats().BodyMemory)
		}
	}
}

func TestTheAllowListHoldsWithoutAnObserver(t *testing.T) {
	j := new(judge)
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{j}, Allow: prefixes("192.0.2.9/32")})
	m.Handler(bare).ServeHTTP(httptest.NewRecorder(), from("192.0.2.9:1"))
	if len(j.asked) != 0 {
		t.Errorf("asked about %+v", j.asked)
	}
}

func client(t testing.TB, s *appsectest.Server) *appsec.Client {
	t.Helper()
	c, err := appsec.New(appsec.Config{URL: s.URL, Key: appsectest.Key, Timeout: 30 * time.Second, BodyLimit: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(func() {
		if n := c.Stats().BodyMemory; n != 0 {
			t.Errorf("%d bytes of bodies are still held", n)
		}
	})
	return c
}

// The ban page may come from another server, which must not get the body of an attack.
func TestThePageOfABanGetsNoBody(t *testing.T) {
	s := appsectest.Start(t, nil)
	read := ""
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{client(t, s)}, Banned: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := io.ReadAll(r.Body)
		read = fmt.Sprintf("%d %q %v", r.ContentLength, all, err)
		w.WriteHeader(http.StatusForbidden)
	})})
	w := httptest.NewRecorder()
	m.Handler(bare).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a=evil")))
	if w.Code != http.StatusForbidden || read != `0 "" <nil>` {
		t.Errorf("status %d, the page read %s", w.Code, read)
	}
}

// An error handler may read the body too.
func TestABodyOutlivesAnError(t *testing.T) {
	s := appsectest.Start(t, nil)
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{client(t, s)}})
	ctx, end := context.WithCancel(t.Context())
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a=b")).WithContext(ctx)
	unreachable := errors.New("no site")
	_, err := m.Serve(httptest.NewRecorder(), r, func(http.ResponseWriter, *http.Request) error { return unreachable })
	if !errors.Is(err, unreachable) {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r.Body); string(body) != "a=b" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	end()
	c := m.inspect.inspectors[0].(*appsec.Client)
	wait(t, func() bool { return c.Stats().BodyMemory == 0 })
}

// wait waits until ok, for a while.
func wait(t testing.TB, ok func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-limit:
			t.Fatal("waited too long")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestABodyThatBreaksOffIsGivenUp(t *testing.T) {
	s := appsectest.Start(t, nil)
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{client(t, s)}})
	srv := httptest.NewServer(m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it went on") })))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say(t, conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n")
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(conn); len(said) > 0 || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	s.Last(t, 0)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Error(err)
	}
}

func TestABodyOverTheServersOwnLimitIsSaidToBe(t *testing.T) {
	s := appsectest.Start(t, nil)
	h := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{client(t, s)}}).Handler(bare)
	srv := httptest.NewServer(http.MaxBytesHandler(h, 3))
	defer srv.Close()
	resp, err := http.Post(srv.URL, "text/plain", strings.NewReader("four"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// The gate (which looks for answers in small forms), the inspection and the observer do
// not remove a byte of a body.
func TestUploadsArriveThroughAllThatLooksAtThem(t *testing.T) {
	waf := appsectest.Start(t, nil)
	c := client(t, waf)
	o := newWitness()
	m := mustNew(t, Config{
		Lookup: nothing, Inspectors: []Inspector{c}, Observe: o, Challenge: newGate(t, challenge.Config{Wait: 5 * time.Second}),
	})
	srv := httptest.NewUnstartedServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := io.ReadAll(r.Body)
		if _, err := fmt.Fprintf(w, "%d %x %v", r.ContentLength, sha256.Sum256(all), err); err != nil {
			t.Error(err)
		}
	})))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for i, size := range []int{1, 100, 1<<10 - 1, 1 << 10, 1<<10 + 1, 1 << 20} { // client inspects 1 KiB
		body := strings.Repeat("x", size)
		r, err := http.NewRequest(http.MethodPost, srv.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", srv.URL)
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := fmt.Sprintf("%d %x <nil>", size, sha256.Sum256([]byte(body))); string(got) != want || err != nil {
			t.Errorf("%d bytes: the site got %s, want %s", size, got, want)
		}
		if seen := len(waf.Last(t, i+1).Body); seen != min(size, 1<<10) {
			t.Errorf("%d bytes: AppSec has seen %d", size, seen)
		}
		if e := o.last(t); len(e.Body) != min(size, 16_384) {
			t.Errorf("%d bytes: the observer has seen %d", size, len(e.Body))
		}
	}
}

// An inspection costs little more than the Inspector itself.
func TestAnInspectionAllocatesLittle(t *testing.T) {
	h := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{passes{}}}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, w := from("192.0.2.1:1"), httptest.NewRecorder()
	const most = 5 // of which the reference is one
	if n := testing.AllocsPerRun(500, func() { h.ServeHTTP(w, r) }); n > most {
		t.Errorf("%v allocations, want at most %d", n, most)
	}
}

// passes is an Inspector that lets all pass.
type passes struct{}

func (passes) Name() string { return "appsec" }

func (passes) Inspect(*http.Request, inspect.Details) (inspect.Verdict, error) {
	return inspect.Verdict{}, nil
}

// A client whose request is refused gets the response at once, and cannot hold the
// connection by not sending its body.
func TestABodyThatIsNotWantedHoldsNothing(t *testing.T) {
	s := appsectest.Start(t, nil)
	c, err := appsec.New(appsec.Config{URL: s.URL, Key: appsectest.Key, BodyLimit: 10, BodyOver: lookup.Ban})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	srv := httptest.NewServer(mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{c}}).Handler(bare))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say(t, conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nonly this")
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(said), "HTTP/1.1 413 ") || !strings.Contains(string(said), "Connection: close") || err != nil {
		t.Errorf("%q, %v", said, err)
	}
}

// The observer gets repeated bans of an inspector. Captchas do not count, because
// people get them too, and neither do refusals without an answer of AppSec.
func TestBansAreToldToTheObserver(t *testing.T) {
	for _, row := range []struct {
		name, target string
		verdict      inspect.Verdict
		dryRun       bool
		want         bool
	}{
		{"a ban", "/", saysBan, false, true},
		{"a captcha", "/", saysCaptcha, false, false},
		{"a challenge", "/", saysRelay, false, false},
		{"a failure", "/", failsBan, false, false},
		{"a dry run", "/", saysBan, true, false},
		{"a dry run, of what is AppSec's own", internalPath, saysBan, true, false},
		{"nothing", "/", inspect.Verdict{}, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newWitness()
			m := mustNew(t, Config{
				Lookup: nothing, Inspectors: []Inspector{&judge{say: row.verdict}}, Observe: o, DryRun: row.dryRun,
				Describe: func(_ *http.Request, e *event.Event) { e.Matched = "|form|" },
			})
			r := httptest.NewRequest(http.MethodGet, row.target, nil)
			r.RemoteAddr = "192.0.2.1:1"
			m.Handler(bare).ServeHTTP(httptest.NewRecorder(), r)
			told := false
			for range len(o.responses) {
				e := o.last(t)
				told = told || e.Matched == "|form|appsec:ban|" && e.Status == row.verdict.Status && !e.Ended.IsZero()
			}
			if told != row.want {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// The page says only that the request was refused.
func TestThePageOfAnInspectedStop(t *testing.T) {
	for status, want := range map[int]string{418: "does not accept this request", 503: "cannot check your request"} {
		v := saysBan
		v.Status = status
		w := httptest.NewRecorder()
		mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{&judge{say: v}}}).Handler(bare).ServeHTTP(w, from("192.0.2.1:1"))
		if w.Code != status || !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), "network address") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
}
