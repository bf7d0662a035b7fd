package appsec

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// byRequest is the verdict if AppSec fails on this request only.
var byRequest = inspect.Verdict{Action: lookup.Ban, Status: 503, Slow: true, Reason: "AppSec fails on this request, and answers others"}

// inDoubt is the verdict if AppSec fails and the cause is unknown.
var inDoubt = inspect.Verdict{
	Action: lookup.Ban, Status: 503, RetryAfter: 10 * time.Second,
	Reason: "AppSec fails, and it is unknown whether only on this request",
}

// served starts f's server with HTTP/1.1 and HTTP/2 without TLS.
func served(t *testing.T, wrap func(http.ResponseWriter, *http.Request, http.HandlerFunc)) *fake {
	f := &fake{&appsectest.Server{Wrap: wrap}}
	f.Server.Server = httptest.NewUnstartedServer(f)
	f.Config.Protocols = new(http.Protocols)
	f.Config.Protocols.SetHTTP1(true)
	f.Config.Protocols.SetUnencryptedHTTP2(true)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func post(body string) *http.Request {
	return httptest.NewRequest("POST", "/", strings.NewReader(body))
}

// A request that makes AppSec fail does not pass because of that.
func TestWhatAppSecFailsOverIsNotLetThrough(t *testing.T) {
	for _, row := range []struct {
		name, word string
		h2c        bool
		pass       bool
		want       inspect.Verdict
	}{
		{name: "an error", word: "breaks-rule", want: byRequest},
		{name: "nonsense", word: "breaks-answer", want: byRequest},
		{name: "a connection that breaks", word: "breaks-off", want: byRequest},
		{name: "an error over HTTP/2", word: "breaks-rule", h2c: true, want: byRequest},
		{name: "nonsense over HTTP/2", word: "breaks-answer", h2c: true, want: byRequest},
		{name: "a stream that breaks", word: "breaks-off", h2c: true, want: byRequest},
		{name: "overload pass", word: "breaks-rule", pass: true, want: inspect.Verdict{Slow: true, Reason: byRequest.Reason}},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := served(t, nil)
			c := f.client(t, Config{H2C: row.h2c, PassOverload: row.pass})
			if v := get(t, c, "/?q="+row.word); v != row.want {
				t.Errorf("in the target: %+v", v)
			}
			if v := judge(t, c, post(row.word), inspect.Details{Client: visitor}); v != row.want {
				t.Errorf("in the body: %+v", v)
			}
			if v := get(t, c, "/?q=evil"); !v.Answered {
				t.Errorf("afterwards: %+v", v)
			}
			if s := c.Stats(); s.Failed[ByRequest] != 2 || s.Asked != 3 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A test question contains no data of a client, and is asked only if no other answer
// shows that AppSec works.
func TestANeutralQuestionIsNeutral(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	r := httptest.NewRequest("POST", "/", strings.NewReader("breaks-rule"))
	r.Header.Set("Cookie", "secret")
	if v := judge(t, c, r, inspect.Details{Client: visitor, Host: "example.com", Ref: "abc"}); v != byRequest {
		t.Errorf("%+v", v)
	}
	q := f.Last(t, 2)
	if q.Method != "GET" || q.Verb != "GET" || q.URI != "/" || q.IP != "127.0.0.1" || len(q.Body) > 0 || q.Header.Get("Cookie") != "" ||
		q.Header.Get(refHeader) != "" || q.Header.Get(hostHeader) != "localhost" {
		t.Errorf("%+v", q)
	}
}

func TestAnAnswerToSomebodyElseIsEvidence(t *testing.T) {
	asked, answered := make(chan struct{}), make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		if strings.Contains(r.Header.Get(uriHeader), "breaks") {
			close(asked)
			<-answered
		}
		answer(w, r)
	})
	c := f.client(t, Config{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if v := get(t, c, "/?q=breaks-rule"); v != byRequest {
			t.Errorf("%+v", v)
		}
	})
	<-asked
	get(t, c, "/")
	close(answered)
	wg.Wait()
	f.Last(t, 2)
}

// If a test question fails too, it is an outage, and requests pass.
func TestAnOutageIsNoRequestsDoing(t *testing.T) {
	for _, row := range []struct {
		name   string
		fail   func(http.ResponseWriter)
		want   Failure
		reason string
	}{
		{"errors", func(w http.ResponseWriter) { w.WriteHeader(502) }, ServerError, "AppSec fails"},
		{"nonsense", func(w http.ResponseWriter) { say(w, "<html>") }, BadAnswer, "AppSec gives an invalid answer"},
		{"connections that break", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, Unreachable, "AppSec is unreachable"},
	} {
		for _, h2c := range []bool{false, true} {
			f := served(t, func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { row.fail(w) })
			c := f.client(t, Config{H2C: h2c})
			for range 3 {
				if v := get(t, c, "/?q=evil"); v != (inspect.Verdict{Reason: row.reason}) {
					t.Errorf("%s, HTTP/2 %v: %+v", row.name, h2c, v)
				}
			}
			if s := c.Stats(); s.Failed[row.want] != 3 {
				t.Errorf("%s, HTTP/2 %v: %+v", row.name, h2c, s.Failed)
			}
		}
	}
}

// Without a connection it is an outage, and no test question is necessary.
func TestNoConnectionIsAnOutageAtOnce(t *testing.T) {
	for _, h2c := range []bool{false, true} {
		f := newFake(t, nil)
		f.Close()
		c := f.client(t, Config{H2C: h2c})
		if v := get(t, c, "/"); v != (inspect.Verdict{Reason: "AppSec is unreachable"}) || c.tester.last != nil {
			t.Errorf("HTTP/2 %v: %+v", h2c, v)
		}
	}
}

// One test question at a time, one a second, for all clients together.
func TestFewTestQuestionsAreAsked(t *testing.T) {
	for name, broken := range map[string]bool{"by requests": false, "in an outage": true} {
		synctest.Test(t, func(t *testing.T) {
			c, s := judging(t, appsectest.Runner{}, Config{})
			var neutral atomic.Int32
			s.Wrap = func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
				if r.Header.Get(ipHeader) == "127.0.0.1" {
					neutral.Add(1)
				}
				if broken {
					w.WriteHeader(500)
					return
				}
				answer(w, r)
			}
			want := byRequest
			if broken {
				want = inspect.Verdict{Reason: "AppSec fails"}
			}
			for second := range int32(3) {
				var wg sync.WaitGroup
				for i := range 100 {
					wg.Go(func() {
						<-time.After(time.Duration(i) * 9 * time.Millisecond)
						in := inspect.Details{Client: netip.AddrFrom4([4]byte{203, 0, byte(i), 7}), Target: "/?q=breaks-rule"}
						if v, err := c.Inspect(httptest.NewRequest("GET", "/", nil), in); v != want || err != nil {
							t.Errorf("%s: %+v, %v", name, v, err)
						}
					})
				}
				wg.Wait()
				if n := neutral.Load(); n != second+1 {
					t.Errorf("%s: %d neutral questions after %d s", name, n, second+1)
				}
				<-time.After(time.Second)
			}
		})
	}
}

