package caddymodule

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// blocks returns the code of a language in the pages for readers, by the page and
// the number of the block in it.
func blocks(t *testing.T, language string) map[string]string {
	t.Helper()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?ms)^( *)```" + language + "\n(.*?)^ *```$")
	all := map[string]string{}
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range code.FindAllStringSubmatch(string(text), -1) {
			all[filepath.Base(page)+" "+string(rune('1'+i))] = strings.TrimPrefix(strings.ReplaceAll("\n"+m[2], "\n"+m[1], "\n"), "\n")
		}
	}
	return all
}

// The Caddyfiles of the pages are valid and formatted.
func TestCaddyfilesOfThePagesAreValid(t *testing.T) {
	t.Setenv("CROWDSEC_API_KEY", "a-key")
	t.Setenv("CROWDSEC_PASSWORD", "a-password")
	all := blocks(t, "caddyfile")
	if len(all) < 10 {
		t.Errorf("%d Caddyfiles: the pages cannot be read any more", len(all))
	}
	h := newHost(t)
	list := h.list("blocklist.txt", "192.0.2.1")
	scenarios := filepath.Dir(h.file("none.yaml", ""))
	key := h.file("community.key", "a-key")
	rules := h.file("rule.yaml", ruleAbout("own/a", "a", "certain"))
	global := "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tstorage file_system " + h.dir + "/storage\n\tlog {\n\t\toutput discard\n\t}\n"
	for name, text := range all {
		if got := string(caddyfile.Format([]byte(text))); got != text {
			t.Errorf("%s: formatted it is\n%s", name, got)
		}
		own, hasGlobal := strings.CutPrefix(text, "{\n")
		whole := global + own
		if !hasGlobal {
			whole = global + "}\n" + text
		}
		if !strings.Contains(text, "\n\ttocsin {\n\t\t") || !hasGlobal {
			whole = strings.Replace(whole, "{\n", "{\n\ttocsin {\n\t\tblocklist /etc/tocsin/blocklist.txt\n\t}\n", 1)
		}
		whole = strings.NewReplacer("/var/lib/caddy/.local/share/caddy/tocsin/community.key", key, "/etc/tocsin/blocklist.txt", list, "/etc/tocsin/duckduckbot.json", list, "/etc/crowdsec/scenarios", scenarios, "/etc/crowdsec/appsec-configs/appsec-default.yaml", rules).Replace(whole)
		if err := h.validate(whole); err != nil {
			t.Errorf("%s: %v\n%s", name, err, whole)
		}
	}
}

// The commands of the pages exist, with their flags.
func TestCommandsOfThePagesExist(t *testing.T) {
	group := &cobra.Command{Use: appID}
	caddycmd.Commands()[appID].CobraFunc(group)
	asked := 0
	for name, text := range blocks(t, "sh") {
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "tocsin" || slices.Contains([]string{"adapt", "validate", "run", "reload"}, words[1]) {
				continue
			}
			asked++
			c, args, err := group.Find(words[1:])
			if err == nil && c == group {
				t.Errorf("%s: %s: there is no such command", name, line)
			}
			if err == nil {
				err = c.ParseFlags(args)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", name, line, err)
			}
		}
	}
	if asked < 10 {
		t.Errorf("%d commands: the pages cannot be read any more", asked)
	}
}

// knownOptions returns the options that a block takes, as the error about one that it
// does not take lists them.
func knownOptions(t *testing.T, to caddyfile.Unmarshaler, block string) []string {
	t.Helper()
	err := to.UnmarshalCaddyfile(caddyfile.NewTestDispenser(strings.Replace(block, "?", "nonsense", 1)))
	if err == nil {
		t.Fatalf("%s: no error", block)
	}
	_, list, ok := strings.Cut(err.Error(), "want one of ")
	if !ok {
		t.Fatalf("%s: %v", block, err)
	}
	list, _, _ = strings.Cut(list, ", at ")
	return strings.Split(list, ", ")
}

// Every option has a row in the section of its block, and every row is an option.
func TestTheReferenceHasEveryOption(t *testing.T) {
	text, err := os.ReadFile("../docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		sections[title] = body
	}
	for section, block := range map[string]string{
		"The directive": "tocsin {\n?\n}",

		"The listener wrapper": "tocsin {\n?\n}",
		"Global option":        "tocsin {\n?\n}",
		"lapi":                 "tocsin {\nlapi http://127.0.0.1:8080 key {\n?\n}\n}",
		"community":            "tocsin {\ncommunity https://c.example key {\n?\n}\n}",
		"blocklist":            "tocsin {\nblocklist list.txt {\n?\n}\n}",
		"challenge":            "tocsin {\nchallenge siteverify a b {\n?\n}\n}",
		"detect":               "tocsin {\ndetect builtin {\n?\n}\n}",
		"scenario":             "tocsin {\nscenario name {\n?\n}\n}",
		"local":                "tocsin {\nlocal ban {\n?\n}\n}",
		"waf":                  "tocsin {\nwaf builtin {\n?\n}\n}",
		"appsec":               "tocsin {\nappsec http://127.0.0.1:7422 {\n?\n}\n}",
	} {
		var to caddyfile.Unmarshaler = new(App)
		switch section {
		case "The directive":
			to = new(Handler)
		case "The listener wrapper":
			to = new(ListenerWrapper)
		}
		options := knownOptions(t, to, block)
		rows := rowsOf(sections[section])
		for _, o := range options {
			if !rows[o] {
				t.Errorf("docs/caddyfile.md: %s: no row for %s", section, o)
			}
		}
		for _, r := range slices.Sorted(maps.Keys(rows)) {
			if !slices.Contains(options, r) {
				t.Errorf("docs/caddyfile.md: %s: %s is no option", section, r)
			}
		}
	}
}

// rowsOf returns the options in the first column of the tables of a section.
func rowsOf(section string) map[string]bool {
	rows := map[string]bool{}
	code := regexp.MustCompile("`([a-z0-9_]+)[^`]*`")
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(strings.ReplaceAll(line[2:], `\|`, "/"), " | ")
		for _, m := range code.FindAllStringSubmatch(cell, -1) {
			rows[m[1]] = true
		}
	}
	return rows
}
