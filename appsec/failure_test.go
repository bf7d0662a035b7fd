package appsec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestAKeyThatIsRefusedOnceIsTriedAgain(t *testing.T) {
	for refusals, want := range map[int32]inspect.Verdict{
		1: {Action: lookup.Ban, Status: 403, Answered: true, Reason: "AppSec: ban"},
		2: {Action: lookup.Captcha, Status: 403, Reason: "AppSec does not accept the key"},
	} {
		var n atomic.Int32
		f := newFake(t, func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
			if n.Add(1) <= refusals {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			answer(w, r)
		})
		c := f.client(t, Config{OnFailure: lookup.Captcha})
		r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 100_000)+"evil"))
		if v := judge(t, c, r, inspect.Details{}); v != want {
			t.Errorf("after %d: %+v", refusals, v)
		}
		s := c.Stats()
		if n.Load() != 2 || s.Asked != 1 || s.Retried != 1 || s.Failed[Unauthorized] != uint64(refusals-1) {
			t.Errorf("after %d: asked %d times; %+v", refusals, n.Load(), s)
		}
	}
}

func TestFailurePolicy(t *testing.T) {
	f := answering(t, 500, "")
	for action, want := range map[lookup.Action]inspect.Verdict{
		lookup.None:    {Reason: "AppSec fails"},
		lookup.Captcha: {Action: lookup.Captcha, Status: 403, Reason: "AppSec fails"},
		lookup.Ban:     {Action: lookup.Ban, Status: 503, Reason: "AppSec fails"},
	} {
		c := f.client(t, Config{OnFailure: action})
		if v := get(t, c, "/"); v != want {
			t.Errorf("%v: %+v", action, v)
		}
		if s := c.Stats(); s.Failed[ServerError] != 1 || s.Stopped != ([lookup.Ban + 1]uint64{}) {
			t.Errorf("%v: %+v", action, s)
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	f := newFake(t, nil)
	f.Close()
	c := f.client(t, Config{})
	if v := get(t, c, "/"); v.Reason != "AppSec is unreachable" || c.Stats().Failed[Unreachable] != 1 {
		t.Errorf("%+v, %+v", v, c.Stats())
	}
}

func TestFailuresAreLoggedOnceAMinuteAndWithoutTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		c := newClient(t, Config{URL: "http://h", Logger: zap.New(core)})
		c.wire = &connections{dial: func(context.Context) (net.Conn, error) { return nil, errors.New("no route") }, most: 1}
		for range 10 {
			get(t, c, "/")
		}
		<-time.After(time.Minute)
		get(t, c, "/")
		all := logs.FilterMessage("AppSec does not answer").All()
		if len(all) != 2 || all[0].ContextMap()["requests"] != uint64(1) || all[1].ContextMap()["requests"] != uint64(10) {
			t.Fatalf("%+v", all)
		}
		line, err := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(all[0].Entry, all[0].Context)
		if err != nil || !strings.Contains(line.String(), "no route") || strings.Contains(line.String(), testKey) {
			t.Errorf("%s, %v", line, err)
		}
	})
}

// A script is an AppSec on raw connections: reply gets the head of a question, and
// returns the answer and whether to close the connection.
type script struct {
	net.Listener
	wg    sync.WaitGroup
	conns atomic.Int32
}

func newScript(t *testing.T, reply func(n int, head string) (answer string, hangUp bool)) *script {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{Listener: l}
	var n atomic.Int32
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			s.wg.Go(func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					head, err := readHead(in)
					if err != nil {
						return
					}
					answer, hangUp := reply(int(n.Add(1)), head)
					if _, err := io.WriteString(conn, answer); err != nil || hangUp {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); s.wg.Wait() })
	return s
}

func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == "\r\n" {
			return head.String(), nil
		}
		head.WriteString(line)
	}
}

// client returns a client that is closed before s waits for its connections.
func (s *script) client(t *testing.T, cfg Config) *Client {
	cfg.URL = "http://" + s.Addr().String()
	return newClient(t, cfg)
}

