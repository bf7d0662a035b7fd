package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAStartNamesErrorRoutesThatHandStoppedRequestsOn(t *testing.T) {
	h := newHost(t)
	const (
		proxy  = "reverse_proxy 127.0.0.1:1\n"
		closed = "startup closed"
		ours   = "http://{ADDR} {\ntocsin\nrespond ok\n"
		other  = "http://other.example:{PORT} {\nrespond ok\n"
		nested = `{"handler":"subroute","routes":[{"handle":[{"handler":"tocsin"}]}],"errors":{"routes":[{"handle":[{"handler":"subroute","routes":[` +
			`{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:1"}]}]}]}]}]}},`
	)
	for i, row := range []struct{ name, sites, want string }{
		{"no error routes", ours + "}", ""},
		{"a proxy", ours + "handle_errors {\n" + proxy + "}\n}", `["reverse_proxy"]`},
		{"PHP and files", ours + "handle_errors {\nphp_fastcgi 127.0.0.1:1\nfile_server\n}\n}", `["php_fastcgi","file_server"]`},
		{"a page for another status", ours + "handle_errors {\n@404 expression {err.status_code} == 404\nrewrite @404 /404.html\nfile_server\n}\n}", `["file_server"]`},
		{"all but one status", ours + "handle_errors {\n@x expression {err.status_code} != 404\nhandle @x {\n" + proxy + "}\n}\n}", `["reverse_proxy"]`},
		{"a class", ours + "handle_errors 4xx {\n" + proxy + "}\n}", `["reverse_proxy"]`},
		{"this status and another", ours + "handle_errors 403 404 {\n" + proxy + "}\n}", `["reverse_proxy"]`},
		{"from this status on", ours + when("{err.status_code} >= 403", proxy) + "\n}", `["reverse_proxy"]`},
		{"an upstream that is down, where a start is closed", closed + ours + "handle_errors 502 503 504 {\n" + proxy + "}\n}", `["reverse_proxy"]`},
		{"a class of such errors, where a start is closed", closed + ours + "handle_errors 5xx {\n" + proxy + "}\n}", `["reverse_proxy"]`},
		{"in a block", ours + "handle_errors {\nhandle {\nroute {\n" + proxy + "}\n}\n}\n}", `["reverse_proxy"]`},
		{"a named route", "&(named) {\n" + proxy + "}\n" + ours + "handle_errors {\ninvoke named\n}\n}", `["reverse_proxy"]`},
		{"a path that the request says", ours + "handle_errors {\nrewrite * {path}.html\nfile_server\n}\n}", `["file_server"]`},
		{"of a subroute, in JSON", "", `["reverse_proxy"]`},

		{"an answer", ours + "handle_errors {\nrespond sorry\n}\n}", ""},
		{"this status", ours + "handle_errors 403 429 {\n" + proxy + "}\n}", ""},
		{"an upstream that is down", ours + "handle_errors 502 503 504 {\n" + proxy + "}\n}", ""},
		{"a class of such errors", ours + "handle_errors 5xx {\n" + proxy + "}\n}", ""},
		{"another status", ours + "handle_errors 404 410 {\n" + proxy + "}\n}", ""},
		{"errors with which nothing is stopped", closed + ours + "handle_errors 502 504 {\n" + proxy + "}\n}", ""},
		{"the decision", ours + "handle_errors {\n@x vars {http.tocsin.action} ban\nhandle @x {\n" + proxy + "}\n}\n}", ""},
		{"the matcher", ours + "handle_errors {\n@x tocsin\nhandle @x {\n" + proxy + "}\n}\n}", ""},
		{"a page by the status", ours + "handle_errors {\nrewrite * /{err.status_code}.html\nfile_server\n}\n}", ""},
		{"pages that are tried", ours + "handle_errors {\nroot {DIR}\ntry_files /{err.status_code}.html /error.html\nfile_server\n}\n}", ""},
		{"a page for this status", ours + "handle_errors {\n@403 expression {err.status_code} == 403\nrewrite @403 /403.html\nfile_server\n}\n}", ""},
		{"of another site", ours + "}\n" + other + "handle_errors {\n" + proxy + "}\n}", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			name := string(rune('a'+i)) + ".log"
			sites := row.sites
			if sites == "" {
				sites = "http://{ADDR} {\nrespond ok\n}"
			}
			sites, late := strings.CutPrefix(sites, closed)
			list := h.withList()
			if late {
				list = h.withList(closed)
			}
			cfg := string(h.json(strings.Replace(list, "output discard", "output file {DIR}/"+name+" {\nroll_disabled\n}", 1) + sites))
			if row.sites == "" {
				const ok = `{"body":"ok","handler":"static_response"}`
				cfg = strings.Replace(cfg, ok, nested+ok, 1)
			}
			if err := h.loadJSON([]byte(cfg)); err != nil {
				t.Fatal(err)
			}
			log, err := os.ReadFile(filepath.Join(h.dir, name))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			warnings := 0
			for line := range strings.Lines(string(log)) {
				if strings.Contains(line, "error routes pass stopped requests to other handlers") {
					if warnings++; !strings.Contains(line, `"handlers":`+row.want) || !strings.Contains(line, `"level":"warn"`) {
						t.Errorf("got %s, want %s in it", line, row.want)
					}
				}
			}
			if want := min(1, len(row.want)); warnings != want {
				t.Errorf("%d warnings, want %d", warnings, want)
			}
		})
	}
}
