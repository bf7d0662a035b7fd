package lapi

import "testing"

func TestParseScope(t *testing.T) {
	for text, want := range map[string]Scope{"ip": ScopeIP, "range": ScopeRange, "country": ScopeCountry, "as": ScopeAS} {
		if s, err := ParseScope(text); s != want || err != nil || string(s) != text {
			t.Errorf("%s: %q, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "Ip", "username", "ip,range"} {
		if s, err := ParseScope(text); s != "" || err == nil {
			t.Errorf("%q: %q, want an error", text, s)
		}
	}
}

func TestParseContextField(t *testing.T) {
	for text, want := range map[string]ContextField{"query": ContextQuery, "host": ContextHost} {
		if f, err := ParseContextField(text); f != want || err != nil || string(f) != text {
			t.Errorf("%s: %q, %v", text, f, err)
		}
	}
	for _, text := range []string{"", "Host", "body"} {
		if f, err := ParseContextField(text); f != "" || err == nil {
			t.Errorf("%q: %q, want an error", text, f)
		}
	}
}
