package caddymodule

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lookup"
)

// command runs a command as a Caddy with the module does, against the admin
// endpoint of h, and returns what it prints and what its error says.
func (h *host) command(args ...string) (out, failure string) {
	h.t.Helper()
	root := &cobra.Command{Use: "caddy", SilenceUsage: true}
	group := &cobra.Command{Use: appID}
	caddycmd.Commands()[appID].CobraFunc(group)
	root.AddCommand(group)
	var b bytes.Buffer
	root.SetOut(&b)
	root.SetErr(new(bytes.Buffer))
	root.SetArgs(append([]string{appID}, args...))
	if err := root.ExecuteContext(h.t.Context()); err != nil {
		failure = err.Error()
	}
	return b.String(), failure
}

const bad = "exiting with status 2"

// justNow is how the commands say that something happened since the test began.
var justNow = regexp.MustCompile(`\b[0-5]?[0-9]s ago\b`)

func TestCommandsForPeople(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.list("slow.txt", "203.0.113.0/24")
	h.load(h.withList("blocklist {DIR}/slow.txt {\naction throttle\n}", "blocklist {DIR}/late.txt", "allow 192.0.2.77") +
		"http://{ADDR} {\ntocsin {\ndry_run\n}\nrespond ok\n}")
	h.waitSynced("list:banned.txt", "list:slow.txt")
	h.get(banned, "/")
	table := runningEngine(t).Table()
	table.Update("list:slow.txt", []lookup.Decision{
		{Prefix: prefix(t, "2001:db8::1"), Action: lookup.Ban, Reason: "\x1b[31mred\u202e\tevil\n", Until: time.Now().Add(25*time.Hour + 90*time.Second)},
		{AS: 64496, Action: lookup.Captcha},
	}, nil)
	for _, row := range []struct {
		name    string
		args    []string
		want    []string // in the output, but for the width of its gaps
		failure string
	}{
		{
			"status, while a list is missing",
			[]string{"status"},
			[]string{
				"Ready no: list:late.txt has not been in sync yet\n", "Decisions 4\n", "snap, written never\n", "MiB heap",
				"SOURCE KIND READY SYNCED DECISIONS", "list:banned.txt file yes NOW 1 0 in ", "list:late.txt file no never 0 ",
				"SERVER CHECKED BANNED", "srv0 1 0 0 0 0 1 0 0 0 0\n",
			},
			bad,
		},
		{
			"check of a banned client",
			[]string{"check", banned},
			[]string{
				"Address 192.0.2.1\n", "Result ban, because of 192.0.2.1 from list:banned.txt\n", "Except passes on srv0 by dry_run\n",
				"TARGET ACTION SOURCE ORIGIN REASON SINCE ENDS", "192.0.2.1 ban list:banned.txt lists:banned.txt banned.txt NOW never\n",
			},
			bad,
		},
		{"check of another", []string{"check", allowed}, []string{"Result pass: there is no decision about it\n"}, ""},
		{"check of one that is allowed", []string{"check", "192.0.2.77"}, []string{"Result pass, by the global option allow\n"}, ""},
		{"check of no address", []string{"check", "example.com"}, nil, "is not an IP address"},
		{"check of nothing", []string{"check"}, nil, "accepts 1 arg"},
		{
			"list, with what is no text taken out",
			[]string{"list", "--action", "ban", "--source", "list:slow.txt"},
			[]string{"2001:db8::1 ban list:slow.txt [31mredevil NOW in 1d1h\n"},
			"",
		},
		{"list of some", []string{"list", "--limit=1"}, []string{"There are more: see --limit.\n"}, ""},
		{"list of all", []string{"list"}, []string{"203.0.113.0/24 throttle", "AS64496 captcha"}, ""},
		{"list of too many", []string{"list", "--limit=1000001"}, nil, "limit"},
		{
			"unban of an address in a range",
			[]string{"unban", "203.0.113.7"},
			[]string{"here 0", "Still in force for 203.0.113.7:\n", "203.0.113.0/24 throttle list:slow.txt"},
			"",
		},
		{"unban", []string{"unban", banned}, []string{"here 1"}, ""},
		{"it is felt", []string{"check", banned}, []string{"Result pass"}, ""},
		{"unban of an autonomous system", []string{"unban", "as64496"}, []string{"here 1"}, ""},
		{"unban of nonsense", []string{"unban", "everybody"}, nil, "want an IP address"},
		{"unban of two", []string{"unban", banned, allowed}, nil, "accepts 1 arg"},
		{"sync", []string{"sync"}, []string{"Reading again: list:banned.txt, list:slow.txt, list:late.txt\n"}, ""},
		{"sync, waiting for too little", []string{"sync", "--wait=soon"}, nil, "invalid argument"},
		{"an unknown flag", []string{"status", "--jason"}, nil, "unknown flag: --jason"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			out, failure := h.command(append(row.args, "--address", h.admin)...)
			if !strings.Contains(failure, row.failure) || (failure == "") != (row.failure == "") {
				t.Errorf("error %q, want %q", failure, row.failure)
			}
			lines := strings.Split(out, "\n")
			for i := range lines {
				lines[i] = justNow.ReplaceAllString(strings.Join(strings.Fields(lines[i]), " "), "NOW")
			}
			text := strings.Join(lines, "\n")
			for _, want := range row.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if row.want == nil && out != "" {
				t.Errorf("prints %q", out)
			}
		})
	}
	h.t = t
	h.list("late.txt", "192.0.2.9")
	h.waitSynced()
	if out, failure := h.command("status", "--address", h.admin); failure != "" || !strings.HasPrefix(out, "Ready      yes\n") {
		t.Errorf("%q, %s", failure, out)
	}
}

