package caddymodule

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func TestErrorsSayWhatToWrite(t *testing.T) {
	for _, row := range []struct{ option, want string }{
		{"accent #336699", `accent: no colour: a # begins a comment, so write accent 336699 or accent "#336699"`},
		{"local ban -5s", "-5s: must be greater than 0"},
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\ntocsin {\nblocklist a\n"+row.option+"\n}\n}\n"), nil)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v; want %q", row.option, err, row.want)
		}
	}
	for _, good := range []string{"accent 336699", `accent "#336699"`} {
		if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\ntocsin {\nblocklist a\n"+good+"\n}\n}\n"), nil); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestCommandsSpeakPlainly(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.list("list.txt", banned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off") + site1)
	h.waitSynced()
	for _, row := range []struct {
		name     string
		args     []string
		want     string
		wantsErr bool
	}{
		{"an error of the API", []string{"check", "nonsense", "--address", h.admin}, "nonsense", true},
		{"a negative wait", []string{"sync", "--wait=-5s", "--address", h.admin}, "--wait=-5s: must be greater than 0", true},
		{"an address that nobody listed", []string{"unban", "203.0.113.99", "--address", h.admin}, "There is no decision about 203.0.113.99", false},
		{"no admin endpoint", []string{"status", "--address", "127.0.0.1:1"}, "remove admin off from its config", true},
	} {
		out, failure := h.command(row.args...)
		text := out
		if row.wantsErr {
			text = failure
		}
		if !strings.Contains(text, row.want) || strings.Contains(text, `{"`) {
			t.Errorf("%s: %q, %q; want %q", row.name, out, failure, row.want)
		}
	}
}
