package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/replay"
)

// The command says what would happen to a request, and why.
func TestTheCommandOfTheWAF(t *testing.T) {
	h := newHost(t)
	for name, confidence := range map[string]string{"a": "certain", "c": "likely", "d": "observe"} {
		h.file("rules-"+name+".yaml", ruleAbout("own/"+name, name, confidence))
	}
	rules := h.file("rules-newer.yaml", strings.Replace(ruleAbout("own/newer", "n", "certain"), "ARGS", "ORBIT", 1))
	rules = strings.Replace(rules, "newer", "*", 1)
	body := h.file("body.json", `{"x":"`+strings.Repeat("x", 200_000)+`"}`)
	const site = "http://127.0.0.1:1 {\ntocsin\nrespond ok\n}"
	config := h.file("Caddyfile", globals("snapshot off\nwaf "+rules+" {\nexcept own/a path /admin/*\n}")+site)
	observing := h.file("observe.caddyfile", globals("snapshot off\nwaf "+rules+" {\nobserve\n}")+site)
	without := h.file("without.caddyfile", globals("snapshot off")+site)
	for _, row := range []struct {
		name    string
		args    []string
		want    []string
		failure string
	}{
		{"nothing", []string{"GET", "/?a=good", "--rules", rules}, []string{"Result pass\n", "Rules 3 run, 0 matched\n", "Left out " + strings.Replace(rules, "*", "newer", 1) + ":5: own/newer: it has the zone ORBIT"}, ""},
		{"a rule that stops", []string{"GET", "https://example.com?a=very%20EVIL", "--rules", rules}, []string{"Result ban, status 403\nReason own/a in ARGS_GET.a\n", "own/a certain stops ARGS_GET.a very EVIL about a"}, bad},
		{"one that asks for a challenge", []string{"GET", "/?c=evil", "--rules", rules}, []string{"Result captcha, status 403\n", "own/c likely asks for a challenge ARGS_GET.c evil"}, bad},
		{"one that observes", []string{"GET", "/?d=evil", "--rules", rules}, []string{"Result pass\n", "own/d observe observes"}, ""},
		{"a form", []string{"POST", "/", "--data", "x=1&a=evil", "--rules", rules}, []string{"ARGS_POST.a"}, bad},
		{"what is no form", []string{"POST", "/", "--data", "x=1&a=evil", "--header", "Content-Type: text/plain", "--rules", rules}, []string{"Result pass"}, ""},
		{"a file", []string{"PUT", "/", "--data", "@" + body, "--rules", rules}, []string{"Result pass", "Warning not all of the request is inspected"}, ""},
		{"a config", []string{"GET", "/?a=evil", "--config", config, "--adapter", "caddyfile"}, []string{"Result ban"}, bad},
		{"an exception", []string{"GET", "/admin/x?a=evil", "--config", config, "--adapter", "caddyfile"}, []string{"Result pass", "own/a certain is excepted ARGS_GET.a evil"}, ""},
		{"a config that observes", []string{"GET", "/?a=evil", "--config", observing, "--adapter", "caddyfile"}, []string{"Result pass", "own/a certain observes"}, ""},
		{"the rules that come with it", []string{"GET", "/?id=1%27+union+select+password+from+users--+-"}, []string{"Result ban", "tocsin/"}, bad},

		{"a config without", []string{"GET", "/", "--config", without, "--adapter", "caddyfile"}, nil, "reading " + without + ": the global option tocsin has no waf"},
		{"rules and a config", []string{"GET", "/", "--config", config, "--rules", rules}, nil, "--rules goes without --config, which says itself what to run"},
		{"an adapter alone", []string{"GET", "/", "--adapter", "caddyfile"}, nil, "--adapter goes with --config"},
		{"no URL", []string{"GET", "no url"}, nil, `the URL: parse "no url": invalid URI for request: a server refuses it before the WAF sees it`},
		{"no header", []string{"GET", "/", "--header", "nonsense"}, nil, `--header "nonsense": want Name: value`},
		{"no rules", []string{"GET", "/", "--rules", "/none.yaml"}, nil, "waf: reading rules: stat /none.yaml: no such file or directory: want builtin, or the path of an appsec-config or of rules"},
		{"no body", []string{"POST", "/", "--data", "@/none"}, nil, "--data: open /none: no such file or directory"},
		{"nothing at all", nil, nil, "accepts 2 arg(s), received 0"},
	} {
		out, failure := h.command(append([]string{"waf", "test"}, row.args...)...)
		if failure != row.failure {
			t.Errorf("%s: failure %q, want %q", row.name, failure, row.failure)
		}
		out = words(out)
		for _, want := range row.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is missing in\n%s", row.name, want, out)
			}
		}
	}
	out, _ := h.command("waf", "test", "GET", "/?a=evil&d=evil", "--rules", rules, "--json")
	var a admin.WAFTest
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Result != "ban" || len(a.Matches) != 2 || a.Matches[0].Rule != "own/a" || a.Matches[1].Does != "observes" {
		t.Errorf("%v: %s", err, out)
	}
}

