package middleware

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/wafsuite"
	"github.com/tocsin-project/tocsin/waf"
)

// A ruledSite is a server behind the WAF, which remembers what was found last.
type ruledSite struct {
	*httptest.Server
	mu   sync.Mutex
	last []event.Finding
}

func newRuledSite(t *testing.T, rules *waf.Rules) *ruledSite {
	t.Helper()
	i, err := waf.New(waf.Config{Rules: rules, BodyLimit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := new(ruledSite)
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{i}, ChallengeOff: true, Found: func(e *event.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = e.Findings
	}})
	s.Server = httptest.NewServer(m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	t.Cleanup(s.Close)
	return s
}

// send writes a request as it is, and returns the status and what was found.
func (s *ruledSite) send(t *testing.T, v *wafsuite.Vector) (status int, found []event.Finding) {
	t.Helper()
	s.mu.Lock()
	s.last = nil
	s.mu.Unlock()
	status, _ = v.Send(t, s.Listener.Addr().String())
	s.mu.Lock()
	defer s.mu.Unlock()
	return status, s.last
}

// Each request of the suites gets the answer that CrowdSec's engine would lead to, and the
// rule that stops it is one of those that do there.
func TestSuitesThroughTheMiddleware(t *testing.T) {
	dirs := []string{filepath.Join("..", "waf", "testdata", "suite")}
	if dir := os.Getenv("TOCSIN_WAF_SUITE"); dir != "" {
		dirs = append(dirs, dir)
	}
	requests := 0
	for _, dir := range dirs {
		for _, suite := range wafsuite.In(t, dir) {
			rules, err := waf.Load(waf.LoadConfig{Paths: suite.InBand, OutOfBand: suite.OutOfBand})
			if err != nil {
				t.Fatal(err)
			}
			s := newRuledSite(t, rules)
			for i := range suite.Vectors {
				v, want := &suite.Vectors[i], &suite.Wants[i]
				if want.Go != "" || want.Error != "" {
					continue
				}
				requests++
				status, found := s.send(t, v)
				if problem := judge1(v, want, status, found); problem != "" {
					t.Errorf("%s %s %s: %s", suite.Name, v.ID, v.Note, problem)
				}
			}
		}
	}
	if requests < 50 {
		t.Errorf("%d requests: the suites cannot be read any more", requests)
	}
}

// judge1 says what is wrong about an answer, or nothing.
func judge1(v *wafsuite.Vector, want *wafsuite.Expectation, status int, found []event.Finding) string {
	stopped := len(found) > 0 && found[0].Stopped
	switch {
	case stopped != (status == http.StatusForbidden) || !stopped && status != http.StatusOK:
		return fmt.Sprintf("status %d, found %+v", status, found)
	case want.Unstable != nil:
		return ""
	case stopped != want.Blocked && !(stopped && v.IsStricter()):
		return fmt.Sprintf("stopped: %v, want %v", stopped, want.Blocked)
	case stopped && !v.IsStricter() && !slices.Contains(want.Rules, found[0].Rule):
		return fmt.Sprintf("stopped by %s, want one of %q", found[0].Rule, want.Rules)
	}
	return ""
}

// A request that is stopped by its head leaves its body to the server, which reads on to
// the next request of the connection, or says that it will not.
func TestABodyThatNobodyReads(t *testing.T) {
	for _, body := range []string{"Content-Length: 9\r\n\r\nsome=body", "Transfer-Encoding: chunked\r\n\r\n9\r\nsome=body\r\n0\r\n\r\n"} {
		m := mustNew(t, Config{Lookup: nothing, ChallengeOff: true, Inspectors: []Inspector{&judge{say: saysBan}}})
		var problems strings.Builder
		s := httptest.NewUnstartedServer(m.Handler(http.HandlerFunc(seen)))
		s.Config.ErrorLog = log.New(&problems, "", 0)
		s.Start()
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		const head = "POST / HTTP/1.1\r\nHost: own.example\r\n"
		if _, err := conn.Write([]byte(strings.Repeat(head+body, 2))); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		for n := range 2 {
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: answer %d: %v", body, n+1, err)
			}
			_, err = io.Copy(io.Discard, response.Body)
			if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != 418 {
				t.Errorf("%s: answer %d: status %d, %v", body, n+1, response.StatusCode, err)
			}
		}
		if err := errors.Join(conn.Close(), s.Config.Close()); err != nil {
			t.Error(err)
		}
		s.Close()
		if problems.Len() > 0 {
			t.Errorf("%s: %s", body, problems.String())
		}
	}
}
