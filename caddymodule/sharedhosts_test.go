package caddymodule

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// If several sites are in one domain, the start says that passes can hold for all of
// them. Otherwise it says nothing.
func TestAStartNamesHostsThatCouldSharePasses(t *testing.T) {
	for _, row := range []struct{ name, global, hosts, want string }{
		{"hosts of one domain", "", "www.example.com cdn.example.com other.example", `"domain":"example.com","hosts":["cdn.example.com","www.example.com"]`},
		{"a wildcard", "", "*.example.co.uk", `"domain":"example.co.uk","hosts":["*.example.co.uk"]`},
		{"hosts of different domains", "", "one.co.uk two.co.uk one.github.io two.github.io", ""},
		{"one host", "", "www.example.com", ""},
		{"addresses", "", "192.0.2.1 192.0.3.1 localhost", ""},
		{"the option is set", "challenge pow {\nhosts example.com\n}", "www.example.com cdn.example.com", ""},
		{"no challenge", "challenge off", "www.example.com cdn.example.com", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.list("banned.txt", banned)
			text := withLog(globals("blocklist {DIR}/banned.txt\nsnapshot off\n" + row.global))
			for host := range strings.FieldsSeq(row.hosts) {
				text += fmt.Sprintf("http://%s:{PORT} {\ntocsin\nrespond ok\n}\n", host)
			}
			h.load(text)
			log, err := os.ReadFile(filepath.Join(h.dir, "log"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(log), "sites of one domain"); got != (row.want != "") || !strings.Contains(string(log), row.want) {
				t.Errorf("the log is\n%s\nwant %q", log, row.want)
			}
		})
	}
}