// words returns a table with one blank between its cells.
func words(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// A replay says what rules would have found, and who would have been banned for it.
func TestReplayOfTheWAF(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"a", "b"} {
		h.file("rules-"+name+".yaml", ruleAbout("own/"+name, name, "certain"))
	}
	rules := strings.Replace(h.file("rules-d.yaml", ruleAbout("own/d", "d", "observe")), "rules-d", "rules-*", 1)
	line := func(client, target string) string {
		return client + ` - - [10/Oct/2026:13:55:01 +0000] "GET ` + target + ` HTTP/1.1" 200 1 "-" "x"` + "\n"
	}
	log := h.file("access.log", line("192.0.2.7", "/?a=evil")+line("192.0.2.7", "/?b=evil")+line("192.0.2.7", "/")+
		line("192.0.2.8", "/?a=evil")+line("192.0.2.8", "/?a=evil")+line("192.0.2.9", "/?d=evil")+line("192.0.2.9", "/admin/?a=evil"))
	bodies := h.file("bodies.jsonl", `{"t":1,"m":"POST","u":"/","s":200,"h":{"Content-Type":"application/x-www-form-urlencoded"},"b":"a=evil","rh":{},"ip":"192.0.2.7"}`+"\n")
	for _, row := range []struct {
		name, log, option string
		rules             map[string][3]int // clients, stopped, only told of
		stopped, banned   int
	}{
		{"as it is", log, "", map[string][3]int{"own/a": {2, 3, 0}, "own/b": {1, 1, 0}, "own/d": {1, 0, 1}}, 5, 1},
		{"observed", log, "observe", map[string][3]int{"own/a": {2, 0, 3}, "own/b": {1, 0, 1}, "own/d": {1, 0, 1}}, 0, 0},
		{"a log with bodies", bodies, "", map[string][3]int{"own/a": {1, 1, 0}}, 1, 0},
	} {
		config := h.file("Caddyfile", globals("snapshot off\nwaf "+rules+" {\nexcept own/a path /admin/*\n"+row.option+"\n}")+"http://127.0.0.1:1 {\ntocsin\nrespond ok\n}")
		out, _ := h.command("replay", row.log, "--config", config, "--adapter", "caddyfile", "--private", "--json")
		var rep replay.Report
		if err := json.Unmarshal([]byte(out), &rep); err != nil {
			t.Fatalf("%s: %v in %s", row.name, err, out)
		}
		got := map[string][3]int{}
		for _, r := range rep.Rules {
			got[r.Name] = [3]int{r.Clients, r.Stopped, r.Observed}
		}
		if len(got) != len(row.rules) || rep.Stopped != row.stopped || rep.Banned != row.banned || rep.RulesRun != 3 {
			t.Errorf("%s: %v, %d stopped, %d banned, %d rules", row.name, got, rep.Stopped, rep.Banned, rep.RulesRun)
		}
		for name, want := range row.rules {
			if got[name] != want {
				t.Errorf("%s: %s: %v, want %v", row.name, name, got[name], want)
			}
		}
		if out, _ := h.command("replay", row.log, "--config", config, "--adapter", "caddyfile", "--private"); !strings.Contains(out, "RULE OF THE WAF") || !strings.Contains(out, "3 rules of the WAF") {
			t.Errorf("%s: %s", row.name, out)
		}
	}
}
