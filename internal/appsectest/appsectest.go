// Package appsectest is a simulated AppSec for tests. It gives recorded answers of
// CrowdSec 1.7.8, has simple rules for tests, and records its requests. It answers at
// once, unless a [Runner] makes it as slow and serial as the real one.
package appsectest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Key is the API key of a Server.
const Key = "the-appsec-key"

// HangUp is the status for a closed connection instead of an answer.
const HangUp = 0

// prefix is that of the headers that are for AppSec itself.
const prefix = "X-Crowdsec-Appsec-"

// A Server is a simulated AppSec. Its zero value answers, but does not listen.
type Server struct {
	*httptest.Server

	// Modern has it read bodies without a length, as 1.7.8 does; before, a body is
	// as long as Content-Length says, or not there.
	Modern bool

	// Wrap stands in front. Default: nothing does.
	Wrap func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc)

	runner atomic.Pointer[running] // nil: at once, and as many as come

	mu    sync.Mutex
	asked []Question
}

// A Question is a request as rules get to see it.
type Question struct {
	Method        string // of the question, not of the request
	Length        int64
	Header        http.Header // all of it
	IP, URI, Verb string
	Path, Query   string // parsed
	Body          []byte
	Trouble       []string // what AppSec would not like to see
}

// Start starts a server; nil wrap answers all questions itself.
func Start(t testing.TB, wrap func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc)) *Server {
	s := &Server{Wrap: wrap}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Wrap != nil {
		s.Wrap(w, r, s.answer)
		return
	}
	s.answer(w, r)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	q := Question{
		Method: r.Method, Length: r.ContentLength, Header: r.Header.Clone(),
		IP: r.Header.Get(prefix + "Ip"), URI: r.Header.Get(prefix + "Uri"), Verb: r.Header.Get(prefix + "Verb"),
	}
	if r.Header.Get(prefix+"Api-Key") != Key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	u, err := url.Parse(q.URI)
	if err != nil || q.IP == "" || q.URI == "" || q.Verb == "" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if r.ContentLength >= 0 || s.Modern {
		if q.Body, err = io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	q.Path, q.Query = u.Path, u.RawQuery
	for name, values := range r.Header {
		if strings.HasPrefix(name, prefix) && len(values) != 1 {
			q.Trouble = append(q.Trouble, fmt.Sprintf("%s has %q", name, values))
		}
	}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	status, text := s.judge(&q)
	if status == HangUp {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // an error is a client that has gone
}

// Judge has the rules of the recorded answers: by the path, or by a word anywhere in
// the request. It fails on three words: it answers "breaks-rule" with an error and
// "breaks-answer" with an invalid answer, and at "breaks-off" it closes the connection.
func (q *Question) Judge() (status int, text string) {
	text = q.text()
	switch {
	case strings.Contains(text, "breaks-rule"):
		return 500, ""
	case strings.Contains(text, "breaks-answer"):
		return 200, "<html>"
	case strings.Contains(text, "breaks-off"):
		return HangUp, ""
	case q.Path == "/wp-login.php":
		return 403, `{"action":"captcha","http_status":403}`
	case q.Path == "/teapot":
		return 403, `{"action":"ban","http_status":418}`
	case q.Path == "/tarpit":
		return 403, `{"action":"tarpit","http_status":403}`
	case q.Path == "/rpc2", strings.HasSuffix(q.Path, "/rpc2"), strings.Contains(text, "evil"):
		return 403, `{"action":"ban","http_status":403}`
	}
	return 200, `{"action":"allow","http_status":200}`
}

// text returns all that rules look at.
func (q *Question) text() string {
	all := []string{q.Query, string(q.Body), q.Header.Get(prefix + "User-Agent")}
	for name, values := range q.Header {
		if !strings.HasPrefix(name, prefix) {
			all = append(all, values...)
		}
	}
	return strings.Join(all, " ")
}

// Asked returns what was asked, in order.
func (s *Server) Asked() []Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Question(nil), s.asked...)
}

// Last returns the question asked last, and checks that there are n.
func (s *Server) Last(t testing.TB, n int) Question {
	t.Helper()
	all := s.Asked()
	if len(all) != n {
		t.Fatalf("%d questions, want %d", len(all), n)
	}
	if n == 0 {
		return Question{}
	}
	q := all[n-1]
	if len(q.Trouble) > 0 {
		t.Errorf("trouble: %q", q.Trouble)
	}
	return q
}

// Forget forgets the bodies of what was asked, which may be large.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.asked {
		s.asked[i].Body = nil
	}
}
