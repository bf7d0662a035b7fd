package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
)

const otherBanned = "203.0.113.77"

func TestAllowedByAFile(t *testing.T) {
	for _, row := range []struct{ name, global, site string }{
		{"of all sites", "allow {DIR}/allow.txt", ""},
		{"of one site", "", "allow {DIR}/allow.txt"},
		{"of both", "allow {DIR}/allow.txt", "allow 192.0.2.99 {DIR}/allow.txt"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.useAdmin()
			h.list("list.txt", banned, otherBanned)
			h.list("allow.txt", banned)
			config := globals("blocklist {DIR}/list.txt\nsnapshot off\n"+row.global) +
				"http://{ADDR} {\ntocsin {\n" + row.site + "\n}\nrespond ok\n}"
			h.load(config)
			h.waitStatus(otherBanned, http.StatusForbidden)
			if a := h.get(banned, "/"); a.status != http.StatusOK {
				t.Errorf("a client in the file gets %d", a.status)
			}
			h.list("allow.txt", banned, otherBanned)
			h.waitStatus(otherBanned, http.StatusOK)

			h.list("allow.txt", otherBanned, "192.0.2.300") // which is refused as a whole
			wait(t, func() error {
				if s := askFor[admin.Status](h, "GET", "/tocsin/status", 200); len(s.Allow) != 1 || s.Allow[0].Decisions != 2 ||
					s.Allow[0].Kind != kindAllowFile || !strings.Contains(s.Allow[0].Error, "line 2") {
					return fmt.Errorf("%+v", s.Allow)
				}
				return nil
			})
			if a := h.get(banned, "/"); a.status != http.StatusOK {
				t.Errorf("once the file is broken, the client gets %d", a.status)
			}
			// A reload keeps what a list holds, though the file is gone.
			if err := os.Remove(filepath.Join(h.dir, "allow.txt")); err != nil {
				t.Fatal(err)
			}
			h.load(strings.Replace(config, "respond ok", "respond yes", 1))
			if a := h.get(banned, "/"); a.status != http.StatusOK {
				t.Errorf("after a reload the client gets %d", a.status)
			}
		})
	}
}

func TestAllowedByAURL(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"ip": "`+banned+`"}]`)
	}))
	t.Cleanup(s.Close)
	h := newHost(t)
	h.list("list.txt", banned, otherBanned)
	h.load(globals("blocklist {DIR}/list.txt\nsnapshot off\nallow "+s.URL+"/monitors.json") + site1)
	h.waitStatus(otherBanned, http.StatusForbidden)
	h.waitStatus(banned, http.StatusOK)
}

func TestAllowIsRefused(t *testing.T) {
	h := newHost(t)
	for _, row := range []struct{ allow, want string }{
		{"htps://example.org/a.txt", `allow: unknown scheme "htps": write http:// or https://`},
		{"10.0.0.0/33", `allow: "10.0.0.0/33": not an IP address`},
		{"allow.txt", "the path of a file, absolute or with ./ before it"},
	} {
		for place, config := range map[string]string{
			"global": globals("blocklist {DIR}/list.txt\nallow "+row.allow) + site1,
			"site":   globals("blocklist {DIR}/list.txt") + "http://{ADDR} {\ntocsin {\nallow " + row.allow + "\n}\n}",
		} {
			if err := h.validate(config); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s, %s: got %v, want %q in it", place, row.allow, err, row.want)
			}
		}
	}
}

func TestWhatIsNoPathIsRefused(t *testing.T) {
	h := newHost(t)
	for _, row := range []struct{ option, want string }{
		{"blocklist htps://example.org/a.txt", `blocklist 1: path: unknown scheme "htps": write http:// or https://`},
		{"blocklist a.txt\nsnapshot on", `snapshot: "on": want the path of a file, or off`},
		{"blocklist a.txt\nsnapshot yes", `snapshot: "yes"`},
		{"blocklist a.txt\ngeoip https://example.org/a.mmdb", "geoip 1: \"https://example.org/a.mmdb\": want the path of a file"},
	} {
		if err := h.validate(globals(row.option) + site1); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q in it", row.option, err, row.want)
		}
	}
}

// The two forms say the same.
func TestAllowInJSON(t *testing.T) {
	h := newHost(t)
	var cfg struct {
		Apps struct{ Tocsin struct{ Allow []string } }
	}
	if err := json.Unmarshal(h.json(globals("allow 192.0.2.1 /etc/allow.txt https://example.org/allow.txt")+site1), &cfg); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cfg.Apps.Tocsin.Allow, " "); got != "192.0.2.1 /etc/allow.txt https://example.org/allow.txt" {
		t.Errorf("got %s", got)
	}
}
