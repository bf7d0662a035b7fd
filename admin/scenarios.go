package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// alertOnly is the action of scenarios without a decision.
const alertOnly = "alert"

// Where Scenarios comes from.
const (
	ofServer  = "server"  // the scenarios of the running server
	ofConfig  = "config"  // those of the file of --config
	ofBuiltin = "builtin" // the built-in ones with default settings
)

// Scenarios lists scenarios.
type Scenarios struct {
	Of        string     `json:"of"` // server, config or builtin
	Scenarios []Scenario `json:"scenarios"`
	Skipped   []Skipped  `json:"skipped,omitempty"`
}

// Scenario describes a scenario and its consequences.
type Scenario struct {
	Name        string  `json:"name"`
	Description string  `json:"description"` // what it counts
	File        string  `json:"file"`        // file and line
	Version     string  `json:"version,omitempty"`
	Capacity    int     `json:"capacity"`               // number of events that are no offence
	LeakSeconds float64 `json:"leak_seconds,omitempty"` // time after which one event no longer counts
	Distinct    string  `json:"distinct,omitempty"`     // the expression whose different values count
	Phase       string  `json:"phase"`                  // request: before the response; response: after it

	Action          string  `json:"action"`                     // ban, captcha, throttle, guard place, guard network, or alert (no decision)
	ActionFrom      string  `json:"action_from"`                // policy, local or scenario
	DurationSeconds float64 `json:"duration_seconds,omitempty"` // of the decision
	DurationFrom    string  `json:"duration_from,omitempty"`
	Alerts          uint64  `json:"alerts"` // since the start of the engine
}

// Skipped is a scenario that cannot run.
type Skipped struct {
	Name   string `json:"name,omitempty"`
	File   string `json:"file"`
	Reason string `json:"reason"`
}

func serveScenarios(a App, w http.ResponseWriter, _ *http.Request, _ url.Values) error {
	answer := a.Scenarios()
	answer.Of = ofServer
	return send(w, http.StatusOK, answer)
}

func scenariosCommand() command {
	return command{
		name: "scenarios", short: "Lists the scenarios and their consequences",
		long: `
Lists the scenarios that the running server looks for: how much each lets pass,
what an alert leads to and who says so (a policy, local, or the scenario itself),
how often there was one, and what it counts. Those that cannot run are listed with
the reason.

With --config it reads that file instead, and lists what would be looked for. If no
server answers and no address is given, it lists the built-in scenarios.`,
		args: cobra.NoArgs, flags: scenariosFlags, run: (*call).scenarios,
	}
}

func scenariosFlags(cmd *cobra.Command) {
	cmd.Flags().Lookup("config").Usage = "Configuration file whose scenarios to list, without asking a server"
}

// scenarios asks the server, or reads the config of --config. Without both it lists the
// built-in scenarios.
func (c *call) scenarios() (int, error) {
	config := c.Flags().Lookup("config").Value.String()
	if config != "" {
		return 0, c.scenariosOf(config)
	}
	var a Scenarios
	err := c.ask(http.MethodGet, "/tocsin/scenarios", nil, &a)
	// Caddy keeps only the text of the error.
	if err != nil && !c.Flags().Changed("address") && strings.Contains(err.Error(), "performing request: ") {
		p, err := newPlanned(json.RawMessage("{}"))
		if err != nil {
			return 0, err
		}
		return 0, c.printScenarios(ofBuiltin, p)
	}
	return 0, errors.Join(err, c.print(a.write))
}

// scenariosOf lists the scenarios of a config.
func (c *call) scenariosOf(config string) error {
	p, err := planned(config, c.Flags().Lookup("adapter").Value.String())
	if err == nil && p == nil {
		p, err = newPlanned(json.RawMessage("{}"))
	}
	if err != nil {
		return err
	}
	return c.printScenarios(ofConfig, p)
}

// printScenarios prints the scenarios of p. If a policy names a missing scenario, it
// returns an error but still prints all names.
func (c *call) printScenarios(of string, p Planned) error {
	answer, err := p.Planned()
	if err != nil && answer.Scenarios == nil {
		return err
	}
	answer.Of = of
	if c.isJSON() {
		return errors.Join(err, json.NewEncoder(c.OutOrStdout()).Encode(answer))
	}
	return errors.Join(err, answer.write(c.OutOrStdout()))
}

func (a *Scenarios) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		if a.Of == ofBuiltin {
			t.row("No server answers. These are the built-in scenarios with default settings.")
			t.row()
		}
		t.row("SCENARIO", "THRESHOLD", "LEADS TO", "ALERTS", "COUNTS")
		for i := range a.Scenarios {
			s := &a.Scenarios[i]
			t.row(s.Name, s.Threshold(), s.Outcome(), s.Alerts, s.Description)
		}
		if len(a.Skipped) > 0 {
			t.row()
			t.row("LEFT OUT", "FILE", "REASON")
			for _, s := range a.Skipped {
				t.row(cmp.Or(s.Name, "-"), s.File, s.Reason)
			}
		}
	})
}

// Threshold returns the threshold as text.
func (a *Scenario) Threshold() string {
	if a.Capacity == 0 {
		return "the first"
	}
	different := ""
	if a.Distinct != "" {
		different = " different ones"
	}
	return fmt.Sprintf("more than %d%s, or one in %s for long", a.Capacity, different, short(a.LeakSeconds))
}

// Outcome returns the consequence of an alert as text, with its origin.
func (a *Scenario) Outcome() string {
	if a.Action == alertOnly {
		return alertOnly + " (" + a.ActionFrom + ")"
	}
	length := short(a.DurationSeconds)
	if a.ActionFrom == a.DurationFrom {
		return fmt.Sprintf("%s %s (%s)", a.Action, length, a.ActionFrom)
	}
	return fmt.Sprintf("%s (%s), %s (%s)", a.Action, a.ActionFrom, length, a.DurationFrom)
}

// LeadsTo returns the consequence of an alert, such as "ban 4h".
func (a *Scenario) LeadsTo() string {
	return strings.TrimSpace(a.Action + " " + short(a.DurationSeconds))
}

// short formats seconds as in a config: 10s, 5m, 4h. For 0 it returns "".
func short(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	text := time.Duration(seconds * float64(time.Second)).String()
	if s, ok := strings.CutSuffix(text, "m0s"); ok {
		text = s + "m"
	}
	if s, ok := strings.CutSuffix(text, "h0m"); ok {
		text = s + "h"
	}
	return text
}