// With --json a command prints what the API answers, and nothing else.
func TestCommandsForScripts(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.withList() + site1)
	h.waitSynced()
	for _, row := range []struct {
		args    []string
		v       any
		failure string
	}{
		{[]string{"status"}, new(admin.Status), ""},
		{[]string{"check", banned}, new(admin.Check), bad},
		{[]string{"list"}, new(admin.List), ""},
		{[]string{"unban", banned}, new(admin.Unban), ""},
		{[]string{"sync"}, new(admin.Sync), ""},
	} {
		out, failure := h.command(append(row.args, "--json", "--address", h.admin)...)
		d := json.NewDecoder(strings.NewReader(out))
		d.DisallowUnknownFields()
		if err := d.Decode(row.v); err != nil || d.More() || failure != row.failure {
			t.Errorf("%s: %v, %q in %s", row.args, err, failure, out)
		}
	}
}

func TestCommandsFindTheAdminEndpoint(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.withList() + site1)
	h.waitSynced()
	caddyfile := h.file("Caddyfile", "{\nadmin "+h.admin+"\n}\n")
	config := h.file("config", `{"admin":{"listen":"`+h.admin+`"}}`)
	for _, args := range [][]string{
		{"--config", caddyfile},
		{"--config", caddyfile, "--adapter", "caddyfile"},
		{"--config", config},
		{"--config", caddyfile + ".not", "--address", h.admin},
	} {
		if _, failure := h.command(append([]string{"status"}, args...)...); failure != "" {
			t.Errorf("%s: %s", args, failure)
		}
	}
	for want, args := range map[string][]string{
		"finding the admin API": {"--config", caddyfile + ".not"},
		"asking the admin API":  {"--address", freeAddr(t)},
	} {
		if out, failure := h.command(append([]string{"status"}, args...)...); !strings.Contains(failure, want) || out != "" {
			t.Errorf("%s: %q, %q", args, failure, out)
		}
	}
	h.load(globals("") + "http://{ADDR} {\nrespond ok\n}")
	if _, failure := h.command("status", "--address", h.admin); !strings.Contains(failure, "global option tocsin is missing") {
		t.Errorf("without tocsin: %q", failure)
	}
}

// The group is hidden where its commands stand by themselves.
func TestGroupIsHiddenInOurOwnBinary(t *testing.T) {
	for _, binary := range []string{"", "caddy", appID} {
		old := caddy.CustomBinaryName
		caddy.CustomBinaryName = binary
		group := new(cobra.Command)
		caddycmd.Commands()[appID].CobraFunc(group)
		caddy.CustomBinaryName = old
		if group.Hidden != (binary == appID) {
			t.Errorf("binary %q: hidden: %v", binary, group.Hidden)
		}
	}
}