// A request does not wait longer because of a test question, and is refused when its
// time is over. The result counts for later requests.
func TestNobodyWaitsLongerForANeutralQuestion(t *testing.T) {
	const timeout, late = 200 * time.Millisecond, 150 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		c, s := judging(t, appsectest.Runner{}, Config{Timeout: timeout})
		var broken atomic.Bool
		s.Wrap = func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
			<-time.After(late)
			if broken.Load() {
				w.WriteHeader(500)
				return
			}
			answer(w, r)
		}
		check := func(when string, want inspect.Verdict, took time.Duration) {
			t.Helper()
			began := time.Now()
			if v := get(t, c, "/?q=breaks-rule"); v != want || time.Since(began) != took {
				t.Errorf("%s: %+v after %v", when, v, time.Since(began))
			}
		}
		check("at first", inDoubt, timeout)
		<-time.After(timeout)
		check("once AppSec has answered", byRequest, late)
		broken.Store(true)
		<-time.After(time.Second)
		check("when the outage begins", inDoubt, timeout)
		<-time.After(timeout)
		check("once it is known", inspect.Verdict{Reason: "AppSec fails"}, late)
		<-time.After(time.Second)
		check("while it goes on", inspect.Verdict{Reason: "AppSec fails"}, timeout)
	})
}

// A large request that keeps AppSec busy does not turn another failure into an outage.
func TestALargeRequestMakesNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := judging(t, appsectest.Runner{Routines: 1, PerByte: ofCRS}, Config{})
		s.Wrap = func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
			if strings.Contains(r.Header.Get(uriHeader), "breaks") {
				w.WriteHeader(500) // before the inspection
				return
			}
			answer(w, r)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			r := padded(50_000)
			defer r.Body.Close()
			judge(t, c, r, inspect.Details{Client: netip.MustParseAddr("203.0.113.9")})
		})
		synctest.Wait()
		for range 5 {
			if v := get(t, c, "/?q=breaks"); v != inDoubt {
				t.Errorf("%+v", v)
			}
			<-time.After(100 * time.Millisecond)
		}
		wg.Wait()
	})
}

// A client's requests that make AppSec fail do not affect others.
func TestWhatAppSecFailsOverIsNoMatterToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := judging(t, appsectest.Runner{Routines: 1}, Config{})
		for i := range 100 {
			if v := get(t, c, "/?q=breaks-off"); v != byRequest {
				t.Errorf("%d: %+v", i, v)
			}
			r, in := attackOf("203.0.113.9")
			if v := judge(t, c, r, in); !v.Answered {
				t.Errorf("%d: %+v", i, v)
			}
			<-time.After(20 * time.Millisecond)
		}
		if c.breaker.broken.Load() || c.breaker.late.Load() != 0 || len(c.networks.by) != 0 || c.load.n != 0 {
			t.Error("something is kept")
		}
	})
}

// A closed client asks no more test questions, and blames no request.
func TestAClosedClientAsksNothingOfItsOwn(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	c.Close()
	if v := get(t, c, "/?q=breaks-rule"); v != inDoubt {
		t.Errorf("%+v", v)
	}
	f.Last(t, 1)
}

func TestAnErrorBeforeAConnectionKeepsItsText(t *testing.T) {
	why := errors.New("no route")
	if err := error(unsentError{why}); err.Error() != "no route" || !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}
