package option

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A gadget has a field of each form that a Caddyfile has.
type gadget struct {
	Line   string         `json:"line,omitempty" option:"-"`
	Text   string         `json:"text,omitempty"`
	Joined string         `json:"joined,omitempty" option:"joined"`
	Mode   string         `json:"mode,omitempty" option:"stream|live"`
	Only   string         `json:"only,omitempty" option:"off"`
	Many   []string       `json:"many,omitempty" option:"a|b"`
	Flag   bool           `json:"flag,omitempty"`
	Switch bool           `json:"switch,omitempty" option:"onoff"`
	Wait   caddy.Duration `json:"wait,omitempty"`
	Never  caddy.Duration `json:"never,omitempty" option:"off"`
	Count  int            `json:"count,omitempty"`
	Level  int            `json:"level,omitempty" option:"off"`
	Size   int            `json:"size,omitempty" option:"size"`
	Share  float64        `json:"share,omitempty" option:"percent"`
	Score  float64        `json:"score,omitempty"`
	Map    map[string]int `json:"map,omitempty"`
}

func read(text string) (gadget, error) {
	var g gadget
	d := caddyfile.NewTestDispenser("gadget x {\n" + text + "\n}")
	name := Start(d)
	if err := Exact(d, name, &g.Line); err != nil {
		return g, err
	}
	return g, Read(d, name, &g, Block{"pair": {Parse: Pair("two words", &g.Text, &g.Joined), Repeatable: true}})
}

func TestRead(t *testing.T) {
	for text, want := range map[string]gadget{
		"":                         {},
		"text a":                   {Text: "a"},
		"joined a b":               {Joined: "a b"},
		"mode live":                {Mode: "live"},
		"only off":                 {Only: "off"},
		"many {env.A} b":           {Many: []string{"{env.A}", "b"}}, // placeholders are not known yet
		"flag":                     {Flag: true},
		"switch on":                {Switch: true},
		"switch off":               {},
		"wait 3d":                  {Wait: caddy.Duration(72 * time.Hour)},
		"never off":                {Never: -1},
		"never 1s":                 {Never: caddy.Duration(time.Second)},
		"count 7":                  {Count: 7},
		"level off":                {Level: -1},
		"size 2KiB":                {Size: 2048},
		"size 3mb":                 {Size: 3000000},
		"share 20%":                {Share: 0.2},
		"score 0.5":                {Score: 0.5},
		"pair a b\npair c d\nflag": {Text: "c", Joined: "d", Flag: true},
	} {
		want.Line = "x"
		if got, err := read(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"text":               "tocsin: gadget: text: want one argument, got 0",
		"text a b":           "text: want one argument, got 2",
		"text a {\n}":        "text: takes no block",
		"text a\ntext b":     "text: given twice",
		"mode push":          `mode: "push": want one of stream, live`,
		"only on":            `only: "on": want one of off`,
		"many":               "many: want at least one argument",
		"flag on":            `flag: takes no argument, got "on"`,
		"switch yes":         `switch: "yes": want one of on, off`,
		"wait 0":             "wait: 0: must be greater than 0",
		"wait soon":          `wait: "soon": want a duration such as 10s, 15m or 3d`,
		"never soon":         `never: "soon": want a duration such as 10s, 15m or 3d, or off`,
		"count -1":           `count: "-1": want a whole number above 0`,
		"level none":         `level: "none": want a whole number above 0, or off`,
		"size 1TB":           `size: "1TB": want a size such as 512KiB or 1MiB`,
		"size 9999999999GiB": "want a size",
		"share 0.2":          `share: "0.2": want a share such as 20%, above 0% and at most 100%`,
		"score 20%":          `score: "20%": want a number above 0 and at most 1`,
		"pair a":             "pair: want two words, got 1 arguments",
		"map a 1":            `unknown option "map"`,
		"line y":             `unknown option "line": want one of count, flag, joined, level, many, mode, never, only, pair, score, share, size, switch, text, wait`,
	} {
		_, err := read(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v; want %s", text, err, want)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Setenv("TOCSIN_TEST_WORD", "b")
	written := []string{"a", "{env.TOCSIN_TEST_WORD}"}
	g := gadget{Text: "a{env.TOCSIN_TEST_WORD}c", Many: written}
	if err := Replace(caddy.NewReplacer(), &g); err != nil || g.Text != "abc" || g.Many[1] != "b" {
		t.Errorf("%+v, %v", g, err)
	}
	if written[1] != "{env.TOCSIN_TEST_WORD}" {
		t.Errorf("the config has changed: %q", written)
	}
	for want, g := range map[string]gadget{
		"text: evaluated placeholder {env.TOCSIN_TEST_NONE} is empty": {Text: "{env.TOCSIN_TEST_NONE}"},
		"many: unrecognized placeholder {tocsin.none}":                {Many: []string{"{tocsin.none}"}},
	} {
		if err := Replace(caddy.NewReplacer(), &g); err == nil || err.Error() != want {
			t.Errorf("got %v; want %s", err, want)
		}
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	for name, row := range map[string]struct{ secret, want, problem string }{
		"as it is":       {"abc", "abc", ""},
		"in a file":      {file("key", "abc\n"), "abc", ""},
		"an empty file":  {file("empty", "\n"), "", "is empty"},
		"a long file":    {file("long", strings.Repeat("a", 65537)), "", "too large: want at most 65536 bytes"},
		"a missing file": {"file:" + filepath.Join(dir, "none"), "", "no such file"},
	} {
		got, err := Secret(row.secret)
		if got != row.want || row.problem == "" && err != nil || row.problem != "" && (err == nil || !strings.Contains(err.Error(), row.problem)) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, row.want, row.problem)
		}
	}
}
