package admin

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/tocsin-project/tocsin/replay"
)

// Planned is the app tocsin of a config that does not run: commands ask it what it would
// look for.
type Planned interface {
	// Planned lists what would be looked for. If a policy is for a scenario that there is
	// not, that is the error, and the others are listed even so.
	Planned() (Scenarios, error)
	// Replayer returns what judges recorded requests as the config says, those of private
	// networks too if private says so. It starts nothing.
	Replayer(ctx caddy.Context, private bool) (*Replayer, error)
}

// A Replayer judges recorded requests.
type Replayer struct {
	Config  replay.Config
	Looked  int      // scenarios that are looked for
	LeftOut []string // and those that cannot run, with the reason
}

// planned returns the app of the config in a file, nil if it has none.
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

// newPlanned returns the app that raw describes.
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
