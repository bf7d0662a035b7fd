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

// A widget has an option of each kind.
type widget struct {
	Name     string         `json:"name,omitempty"`
	Mode     string         `json:"mode,omitempty" option:"stream|live"`
	Scopes   []string       `json:"scopes,omitempty" option:"ip|range"`
	Words    []string       `json:"words,omitempty" args:"WORD"`
	Title    string         `json:"title,omitempty" option:"joined,literal" args:"WORD…"`
	Timeout  caddy.Duration `json:"timeout,omitempty" option:"min=1s,max=5m"`
	Pause    caddy.Duration `json:"pause,omitempty" option:"off"`
	Count    int            `json:"count,omitempty" option:"max=10"`
	Level    int            `json:"level,omitempty" option:"off"`
	Size     int            `json:"size,omitempty" option:"size"`
	Share    float64        `json:"share,omitempty" option:"percent"`
	Score    float64        `json:"score,omitempty" option:"score"`
	Quiet    bool           `json:"quiet,omitempty"`
	Private  bool           `json:"private,omitempty" option:"onoff"`
	User     string         `json:"user,omitempty" option:"in=user" args:"NAME PASSWORD"`
	Password string         `json:"password,omitempty" option:"in=user,secret"`
	Internal string         `json:"internal,omitempty" option:"-"`
	part

	loaded bool
}

// A part is embedded, so that its options are those of the widget.
type part struct {
	Colour string `json:"colour,omitempty"`
}

func (w *widget) parse(text string) error {
	d := caddyfile.NewTestDispenser("widget {\n" + text + "\n}")
	d.Next()
	w.loaded = false
	return Parse(d, "widget", w, Own{"user": func(d *caddyfile.Dispenser, name string) error {
		if !d.Args(&w.User, &w.Password) {
			return d.Errf("%s: want a name and a password", name)
		}
		return nil
	}})
}

func TestOptionsSetTheirFields(t *testing.T) {
	for text, want := range map[string]widget{
		"":                     {},
		"name n":               {Name: "n"},
		"mode live":            {Mode: "live"},
		"scopes ip range":      {Scopes: []string{"ip", "range"}},
		"words a b":            {Words: []string{"a", "b"}},
		"title a b":            {Title: "a b"},
		"timeout 1s":           {Timeout: caddy.Duration(time.Second)},
		"timeout 5m":           {Timeout: caddy.Duration(5 * time.Minute)},
		"pause 3d":             {Pause: caddy.Duration(72 * time.Hour)},
		"pause off":            {Pause: -1},
		"count 10":             {Count: 10},
		"level off":            {Level: -1},
		"size 512KiB":          {Size: 524_288},
		"size 2mb":             {Size: 2_000_000},
		"share 20%":            {Share: 0.2},
		"score 0.5":            {Score: 0.5},
		"quiet":                {Quiet: true},
		"private on":           {Private: true},
		"private off":          {},
		"user u p":             {User: "u", Password: "p"},
		"colour red\nname n":   {Name: "n", part: part{Colour: "red"}},
		"name {env.TOCSIN_NO}": {Name: "{env.TOCSIN_NO}"},
	} {
		var w widget
		if err := w.parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(w, want) {
			t.Errorf("%s: %+v, want %+v", text, w, want)
		}
	}
}

func TestErrorsNameTheOptionAndSayWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"nonsense x":     `widget: unknown option "nonsense": want one of colour, count, level, mode, name, pause, private, quiet, scopes, score, share, size, timeout, title, user, words`,
		"internal x":     `widget: unknown option "internal"`,
		"password x":     `widget: unknown option "password"`,
		"name a\nname b": "widget: name: given twice",
		"name a b":       "widget: name: wants one argument, got 2",
		"name":           "widget: name: wants one argument, got 0",
		"name a {\n}":    "widget: name: takes no block",
		"words":          "widget: words: want at least one argument",
		"mode x":         `widget: mode: "x": want one of stream, live`,
		"scopes ip x":    `widget: scopes: "x": want one of ip, range`,
		"timeout x":      `widget: timeout: "x": want a duration such as 10s, 15m or 3d`,
		"timeout 0s":     "widget: timeout: 0s: must be greater than 0",
		"timeout -5s":    "widget: timeout: -5s: must be greater than 0",
		"timeout 999ms":  "widget: timeout: 999ms: want 1s to 5m",
		"timeout 6m":     "widget: timeout: 6m0s: want 1s to 5m",
		"pause x":        `widget: pause: "x": want a duration such as 10s, 15m or 3d, or off`,
		"pause -1s":      "widget: pause: -1s: must be greater than 0, or off",
		"count x":        `widget: count: "x": want a whole number`,
		"count 0":        "widget: count: 0: must be greater than 0",
		"count 11":       "widget: count: 11: want at most 10",
		"size 5furlongs": `widget: size: "5furlongs": want a size such as 512KiB or 1MiB`,
		"size 0":         "widget: size: 0: must be greater than 0",
		"share 20":       `widget: share: "20": want a share such as 20%`,
		"share 101%":     "widget: share: 1.01: must be greater than 0, and at most 1 (the whole)",
		"score 5%":       `widget: score: "5%": want a number above 0, up to 1`,
		"score 2":        "widget: score: 2: must be greater than 0",
		"quiet yes":      `widget: quiet: takes no argument, got "yes"`,
		"private yes":    `widget: private: "yes": want on or off`,
		"user u":         "widget: user: want a name and a password",
	} {
		var w widget
		if err := w.parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v, want\n%s", text, err, want)
		}
	}
}

