package appsectest

import (
	"net/http"
	"strings"
	"time"
)

// A Runner has a [Server] judge as CrowdSec's own does, which is not at once and not
// many at a time. The zero Runner does both.
type Runner struct {
	// Routines is how many questions are judged at the same time; the others wait in
	// the order in which they came. CrowdSec's default is 1. Default: as many as come.
	Routines int

	// PerByte is how long a byte of a body takes. With the Core Rule Set in-band, one
	// of JSON takes about 55 µs. Default: no time.
	PerByte time.Duration

	// PerHeadByte is the same for a byte of the head: the names and the values of the
	// fields that are not for AppSec itself. Default: no time.
	PerHeadByte time.Duration

	// PerQuestion is what each question takes beside. Default: no time.
	PerQuestion time.Duration

	// SlowRule is what the word "slow-rule" takes beside, anywhere in what rules see:
	// some rules are slow over small inputs. Default: no time.
	SlowRule time.Duration

	// NoHTTP3 has every request refused that was told to be of HTTP/3, as rule 920430
	// of the Core Rule Set 4.0.0-rc1 does. Default: the version does not matter.
	NoHTTP3 bool
}

// running is a [Runner] with its routines.
type running struct {
	Runner
	free chan struct{} // nil: as many as come
}

// Run has s judge as r says, from the next question on. A question that is being judged
// goes on to the end although nobody waits for the answer any more, as in CrowdSec.
func (s *Server) Run(r Runner) {
	now := &running{Runner: r}
	if r.Routines > 0 {
		now.free = make(chan struct{}, r.Routines)
	}
	s.runner.Store(now)
}

// judge returns the answer to q once its turn has come and its time is over.
func (s *Server) judge(q *Question) (status int, text string) {
	r := s.runner.Load()
	if r == nil {
		return q.Judge()
	}
	if r.free != nil {
		r.free <- struct{}{}
		defer func() { <-r.free }()
	}
	if took := r.takes(q); took > 0 {
		<-time.After(took)
	}
	if r.NoHTTP3 && strings.HasPrefix(q.Header.Get(prefix+"Http-Version"), "3") {
		return http.StatusForbidden, `{"action":"ban","http_status":403}`
	}
	return q.Judge()
}

// takes returns how long it takes to judge q.
func (r *Runner) takes(q *Question) time.Duration {
	took := r.PerQuestion + time.Duration(len(q.Body))*r.PerByte + time.Duration(q.headBytes())*r.PerHeadByte
	if r.SlowRule > 0 && strings.Contains(q.text(), "slow-rule") {
		took += r.SlowRule
	}
	return took
}

// headBytes returns the length of the names and values that are not for AppSec itself.
func (q *Question) headBytes() (n int) {
	for name, values := range q.Header {
		if strings.HasPrefix(name, prefix) {
			continue
		}
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n
}
