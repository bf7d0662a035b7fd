package caddymodule

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/internal/wafsuite"
)

// ruleAbout returns a file of a rule about an argument.
func ruleAbout(name, argument, confidence string) string {
	return fmt.Sprintf("name: %s\ndescription: about %s\nlabels: {confidence: %s}\nrules:\n- zones: [ARGS, BODY_ARGS]\n  variables: [%s]\n  transform: [lowercase]\n  match: {type: contains, value: evil}\n",
		name, argument, confidence, argument)
}

// ruled returns a Caddyfile of one site behind the WAF with rules of the test's own. Its
// error routes say why.
func (h *host) ruled(global, block, site string) string {
	h.t.Helper()
	for name, confidence := range map[string]string{"a": "certain", "b": "certain", "c": "likely", "d": "observe"} {
		h.file("rules-"+name+".yaml", ruleAbout("own/"+name, name, confidence))
	}
	h.list("list.txt", banned)
	return globals("blocklist {DIR}/list.txt\nsnapshot off\n"+global+"\nwaf {DIR}/rules-*.yaml {\n"+block+"\n}") +
		"http://{ADDR} {\ntocsin {\n" + site + "\n}\nrespond \"site:{http.tocsin.challenge}\"\n" +
		"handle_errors {\nrespond \"error {http.tocsin.action} {http.tocsin.origin} {http.tocsin.reason}\" {http.error.status_code}\n}\n}"
}

func TestTheWAFJudgesRequests(t *testing.T) {
	for _, row := range []struct {
		name, global, block, site string
		path, body                string
		status                    int
		want                      string
	}{
		{"a page", "", "", "", "/?x=evil", "", 200, "site:"},
		{"an attack in the query", "", "", "", "/?a=EVIL", "", 403, "error ban waf own/a in ARGS_GET.a"},
		{"an attack in a form", "", "", "", "/", "x=1&a=evil", 403, "error ban waf own/a in ARGS_POST.a"},
		{"what may be one", "", "", "", "/?c=evil", "", 403, `{"type":"about:blank"`},
		{"on a path that is exempt from other challenges", "", "", "", "/robots.txt?c=evil", "", 403, `{"type":"about:blank"`},
		{"with challenges off", "challenge off", "", "", "/?c=evil", "", 403, "error captcha waf own/c in ARGS_GET.c"},
		{"what is only observed", "", "", "", "/?d=evil", "", 200, "site:"},
		{"a rule that does not count", "", "except own/a", "", "/?a=evil", "", 200, "site:"},
		{"one that does not count elsewhere", "", "except own/a path /admin/*", "", "/?a=evil", "", 403, "error ban waf own/a"},
		{"one that does not count here", "", "except own/a path /admin/*", "", "/admin/x?a=evil", "", 200, "site:"},
		{"all are observed", "", "observe", "", "/?a=evil", "", 200, "site:"},
		{"but for this site", "", "observe", "waf on", "/?a=evil", "", 403, "error ban waf own/a"},
		{"in this site they are observed", "", "", "waf observe", "/?a=evil", "", 200, "site:"},
		{"in this site there is none", "", "", "waf off", "/?a=evil", "", 200, "site:"},
		{"a dry run", "", "", "dry_run", "/?a=evil", "", 200, "site:"},
		{"without detection", "", "", "detect off", "/?a=evil", "", 403, "error ban waf own/a"},
		{"a long body", "", "body_limit 1KiB\nbody_over ban", "", "/", "x=" + strings.Repeat("x", 2000), 413, "error ban waf its body is longer than what is inspected"},
		{"a client on the allow list", "allow " + attacker, "", "", "/?a=evil", "", 200, "site:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.ruled(row.global, row.block, row.site))
			a := h.get(attacker, row.path)
			if row.body != "" {
				r, err := http.NewRequest(http.MethodPost, "http://"+h.addr+row.path, strings.NewReader(row.body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("X-Forwarded-For", attacker)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if a, err = h.do(r); err != nil {
					t.Fatal(err)
				}
			}
			if a.status != row.status || !strings.HasPrefix(a.body, row.want) {
				t.Errorf("status %d, %q", a.status, a.body)
			}
		})
	}
}

// A client that matches two different rules within a minute is banned. The same rule
// twice, or requests that pages of others cause, lead to no ban.
func TestTwoRulesBan(t *testing.T) {
	for _, row := range []struct {
		name, block, site string
		paths             []string
		foreign           bool
		want              int // status of the page that follows
	}{
		{"two rules", "", "", []string{"/?a=evil", "/?b=evil"}, false, 403},
		{"one rule twice", "", "", []string{"/?a=evil", "/x?a=evil"}, false, 200},
		{"one request that trips both", "", "", []string{"/?a=evil&b=evil"}, false, 200},
		{"one that is observed", "observe", "", []string{"/?a=evil", "/?b=evil"}, false, 200},
		{"a dry run", "", "dry_run", []string{"/?a=evil", "/?b=evil"}, false, 200},
		{"pages of others", "", "", []string{"/?a=evil", "/?b=evil"}, true, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.ruled("", row.block, row.site))
			for _, path := range row.paths {
				r := h.request(http.MethodGet, attacker, path)
				if row.foreign {
					r.Header.Set("Sec-Fetch-Site", "cross-site")
					r.Header.Set("Sec-Fetch-Dest", "image")
				}
				if _, err := h.do(r); err != nil {
					t.Fatal(err)
				}
			}
			if a := h.get(attacker, "/page"); a.status != row.want {
				t.Errorf("status %d, %q", a.status, a.body)
			}
		})
	}
}

