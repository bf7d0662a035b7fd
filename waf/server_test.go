package waf

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tocsin-project/tocsin/internal/wafsuite"
)

// What a handler of net/http sees of a request leads to the same verdict as the request.
func TestSuiteThroughAServer(t *testing.T) {
	eachSuite(t, func(t *testing.T, s wafsuite.Suite, rules *Rules) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := json.Marshal(inspected(t, rules, r))
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("X-Finding", string(text))
		}))
		defer server.Close()
		for i, v := range s.Vectors {
			want := &s.Wants[i]
			if want.Go != "" || want.Error != "" {
				continue
			}
			t.Run(v.ID+" "+v.Note, func(t *testing.T) {
				compare(t, want, send(t, server.Listener.Addr().String(), &v), v.IsStricter())
			})
		}
	})
}

// send writes a vector to a server as it is, and reads the finding that it answers with.
func send(t *testing.T, addr string, v *wafsuite.Vector) finding {
	t.Helper()
	var f finding
	_, header := v.Send(t, addr)
	wafsuite.Unmarshal(t, header.Get("X-Finding"), &f)
	return f
}
