package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lapi"
)

func TestOneLineSaysWhatIsOn(t *testing.T) {
	for _, row := range []struct {
		name, global, sites string
		want                []string
	}{
		{
			"all", "detect {DIR}/rules.yaml\n" + trap + "challenge pow\nlocal captcha 10m",
			"http://{ADDR} {\ntocsin\nhandle /a {\ntocsin\n}\n}\nhttp://a.example:{PORT} {\ntocsin\n}",
			[]string{`"sites":2`, `"sources":["list:list.txt"]`, `"scenarios":2`, `"scenarios_lead_to":{"ban 1h":1,"captcha 10m":1}`, `"challenge":"pow"`, `"inspectors":[]`},
		},
		{
			"little", "detect off", "http://{ADDR} {\nrespond ok\n}",
			[]string{`"sites":0`, `"scenarios":0`, `"scenarios_lead_to":{}`, `"challenge":"pow"`},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.list("list.txt", banned)
			h.file("rules.yaml", "type: trigger\nname: test/path\nfilter: \"evt.Parsed.request == '/a'\"\nlabels:\n  remediation: true\n")
			h.load(strings.Replace(globals("blocklist {DIR}/list.txt\nsnapshot off\n"+row.global), "output discard", "output file {DIR}/log {\nroll_disabled\n}", 1) + row.sites)
			wait(t, func() error {
				return logged(h, "log", append(row.want, "tocsin is on", `"version":"`+lapi.Version+`"`)...)
			})
		})
	}
}

func TestStatusAndMetricAgreeOnTheVersion(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.withList() + "http://{ADDR} {\ntocsin\n}")
	version := askFor[admin.Status](h, http.MethodGet, "/tocsin/status", http.StatusOK).Version
	if a := h.ask(http.MethodGet, "/metrics"); version != lapi.Version || !strings.Contains(a.body, `version="`+version+`"} 1`) {
		t.Errorf("status %q, metrics %.300q", version, a.body[strings.Index(a.body, "tocsin_build_info"):])
	}
}