// If a request meets the directive twice, the inner one decides about the WAF, unless the
// outer one stops the request.
func TestTheWAFTwiceInOneSite(t *testing.T) {
	for _, row := range []struct {
		name, outer, inner string
		status             int
		inspected          uint64
	}{
		{"once for both", "", "", 403, 1},
		{"the inner one stops", "waf observe", "waf on", 403, 2},
		{"the outer one stops", "", "waf off", 403, 1},
		{"the inner one alone", "waf off", "", 403, 1},
		{"both observe", "waf observe", "waf observe", 200, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.useAdmin()
			config := h.ruled("", "", "")
			config = strings.Replace(config, "tocsin {\n\n}\nrespond", "tocsin {\n"+row.outer+"\n}\nhandle /inner/* {\ntocsin {\n"+row.inner+"\n}\nrespond inner\n}\nrespond", 1)
			h.load(config)
			if a := h.get(attacker, "/inner/?a=evil"); a.status != row.status {
				t.Errorf("status %d, %q", a.status, a.body)
			}
			s := askFor[admin.Status](h, http.MethodGet, "/tocsin/status", 200)
			if s.WAF.Inspected != row.inspected {
				t.Errorf("inspected %d times, want %d", s.WAF.Inspected, row.inspected)
			}
		})
	}
}

// The status and the metrics say what rules have found, and go on over a reload that does
// not change the rules. New files are read by a reload.
func TestTheStatusOfTheWAF(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.file("rules-newer.yaml", strings.Replace(ruleAbout("own/newer", "n", "certain"), "ARGS", "ORBIT", 1))
	config := h.ruled("", "except own/b", "")
	h.load(config)
	for _, path := range []string{"/", "/?a=evil", "/x?a=evil", "/?b=evil", "/?d=evil"} {
		h.get(attacker, path)
	}
	h.load(config + "\n")
	var s admin.Status
	if err := json.Unmarshal([]byte(h.ask(http.MethodGet, "/tocsin/status").body), &s); err != nil {
		t.Fatal(err)
	}
	w := s.WAF
	if w == nil || w.Rules != 4 || w.Inspected != 5 || w.Stopped["ban"] != 2 || w.Observed != 1 || w.Matched["own/a"] != 2 || w.Excepted["own/b"] != 1 {
		t.Fatalf("%+v", w)
	}
	if len(w.Skipped) != 1 || !strings.HasSuffix(w.Skipped[0], "rules-newer.yaml:5: own/newer: it has the zone ORBIT, which this version does not know") {
		t.Errorf("%q", w.Skipped)
	}
	if sum, _ := h.metric("tocsin_waf_rule_matches_total", `rule="own/a"`); sum != 2 {
		t.Errorf("the metric says %v", sum)
	}
	if out, _ := h.command("status", "--address", h.admin); !strings.Contains(out, "WAF ") || !strings.Contains(out, "own/a") || !strings.Contains(out, "WAF LEFT OUT") {
		t.Errorf("%s", out)
	}
	h.file("rules-e.yaml", ruleAbout("own/e", "e", "certain"))
	h.load(config)
	if a := h.get(attacker, "/?e=evil"); a.status != 403 {
		t.Errorf("a rule that is new: status %d", a.status)
	}
}

