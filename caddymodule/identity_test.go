package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/sources"
)

// The identity of an engine or an inspector covers all fields of its modules, their
// order, and the contents of files that are read once.
func TestGuestsAreToldApart(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	of := func(pem string, guests ...caddy.Module) string {
		t.Helper()
		if err := os.WriteFile(ca, []byte(pem), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := identity(State{Fallback: "ban"}, guests...)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	api := &sources.LAPI{URL: "https://127.0.0.1:1", Key: "k", TLSCA: ca}
	list, other := &sources.Blocklist{Path: "a"}, &sources.Blocklist{Path: "b"}
	if of("pem", api, list) != of("pem", &sources.LAPI{URL: "https://127.0.0.1:1", Key: "k", TLSCA: ca}, &sources.Blocklist{Path: "a"}) {
		t.Error("the same has two identities")
	}
	seen := map[string]string{}
	for name, id := range map[string]string{
		"one list":          of("pem", list),
		"another":           of("pem", other),
		"both":              of("pem", list, other),
		"in another order":  of("pem", other, list),
		"a Local API":       of("pem", api),
		"another authority": of("other", api),
		"of another module": of("pem", &sources.GeoIP{}),
		"an empty list":     of("pem", &sources.Blocklist{}),
		"another key":       of("pem", &sources.LAPI{URL: "https://127.0.0.1:1", Key: "l", TLSCA: ca}),
		"nothing":           of("pem"),
	} {
		if before, taken := seen[id]; taken {
			t.Errorf("%s has the identity of %s", name, before)
		}
		seen[id] = name
	}
	if _, err := identity(nil, list, &sources.LAPI{TLSCA: filepath.Join(t.TempDir(), "none")}); err == nil || !strings.HasPrefix(err.Error(), "lapi 1: tls: open ") {
		t.Errorf("a missing authority: %v", err)
	}
}

// A guest of somebody else has a file by another option.
type filed struct{ path string }

func (filed) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tocsin.sources.filed", New: func() caddy.Module { return new(filed) }}
}

func (f filed) Files() []guest.File { return []guest.File{{Option: "keytab", Path: f.path}} }

func TestAFileThatCannotBeReadIsNamedByItsOption(t *testing.T) {
	_, err := identity(nil, filed{os.DevNull}, filed{filepath.Join(t.TempDir(), "none")})
	if err == nil || !strings.HasPrefix(err.Error(), "filed 2: keytab: open ") {
		t.Errorf("%v", err)
	}
}
