package option

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// A widget has a field of each kind.
type widget struct {
	Mode     string         `json:"mode,omitempty" option:"stream|live"`
	Scopes   []string       `json:"scopes,omitempty" option:"ip|range"`
	Timeout  caddy.Duration `json:"timeout,omitempty" option:"min=1s,max=5m"`
	Pause    caddy.Duration `json:"pause,omitempty" option:"off"`
	Count    int            `json:"count,omitempty" option:"max=10"`
	Level    int            `json:"level,omitempty" option:"off"`
	Size     int            `json:"size,omitempty"`
	Share    float64        `json:"share,omitempty"`
	Score    float64        `json:"score,omitempty"`
	Internal string         `json:"internal,omitempty"`
	Unnamed  int
	part
}

// A part is embedded, so that its options are those of the widget.
type part struct {
	Colour string `json:"colour,omitempty" option:"red|blue"`
}

// JSON is checked like a Caddyfile.
func TestCheck(t *testing.T) {
	for want, w := range map[string]widget{
		"":                                                  {Mode: "live", Scopes: []string{"ip"}, Timeout: caddy.Duration(time.Minute), Pause: -1, Count: 1, Level: -1, Size: 1, Share: 1, Score: 1, Internal: "x", Unnamed: -1},
		"count: 11: want at most 10":                        {Count: 11},
		"timeout: 6m0s: want 1s to 5m":                      {Timeout: caddy.Duration(6 * time.Minute)},
		`colour: "x": want one of red, blue`:                {part: part{Colour: "x"}},
		`mode: "x": want one of stream, live`:               {Mode: "x"},
		`scopes: "x": want one of ip, range`:                {Scopes: []string{"ip", "x"}},
		"timeout: -5s: must be greater than 0":              {Timeout: caddy.Duration(-5 * time.Second)},
		"timeout: 1ms: want 1s to 5m":                       {Timeout: caddy.Duration(time.Millisecond)},
		"pause: -2ns: must be greater than 0, or off":       {Pause: -2},
		"count: -1: must be greater than 0":                 {Count: -1},
		"level: -2: must be greater than 0, or off":         {Level: -2},
		"size: -1: must be greater than 0":                  {Size: -1},
		"share: 2: must be greater than 0 and at most 1":    {Share: 2},
		"score: -0.1: must be greater than 0 and at most 1": {Score: -0.1},
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

func TestABadTagIsFound(t *testing.T) {
	for name, to := range map[string]any{
		"an unknown word": &struct {
			A string `json:"a" option:"nonsense"`
		}{},
		"an invalid bound": &struct {
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