func reply(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestAnswersThatLie(t *testing.T) {
	tests := []struct {
		name, answer string
		want         Failure // the value failures: there is an answer
	}{
		{"interim answers come first", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + reply(plainAllow), failures},
		{"a body without a length", "HTTP/1.0 200 OK\r\n\r\n" + plainAllow, failures},
		{"interim answers without end", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), BadAnswer},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", BadAnswer},
		{"a head without end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 1200), BadAnswer},
		{"a body without end", "HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("x", 1<<20+1), BadAnswer},
		{"a length beyond all bounds", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + strings.Repeat("x", 1<<20+1), BadAnswer},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", BadAnswer},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", BadAnswer},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n" + plainAllow[:20], Unreachable},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le", BadAnswer},
		{"nothing", "", Unreachable},
	}
	for _, tt := range tests {
		s := newScript(t, func(int, string) (string, bool) { return tt.answer, true })
		c := s.client(t, Config{OnFailure: lookup.Ban})
		v := get(t, c, "/")
		stats := c.Stats()
		if tt.want == failures {
			if v != (inspect.Verdict{}) {
				t.Errorf("%s: %+v", tt.name, v)
			}
			continue
		}
		// No connection is used again: the test question gets its own.
		if v.Answered || v.Status != 503 || stats.Failed[tt.want] != 1 || s.conns.Load() != 2 {
			t.Errorf("%s: %+v, %v, %d connections", tt.name, v, stats.Failed, s.conns.Load())
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	s := newScript(t, func(int, string) (string, bool) { return reply(plainAllow), false })
	c := s.client(t, Config{})
	for range 5 {
		if v := get(t, c, "/"); v != (inspect.Verdict{}) {
			t.Errorf("%+v", v)
		}
	}
	if s.conns.Load() != 1 {
		t.Errorf("%d connections", s.conns.Load())
	}
	// A request may last longer than the config of its client. After Close the request
	// still gets its answer, and the connection is not kept.
	c.Close()
	for range 2 {
		get(t, c, "/")
	}
	if n := len(c.wire.(*connections).idle); s.conns.Load() != 3 || n != 0 {
		t.Errorf("%d connections, %d kept", s.conns.Load(), n)
	}
}

// The server may close an idle connection at any time.
func TestAConnectionThatEndsAtRestIsReplaced(t *testing.T) {
	for name, probed := range map[string]bool{"as seen before": true, "as seen in use": false} {
		s := newScript(t, func(n int, _ string) (string, bool) { return reply(plainAllow), n == 1 })
		c := s.client(t, Config{OnFailure: lookup.Ban})
		get(t, c, "/")
		cs := c.wire.(*connections)
		if len(cs.idle) != 1 {
			t.Fatal("no connection at rest")
		}
		if !probed {
			cs.idle[0].asleep = probe{}
		}
		for range 2 {
			r := httptest.NewRequest("POST", "/", strings.NewReader("x=1"))
			if v := judge(t, c, r, inspect.Details{}); v != (inspect.Verdict{}) || c.Stats().Failed != ([failures]uint64{}) {
				t.Errorf("%s: %+v, %+v", name, v, c.Stats())
			}
		}
	}
}

// Unexpected bytes must not become the answer to the next question.
func TestAnAnswerIsForItsQuestion(t *testing.T) {
	s := newScript(t, func(n int, _ string) (string, bool) {
		if n == 1 {
			return reply(plainAllow) + reply(plainAllow), false
		}
		return reply(plainBan), false
	})
	c := s.client(t, Config{})
	get(t, c, "/")
	if v := get(t, c, "/"); v.Action != lookup.Ban || s.conns.Load() != 2 {
		t.Errorf("%+v, %d connections", v, s.conns.Load())
	}
}

func TestBytesThatComeAtRestAreNoAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	atRest, sent := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if _, err := readHead(bufio.NewReader(conn)); err != nil {
				t.Error(err)
			}
			if n > 0 {
				say(conn, reply(plainBan))
				continue
			}
			say(conn, reply(plainAllow))
			<-atRest
			say(conn, reply(plainAllow))
			close(sent)
		}
	})
	c := newClient(t, Config{URL: "http://" + l.Addr().String()})
	get(t, c, "/")
	cs := c.wire.(*connections)
	blind := reflect.ValueOf(cs.idle[0].asleep).IsZero()
	close(atRest)
	<-sent
	if v := get(t, c, "/"); v.Action != lookup.Ban && !blind {
		t.Errorf("%+v", v)
	}
	l.Close()
}

// pipes connects c to handle in the bubble of a test.
func pipes(c *Client, handle func(net.Conn)) (closed *sync.WaitGroup) {
	var wg sync.WaitGroup
	c.wire = &connections{most: c.cfg.MaxInFlight, end: &endpoint{host: "h", path: "/"}, dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		wg.Go(func() { defer there.Close(); handle(there) })
		return here, nil
	}}
	return &wg
}