// Errors name the line of the option.
func TestErrorsOfTheWAF(t *testing.T) {
	h := newHost(t)
	h.file("crs.yaml", "name: own/crs\nseclang_rules:\n- SecRule ARGS \"@rx evil\" \"id:1,deny\"\n")
	for _, row := range []struct{ name, option, want string }{
		{"nothing there", "waf /none.yaml", "waf: reading rules: stat /none.yaml: no such file or directory: want builtin, or the path of an appsec-config or of rules, at "},
		{"SecLang", "waf {DIR}/crs.yaml", "use appsec for it, at "},
		{"an exception from nothing", "waf builtin {\nobserve\nexcept own/none\n}", "waf: except own/none: there is no such rule: tocsin waf test names the rules that a request matches, at "},
		{"an invalid matcher", "waf builtin {\nexcept * path_regexp [\n}", "waf: except *: "},
	} {
		err := h.validate(globals(row.option) + site1)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
	for _, mode := range []string{"on", "observe"} {
		err := h.validate(globals("") + "http://{ADDR} {\ntocsin {\nwaf " + mode + "\n}\n}")
		if want := "waf " + mode + ": the WAF has no rules: add waf builtin to the global option tocsin"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a site without a global waf: %v, want %s", err, want)
		}
	}
}

// A sample of the suites gets the same verdict over each version of HTTP.
func TestTheWAFOverEachVersionOfHTTP(t *testing.T) {
	dir := wafsuite.Dir(t)
	f := &front{host: newHost(t), tls: freeAddr(t)}
	trusted := f.certificate()
	f.list("list.txt", banned)
	_, port, _ := net.SplitHostPort(f.tls)
	config := filepath.Join(dir, "_hub", "appsec-configs", "crowdsecurity", "appsec-default.yaml")
	f.load(strings.Replace(globals("blocklist {DIR}/list.txt\nsnapshot off\ndetect off\nchallenge off\nwaf "+config), "protocols h1 h2c", "protocols h1 h2 h2c h3", 1) +
		"(site) {\ntocsin\nrespond ok\n}\nhttp://{ADDR} {\nimport site\n}\nhttps://127.0.0.1:" + port + " {\ntls {DIR}/cert.pem {DIR}/key.pem\nimport site\n}")
	f.clients = f.newClients(trusted)
	n := 0
	for _, suite := range wafsuite.In(t, dir) {
		if !strings.HasPrefix(suite.Name, "tricky-") && suite.Name != "near-miss" {
			continue
		}
		for i := range suite.Vectors {
			v, want := &suite.Vectors[i], &suite.Wants[i]
			if i%3 > 0 || !isSendable(v) || want.Go != "" || want.Error != "" || v.IsStricter() {
				continue
			}
			n++
			for proto := range f.clients {
				if got := f.sendVector(proto, v) == http.StatusForbidden; got != want.Blocked {
					t.Errorf("%s %s over %s: stopped: %v, want %v", suite.Name, v.ID, proto, got, want.Blocked)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("%d requests: the suites cannot be read any more", n)
	}
}

// isSendable reports whether a client of net/http sends a request as it is.
func isSendable(v *wafsuite.Vector) bool {
	names := map[string]bool{}
	for _, field := range v.Headers {
		name := http.CanonicalHeaderKey(field[0])
		plain := strings.IndexFunc(field[1], func(r rune) bool { return r < ' ' || r > '~' }) < 0
		if names[name] || !plain || slices.Contains([]string{"Connection", "Te", "Expect", "Upgrade", "Content-Length"}, name) {
			return false
		}
		names[name] = true
	}
	_, err := url.ParseRequestURI(v.Target)
	printable := strings.IndexFunc(v.Target, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	return err == nil && printable && len(v.Target) < 8000 && strings.HasPrefix(v.Target, "/") && !strings.HasPrefix(v.Target, "//") && !strings.Contains(v.Method, " ")
}

// sendVector sends a request over a version of HTTP, and returns the status.
func (f *front) sendVector(proto string, v *wafsuite.Vector) int {
	f.t.Helper()
	r, err := http.NewRequest(v.Method, f.url(proto, "/"), strings.NewReader(string(v.Body)))
	if err != nil {
		f.t.Fatal(err)
	}
	r.URL.Opaque, r.Header["User-Agent"] = v.Target, nil
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	for _, field := range v.Headers {
		if strings.EqualFold(field[0], "Host") {
			continue // the server has one site
		}
		r.Header.Set(field[0], field[1])
	}
	resp, err := f.clients[proto].Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