// What JSON says is checked as what a Caddyfile says.
func TestCheck(t *testing.T) {
	for want, w := range map[string]widget{
		"":                                                               {Mode: "live", Scopes: []string{"ip"}, Timeout: caddy.Duration(time.Minute), Pause: -1, Count: 1, Level: -1, Size: 1, Share: 1, Score: 1, Internal: "x"},
		`mode: "x": want one of stream, live`:                            {Mode: "x"},
		`scopes: "x": want one of ip, range`:                             {Scopes: []string{"ip", "x"}},
		"timeout: -5s: must be greater than 0":                           {Timeout: caddy.Duration(-5 * time.Second)},
		"timeout: 1ms: want 1s to 5m":                                    {Timeout: caddy.Duration(time.Millisecond)},
		"pause: -2ns: must be greater than 0, or off":                    {Pause: -2},
		"count: -1: must be greater than 0":                              {Count: -1},
		"level: -2: must be greater than 0, or off":                      {Level: -2},
		"size: -1: must be greater than 0":                               {Size: -1},
		"share: 2: must be greater than 0, and at most 1 (the whole)":    {Share: 2},
		"score: -0.1: must be greater than 0, and at most 1 (the whole)": {Score: -0.1},
	} {
		got := ""
		if err := Check(&w); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", w, got, want)
		}
	}
	if err := Check((*widget)(nil)); err != nil {
		t.Errorf("nothing to check: %v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Setenv("TOCSIN_WORD", "stream")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(" hidden \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := []string{"{env.TOCSIN_WORD}", "b"}
	w := widget{Mode: "{env.TOCSIN_WORD}", Words: list, Title: "{env.TOCSIN_WORD}", Password: "file:" + file, Name: "file:" + file}
	if err := Resolve(caddy.NewReplacer(), &w); err != nil {
		t.Fatal(err)
	}
	want := widget{Mode: "stream", Words: []string{"stream", "b"}, Title: "{env.TOCSIN_WORD}", Password: "hidden", Name: "file:" + file}
	if !reflect.DeepEqual(w, want) {
		t.Errorf("%+v, want %+v", w, want)
	}
	if list[0] != "{env.TOCSIN_WORD}" {
		t.Error("the list of the config was changed")
	}
	for want, w := range map[string]widget{
		"name: evaluated placeholder {env.TOCSIN_NO} is empty": {Name: "{env.TOCSIN_NO}"},
		"words: ":                            {Words: []string{"a", "{tocsin.none}"}},
		"password: open ":                    {Password: "file:/nowhere/at/all"},
		`mode: "hidden": want one of stream`: {Mode: "hidden"},
	} {
		if err := Resolve(caddy.NewReplacer(), &w); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSecretsInFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]string{
		" \n":                       file + " is empty",
		strings.Repeat("x", 65_537): file + ": larger than 64 KiB: no secret is",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSecret("file:" + file); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestList(t *testing.T) {
	var got []string
	for _, i := range List(new(widget)) {
		got = append(got, strings.TrimSpace(i.Name+" "+i.Args)+" ("+i.Field+")")
	}
	want := []string{
		"name TEXT (Name)", "mode stream|live (Mode)", "scopes ip|range… (Scopes)", "words WORD… (Words)", "title WORD… (Title)",
		"timeout DURATION (Timeout)", "pause DURATION|off (Pause)", "count N (Count)", "level N|off (Level)", "size SIZE (Size)",
		"share SHARE% (Share)", "score SCORE (Score)", "quiet (Quiet)", "private on|off (Private)", "user NAME PASSWORD (User)",
		"TEXT (Internal)", "colour TEXT (Colour)",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestABadTagIsFound(t *testing.T) {
	for name, to := range map[string]any{
		"an unknown word": &struct {
			A string `json:"a" option:"nonsense"`
		}{},
		"a bound that is none": &struct {
			A caddy.Duration `json:"a" option:"min=x"`
		}{A: 1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = Check(to)
		}()
	}
}
