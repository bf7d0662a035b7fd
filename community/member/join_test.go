package member

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/community/protocol"
)

func TestJoin(t *testing.T) {
	for _, row := range []struct {
		name, terms, want string
		code              int
		answer            protocol.JoinAnswer
	}{
		{"the terms come first", "", "", 200, protocol.JoinAnswer{Terms: "2026-11", TermsURL: "https://c.example/terms", Name: "Example e.V."}},
		{"a key", "2026-11", "", 200, protocol.JoinAnswer{Key: "abc", Login: "m1", Terms: "2026-11"}},
		{"a used invitation", "2026-11", "Ask for a new one", 403, protocol.JoinAnswer{}},
		{"a broken centre", "2026-11", "status 500", 500, protocol.JoinAnswer{}},
		{"an invalid key", "2026-11", "the key is not one", 200, protocol.JoinAnswer{Key: "a\nb"}},
	} {
		var got protocol.JoinRequest
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewDecoder(r.Body).Decode(&got)
			if r.URL.Path != "/api/v1/join" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s %v", r.URL, r.Header)
			}
			w.WriteHeader(row.code)
			send(w, row.answer)
		}))
		a, err := Join(t.Context(), Joining{URL: server.URL, Invitation: "code", Name: "web1", Terms: row.terms, Agent: "tocsin/1"})
		server.Close()
		if (err != nil) != (row.want != "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.name, err)
		}
		if want := (protocol.JoinRequest{Invitation: "code", Name: "web1", Terms: row.terms, Agent: "tocsin/1"}); got != want {
			t.Errorf("%s: asked %+v", row.name, got)
		}
		if err == nil && (a.Key != row.answer.Key || a.Terms != row.answer.Terms || a.TermsURL != row.answer.TermsURL || a.Community != row.answer.Name) {
			t.Errorf("%s: %+v", row.name, a)
		}
	}
	if _, err := Join(t.Context(), Joining{URL: "http://blocklist.example"}); err == nil {
		t.Error("an invitation went over plain http")
	}
}
