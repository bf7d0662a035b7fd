package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/replay"
)

// trapped is a log in which 192.0.2.7 goes where only a scanner goes, and on.
const trapped = `192.0.2.7 - - [10/Oct/2026:13:55:01 +0000] "GET / HTTP/1.1" 200 1 "-" "x"
192.0.2.7 - - [10/Oct/2026:13:55:02 +0000] "GET /trap/a HTTP/1.1" 404 1 "-" "x"
192.0.2.7 - - [10/Oct/2026:13:55:03 +0000] "GET / HTTP/1.1" 200 1 "-" "x"
10.0.0.7 - - [10/Oct/2026:13:55:04 +0000] "GET /trap/a HTTP/1.1" 404 1 "-" "x"
not a line
`

const trapScenario = `{type: trigger, name: mine/trap, filter: "evt.Meta.http_path startsWith '/trap/'", groupby: evt.Meta.source_ip, labels: {remediation: true}}`

func TestReplay(t *testing.T) {
	h := newHost(t)
	log, calm := h.file("access.log", trapped), h.file("calm.log", strings.ReplaceAll(trapped, "/trap/", "/"))
	scenarios := h.file("trap.yaml", trapScenario)
	broken := h.file("late.yaml", strings.Replace(trapScenario, "evt.Meta.http_path", "evt.Meta.nothing_of_ours", 1))
	lists := t.TempDir()
	if err := os.WriteFile(filepath.Join(lists, "traps.txt"), []byte("/trap/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	listed := h.file("listed.yaml", strings.Replace(strings.Replace(trapScenario, "evt.Meta.http_path startsWith '/trap/'", "any(File('traps.txt'), {evt.Meta.http_path startsWith #})", 1), "}}", "}, data: [{dest_file: traps.txt, type: string}]}", 1))
	const site = "http://127.0.0.1:1 {\ntocsin\nrespond ok\n}"
	matcher := h.file("Caddyfile", globals("snapshot off\ndetect builtin\nallow 192.0.2.9\nscenario shop/trap {\nmatch {\npath /trap/*\nheader User-Agent x\n}\nban 1h\n}")+site)
	captcha := h.file("captcha.caddyfile", globals("snapshot off\nlocal captcha 1s\ndetect "+scenarios)+site)
	allowed := h.file("allowed.caddyfile", globals("snapshot off\nallow 192.0.2.0/24\ndetect "+scenarios)+site)
	off := h.file("off.caddyfile", globals("lapi http://127.0.0.1:1 key\ndetect off\nsnapshot off")+site)
	bare := h.file("bare.json", `{"apps":{}}`)
	asJSON := h.file("config.json", `{"apps":{"tocsin":{"detect":{"rules":["`+filepath.ToSlash(scenarios)+`"]}}}}`)
	for _, row := range []struct {
		name    string
		args    []string
		want    []string
		failure string
	}{
		{
			"scenarios of a file",
			[]string{log, "--scenarios", scenarios},
			[]string{
				"Read 4 requests", "192.0.2.7 2026-10-10 13:55:02 " + log + ":2 ban mine/trap 2 1 GET /trap/a x", "Looked for 1 scenario\n",
				"Spared 1 request of private clients", "Skipped 1 line, such as\n " + log + ":5: no line of an access log\n",
				"1 client would have been banned, 0 challenged; 1 of 4 requests would have been stopped.\n",
			},
			bad,
		},
		{"nobody is stopped", []string{calm, "--scenarios", scenarios}, []string{"0 clients would have been banned"}, ""},
		{"of several", []string{calm, "--scenarios", scenarios, "--scenarios", "builtin"}, []string{"0 clients would have been banned"}, ""},
		{"the built-in ones", []string{calm}, []string{"0 clients would have been banned"}, ""},
		{"one that cannot run", []string{calm, "--scenarios", broken}, []string{"Left out " + broken}, ""},
		{"several files", []string{calm, log, "--scenarios", scenarios}, []string{"8 requests of 2 clients", log + ":2 ban mine/trap"}, bad},
		{"private clients, too", []string{log, "--scenarios", scenarios, "--private"}, []string{"10.0.0.7 2026-10-10 13:55:04", "2 clients would"}, bad},
		{"few of them", []string{log, "--scenarios", scenarios, "--private", "--limit=1"}, []string{"There is 1 more: see --limit and --json."}, bad},
		{"a Caddyfile with a scenario of its own", []string{log, "--config", matcher}, []string{"ban shop/trap 2 1"}, bad},
		{"local", []string{log, "--config", captcha}, []string{"captcha mine/trap 2 0", "0 clients would have been banned, 1 challenged"}, bad},
		{"allow", []string{log, "--config", allowed}, []string{"Allowed 3 requests of clients that are allowed, not judged\n"}, ""},
		{"a config in JSON", []string{log, "--config", asJSON}, []string{"ban mine/trap 2 1"}, bad},
		{"a Caddyfile by its adapter", []string{log, "-c", matcher, "-a", "caddyfile"}, []string{"ban shop/trap 2 1"}, bad},
		{"detection is off", []string{log, "--config", off}, nil, "detect: it is off"},
		{"a config without it", []string{log, "--config", bare}, nil, "global option tocsin is missing"},
		{"no config", []string{log, "--config", bare + ".not"}, nil, "no such file"},
		{"both", []string{log, "--config", matcher, "--scenarios", "builtin"}, nil, "--scenarios and --data exclude --config"},
		{"an adapter alone", []string{log, "--adapter", "caddyfile"}, nil, "--adapter needs --config"},
		{"no log", []string{}, nil, "requires at least 1 arg"},
		{"a log that is not there", []string{log + ".not"}, nil, "no such file"},
		{"scenarios that are not there", []string{log, "--scenarios", log + ".not"}, nil, "no such file"},
		{"no log of requests", []string{h.file("dmesg", "usb 1-1: new device\nusb 1-2: new device\n"), "--scenarios", scenarios}, nil, "no request in them: "},
		{"lists of scenarios", []string{log, "--scenarios", listed, "--data", lists}, []string{"ban mine/trap 2 1"}, bad},
		{"lists without scenarios", []string{log, "--config", matcher, "--data", lists}, nil, "exclude --config"},
		{"a limit of nothing", []string{log, "--limit=0"}, nil, "--limit: must be greater than 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			out, failure := h.command(append([]string{"replay"}, row.args...)...)
			if !strings.Contains(failure, row.failure) || (failure == "") != (row.failure == "") {
				t.Errorf("error %q, want %q", failure, row.failure)
			}
			lines := strings.Split(out, "\n")
			for i, line := range lines {
				lines[i] = strings.Join(strings.Fields(line), " ")
			}
			text := strings.Join(lines, "\n")
			for _, want := range row.want {
				if !strings.Contains(text, strings.ReplaceAll(want, "\n ", "\n")) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if row.want == nil && out != "" {
				t.Errorf("prints %q", out)
			}
		})
	}
}

func TestReplayForScripts(t *testing.T) {
	h := newHost(t)
	out, failure := h.command("replay", h.file("access.log", trapped), "--scenarios", h.file("trap.yaml", trapScenario), "--json", "--limit=1")
	var rep replay.Report
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&rep); err != nil || d.More() || failure != bad {
		t.Fatalf("%v, %q in %s", err, failure, out)
	}
	if rep.Banned != 1 || rep.Requests != 4 || rep.Seconds <= 0 || rep.Speed <= 0 || len(rep.Offenders) != 1 || rep.Offenders[0].Verdicts[0].Target != "192.0.2.7" {
		t.Errorf("%s", out)
	}
}

func TestReplayOfStandardInput(t *testing.T) {
	h := newHost(t)
	f, err := os.Open(h.file("access.log", trapped))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	old := os.Stdin
	os.Stdin = f
	defer func() { os.Stdin = old }()
	if out, failure := h.command("replay", "-", "--scenarios", h.file("trap.yaml", trapScenario)); failure != bad || !strings.Contains(out, "-:2") {
		t.Errorf("%q, %s", failure, out)
	}
}

// Replay reads Caddy's own log, with every option for its form.
func TestReplayOfWhatCaddyLogs(t *testing.T) {
	for i, format := range []string{
		"json", "json {\ntime_format rfc3339_nano\nduration_format string\n}", "json {\ntime_format wall_milli\nduration_format ms\n}",
		"json {\ntime_format unix_milli_float\nduration_format ns\n}", "json {\ntime_format common_log\nmessage_key message\n}",
		"filter {\nwrap json\nfields {\nlogger delete\nrequest>remote_ip delete\n}\n}",
	} {
		h := newHost(t)
		log := filepath.ToSlash(filepath.Join(h.dir, "access.log"))
		h.load(strings.Replace(h.watched("", "detect off"), "tocsin {\ndetect off", "log {\noutput file "+log+" {\nroll_disabled\n}\nformat "+format+"\n}\ntocsin {\ndetect off", 1))
		for _, path := range []string{"/?a=%22b%22", "/trap/é\"x", "/login"} {
			h.get(attacker, path)
		}
		var rep replay.Report
		wait(t, func() error {
			out, failure := h.command("replay", log, "--scenarios", h.file("trap.yaml", trapScenario), "--json")
			if err := json.Unmarshal([]byte(out), &rep); err != nil || rep.Requests < 3 {
				return fmt.Errorf("%d requests: %w, %s in %s", rep.Requests, cmp.Or(err, errors.New("want 3")), failure, out)
			}
			return nil
		})
		if rep.Skipped.Lines != 0 || rep.Banned != 1 || rep.Offenders[0].Client != attacker || rep.Clients != 1 || time.Since(rep.To) > time.Hour || time.Until(rep.From) > 0 {
			t.Errorf("%d, %s: %+v", i, format, rep)
		}
	}
}

// For requests over plain HTTP, a replay decides like the server: a browser is
// challenged, because another page may have caused the request, and a program is banned.
func TestReplayOfPlainHTTPSaysWhatTheServerDid(t *testing.T) {
	h := newHost(t)
	trapped := h.file("trap.yaml", trapScenario)
	log := filepath.ToSlash(filepath.Join(h.dir, "access.log"))
	h.load(strings.Replace(h.watched("detect "+trapped, ""), "tocsin {\n\n}", "log {\noutput file "+log+" {\nroll_disabled\n}\n}\ntocsin", 1))
	live := map[string]string{}
	for client, agent := range map[string]string{"198.51.100.1": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "198.51.100.2": "curl/8.14.1"} {
		r := h.request("GET", client, "/trap/")
		r.Header.Set("User-Agent", agent)
		r.Header.Set("Accept", "*/*")
		r.Header.Set("Accept-Language", "de")
		a, err := h.do(r)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case a.header.Get("X-Tocsin") == "challenge":
			live[client] = "captcha"
		case a.status == http.StatusForbidden:
			live[client] = "ban"
		}
	}
	if live["198.51.100.1"] != "captcha" || live["198.51.100.2"] != "ban" {
		t.Errorf("the server: %v", live)
	}
	var rep replay.Report
	wait(t, func() error {
		out, _ := h.command("replay", log, "--scenarios", trapped, "--json")
		if err := json.Unmarshal([]byte(out), &rep); err != nil || rep.Requests < 2 {
			return fmt.Errorf("%d requests, want 2: %w in %s", rep.Requests, err, out)
		}
		return nil
	})
	for _, o := range rep.Offenders {
		if got := o.Action; got != live[o.Client] {
			t.Errorf("%s: %s, and the server said %s", o.Client, got, live[o.Client])
		}
	}
}
