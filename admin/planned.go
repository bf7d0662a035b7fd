package admin

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/tocsin-project/tocsin/replay"
)

// Planned is the app tocsin of a config that is not running, for commands that list or
// replay its scenarios.
type Planned interface {
	// Planned lists the scenarios of the config. If a policy names a missing scenario,
	// it returns an error together with the list.
	Planned() (Scenarios, error)
	// Replayer returns a replayer with the config's scenarios. Private says whether it
	// includes clients of private networks. It starts nothing.
	Replayer(ctx caddy.Context, private bool) (*Replayer, error)
	// WAF returns what says what the WAF of the config makes of a request with a body; nil
	// if the config has none. It starts nothing.
	WAF(ctx caddy.Context) (func(r *http.Request, body []byte) WAFTest, error)
}

// A Replayer judges recorded requests.
type Replayer struct {
	Config  replay.Config
	Looked  int      // number of scenarios
	Rules   int      // number of rules of the WAF
	LeftOut []string // scenarios and rules that cannot run, with the reason
}

// planned returns the app of the config in a file, or nil if it has none.
func planned(file, adapter string) (Planned, error) {
	text, _, _, err := caddycmd.LoadConfig(file, adapter)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	var config struct {
		Apps map[string]json.RawMessage `json:"apps"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	raw, ok := config.Apps[appID]
	if !ok {
		return nil, nil
	}
	p, err := newPlanned(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return p, nil
}

// newPlanned returns the app of the JSON raw.
func newPlanned(raw json.RawMessage) (Planned, error) {
	m, err := caddy.GetModule(appID)
	if err != nil {
		return nil, err
	}
	app := m.New()
	if err := caddy.StrictUnmarshalJSON(raw, app); err != nil {
		return nil, err
	}
	return app.(Planned), nil
}
