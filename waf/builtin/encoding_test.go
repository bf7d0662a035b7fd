package builtin

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// zip compresses the body of a request.
func (s *sent) zip() {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s.body)
	_ = w.Close()
	s.body = b.String()
	s.header.Set("Content-Encoding", "gzip")
}

// What is compressed is found as what is not, and no more of it.
func TestCompressedRequests(t *testing.T) {
	rules := own(t)
	tried := 0
	for _, glob := range []string{"attacks/*.txt", "honest/*.txt"} {
		for _, r := range corpus(t, glob) {
			s := r.request(t)
			if s.body == "" {
				continue
			}
			tried++
			want, wantName := strongest(s.matches(rules))
			s.zip()
			if got, name := strongest(s.matches(rules)); got != want {
				t.Errorf("%v: %v by %s, without gzip %v by %s", &r, got, name, want, wantName)
			}
		}
	}
	if tried < 200 {
		t.Errorf("%d rows, want 200", tried)
	}
}

// Large compressed requests of honest clients are far from the bounds, too.
func TestHonestCompressedRequestsAreNotCostly(t *testing.T) {
	rules := own(t)
	for _, row := range honestRows() {
		if row.body == "" {
			continue
		}
		s := sent{"POST", row.target, browser(), row.body[:min(len(row.body), 131_072)]}
		s.header.Set("Cookie", row.cookie)
		s.header.Set("Content-Type", row.contentType)
		s.zip()
		in := rules.Head(&waf.Request{Method: "POST", Target: row.target, Proto: "HTTP/1.1", Header: s.header, HasBody: true})
		in.Body([]byte(s.body))
		if in.Costly() {
			t.Errorf("%s: it is too costly", row.name)
		}
		in.Close()
	}
}