func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestNobodyWaitsLongerThanTheTimeout(t *testing.T) {
	const timeout = 200 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://h", Timeout: timeout})
		defer pipes(c, hang).Wait()
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				began := time.Now()
				r := httptest.NewRequest("GET", "/", nil)
				v, err := c.Inspect(r, inspect.Details{Client: netip.AddrFrom4([4]byte{203, byte(i >> 8), byte(i), 7})})
				if took := time.Since(began); took > timeout || err != nil || v.Action != lookup.None || v.Reason == "" {
					t.Errorf("%v: %+v, %v", took, v, err)
				}
				r.Body.Close()
			})
		}
		wg.Wait()
		s := c.Stats()
		if s.Asked != 256 || s.Failed[Late] != 256 || s.Failed[Busy] != 744 || s.BodyMemory != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAnswersThatDripAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://h", Timeout: 200 * time.Millisecond, ChallengeTimeout: 5 * time.Second})
		defer pipes(c, func(conn net.Conn) {
			if _, err := readHead(bufio.NewReader(conn)); err != nil {
				return
			}
			for _, b := range []byte(reply(plainAllow)) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(10 * time.Millisecond)
			}
		}).Wait()
		began := time.Now()
		if v := get(t, c, "/"); v.Reason != "AppSec does not answer in time" || time.Since(began) != 200*time.Millisecond {
			t.Errorf("%+v after %v", v, time.Since(began))
		}
		// Requests for AppSec itself may take longer.
		if v := get(t, c, InternalPrefix); v.Status != 404 || time.Since(began) < 500*time.Millisecond {
			t.Errorf("%+v after %v", v, time.Since(began))
		}
		c.Close()
	})
}

func TestAnAppSecThatHangsIsLeftAlone(t *testing.T) {
	const timeout = 200 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var healthy atomic.Bool
		c := newClient(t, Config{URL: "http://h", Timeout: timeout})
		defer pipes(c, func(conn net.Conn) {
			in := bufio.NewReader(conn)
			for _, err := readHead(in); err == nil && healthy.Load(); _, err = readHead(in) {
				if _, err := io.WriteString(conn, reply(plainAllow)); err != nil {
					return
				}
			}
			hang(conn)
		}).Wait()
		for i := range 8 {
			if v := get(t, c, "/"); v.Reason != "AppSec does not answer in time" {
				t.Errorf("question %d: %+v", i, v)
			}
		}
		// After eight timeouts over more than a second, only one request at a time is
		// sent.
		tried := make(chan inspect.Verdict)
		go func() { tried <- get(t, c, "/") }()
		synctest.Wait()
		began := time.Now()
		for range 100 {
			if v := get(t, c, "/"); v.Reason != "AppSec hangs" || v.Action != lookup.None {
				t.Errorf("%+v", v)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("they waited %v", took)
		}
		if v := <-tried; v.Reason != "AppSec does not answer in time" {
			t.Errorf("%+v", v)
		}
		healthy.Store(true)
		for range 3 { // the first gets an answer, so all are sent again
			if v := get(t, c, "/"); v != (inspect.Verdict{}) {
				t.Errorf("%+v", v)
			}
		}
		if s := c.Stats(); s.Failed[Late] != 9 || s.Failed[Paused] != 100 || s.Asked != 12 {
			t.Errorf("%+v", s)
		}
		c.Close()
	})
}

func TestTheBreaker(t *testing.T) {
	tests := []struct {
		name   string
		never  bool
		events string // l: late, o: any other outcome, u: late because of requests, s: half a second passes
		want   bool   // another question may be asked while one is in progress
	}{
		{"many at once are no pattern", false, "llllllllllllllll", true},
		{"few are none either", false, "lsslssl", true},
		{"eight in a row over a second are", false, "lllllsslll", false},
		{"anything else in between is not in a row", false, "lslslslsosl", true},
		{"what requests are the reason of is no pattern", false, "uuuussuuuuuuuu", true},
		{"nor does it break one", false, "llllussulllll", false},
		{"an answer mends it", false, "lsslllllllo", true},
		{"who keeps asking keeps asking", true, "lsslllllll", true},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			b := breaker{never: tt.never}
			for _, event := range tt.events {
				if event == 's' {
					<-time.After(500 * time.Millisecond)
					continue
				}
				try, _ := b.admit()
				b.note(try, map[rune]outcome{'o': answered, 'l': timedOut, 'u': unclear}[event])
			}
			b.admit()
			if _, got := b.admit(); got != tt.want {
				t.Errorf("%s: admits %v", tt.name, got)
			}
		})
	}
}
