package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Who says what a scenario leads to, in [scenarioAnswer].
const (
	saidByPolicy   = "policy"   // a policy in the block of detect
	saidByLocal    = "local"    // the option local, or its default
	saidByScenario = "scenario" // the scenario's file, or your own scenario
)

// Where scenariosAnswer comes from.
const (
	ofServer  = "server"  // what the running server looks for
	ofConfig  = "config"  // what it would look for with the file of --config
	ofBuiltin = "builtin" // what comes with the module
)

// scenariosAnswer lists what is looked for.
type scenariosAnswer struct {
	Of        string           `json:"of"` // server, config or builtin
	Scenarios []scenarioAnswer `json:"scenarios"`
	Skipped   []skippedAnswer  `json:"skipped,omitempty"`
}

// scenarioAnswer says what a scenario counts, and what follows.
type scenarioAnswer struct {
	Name        string  `json:"name"`
	Description string  `json:"description"` // what it counts
	File        string  `json:"file"`        // and line
	Version     string  `json:"version,omitempty"`
	Capacity    int     `json:"capacity"`               // how many are no offence: the next is
	LeakSeconds float64 `json:"leak_seconds,omitempty"` // after which one is forgotten
	Distinct    string  `json:"distinct,omitempty"`     // what counts once
	Phase       string  `json:"phase"`                  // request: before it is answered; response: after

	Action          string  `json:"action"`                     // ban, captcha, throttle, guard place or guard network, or alert: nothing is decided
	ActionFrom      string  `json:"action_from"`                // policy, local or scenario
	DurationSeconds float64 `json:"duration_seconds,omitempty"` // of the decision
	DurationFrom    string  `json:"duration_from,omitempty"`
	Alerts          uint64  `json:"alerts"` // since the engine was made
}

// skippedAnswer is a scenario that was found and cannot run.
type skippedAnswer struct {
	Name   string `json:"name,omitempty"`
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// newScenariosAnswer says what rules, to which the policies of d were applied, lead
// to under l. alerts counts what they have led to, by name.
func newScenariosAnswer(rules *detect.Rules, d *Detect, l Local, alerts map[string]uint64) scenariosAnswer {
	a := scenariosAnswer{Scenarios: []scenarioAnswer{}}
	for _, s := range rules.Scenarios() {
		answer := scenarioAnswer{
			Name: s.Name, Description: s.Description, File: s.File, Version: s.Version,
			Capacity: s.Capacity, LeakSeconds: s.Leak.Seconds(), Distinct: s.Distinct, Phase: "request", Alerts: alerts[s.Name],
		}
		if s.Late {
			answer.Phase = "response"
		}
		answer.lead(&s, d.Policies[s.Name], l)
		a.Scenarios = append(a.Scenarios, answer)
	}
	for _, s := range rules.Skipped() {
		a.Skipped = append(a.Skipped, skippedAnswer{s.Name, s.File, s.Reason})
	}
	return a
}

// lead fills in what an alert of s, to which p was applied, leads to under l: what
// the engine decides, see [engine.Local], and who has said so.
func (a *scenarioAnswer) lead(s *detect.Scenario, p Policy, l Local) {
	local := l.config()
	switch {
	case !s.Remediation:
		a.Action, a.ActionFrom = policyAlert, saidByScenario
		if p.Action == policyAlert {
			a.ActionFrom = saidByPolicy
		}
		return
	case s.Guard != event.NoGuard:
		a.Action, a.ActionFrom = "guard "+s.Guard.String(), saidByScenario
	case p.Action != "":
		a.Action, a.ActionFrom = p.Action, saidByPolicy
	case s.Ordered: // one of the operator's own
		a.Action, a.ActionFrom = s.Action.String(), saidByScenario
	case local.Action != lookup.None:
		a.Action, a.ActionFrom = local.Action.String(), saidByLocal
	case s.Action != lookup.None:
		a.Action, a.ActionFrom = s.Action.String(), saidByScenario
	default:
		a.Action, a.ActionFrom = lookup.Ban.String(), saidByLocal
	}
	length := cmp.Or(s.Duration, defaultDuration)
	a.DurationFrom = saidByScenario
	switch {
	case p.Duration > 0:
		length, a.DurationFrom = time.Duration(p.Duration), saidByPolicy
	case s.Ordered && s.Duration > 0:
	case s.Guard == event.NoGuard && local.Duration > 0:
		length, a.DurationFrom = local.Duration, saidByLocal
	case s.Duration == 0:
		a.DurationFrom = saidByLocal
	}
	a.DurationSeconds = length.Seconds()
}

// defaultDuration is that of decisions for which nobody says one: see [engine.Local].
const defaultDuration = 4 * time.Hour

func (a *App) serveScenarios(w http.ResponseWriter, _ *http.Request, _ url.Values) error {
	answer := scenariosAnswer{Scenarios: []scenarioAnswer{}}
	if a.watch != nil {
		answer = newScenariosAnswer(a.watch.user.current(), a.watch.detect, a.Local, a.engine.Stats().Alerts.Scenarios)
	}
	answer.Of = ofServer
	return send(w, http.StatusOK, answer)
}

func scenariosCommand() command {
	return command{
		name: "scenarios", short: "Lists what abuse is looked for, and what it leads to",
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
	cmd.Flags().Lookup("config").Usage = "Configuration file whose scenarios to list, instead of asking a server"
}

// scenarios asks the server, unless there is a config to read. Without either it
// lists what comes with the module.
func (c *call) scenarios() (int, error) {
	config := c.Flags().Lookup("config").Value.String()
	if config != "" {
		return 0, c.scenariosOf(config)
	}
	var a scenariosAnswer
	err := c.ask(http.MethodGet, "/tocsin/scenarios", nil, &a)
	// Caddy hides which error it is.
	if err != nil && !c.Flags().Changed("address") && strings.Contains(err.Error(), "performing request: ") {
		return 0, c.printScenarios(ofBuiltin, new(App))
	}
	return 0, errors.Join(err, c.print(a.write))
}

// scenariosOf lists what would be looked for with a config.
func (c *call) scenariosOf(config string) error {
	text, _, _, err := caddycmd.LoadConfig(config, c.Flags().Lookup("adapter").Value.String())
	if err != nil {
		return fmt.Errorf("reading %s: %w", config, err)
	}
	var cfg struct {
		Apps struct {
			Tocsin *App `json:"tocsin"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(text, &cfg); err != nil {
		return fmt.Errorf("reading %s: %w", config, err)
	}
	return c.printScenarios(ofConfig, cmp.Or(cfg.Apps.Tocsin, new(App)))
}

// printScenarios prints what a would look for. If it has a policy for nobody, that is
// the error, and all scenarios are listed even so: their names are what is wanted.
func (c *call) printScenarios(of string, a *App) error {
	d := cmp.Or(a.Detect, new(Detect))
	answer := scenariosAnswer{Scenarios: []scenarioAnswer{}}
	var unknown error
	if !slices.Contains(d.Rules, rulesOff) {
		rules, err := d.read(caddy.NewReplacer(), d.Scenarios)
		if err != nil {
			return err
		}
		applied, err := d.apply(rules, zap.NewNop())
		if unknown = err; err == nil {
			rules = applied
		}
		answer = newScenariosAnswer(rules, d, a.Local, nil)
	}
	answer.Of = of
	if c.isJSON() {
		return errors.Join(unknown, json.NewEncoder(c.OutOrStdout()).Encode(answer))
	}
	return errors.Join(unknown, answer.write(c.OutOrStdout()))
}

func (a *scenariosAnswer) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		if a.Of == ofBuiltin {
			t.row("No server answers: these are the built-in scenarios, with the default of local.")
			t.row()
		}
		t.row("SCENARIO", "THRESHOLD", "LEADS TO", "ALERTS", "COUNTS")
		for i := range a.Scenarios {
			s := &a.Scenarios[i]
			t.row(s.Name, s.threshold(), s.outcome(), s.Alerts, s.Description)
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

// threshold says how many events are too many.
func (a *scenarioAnswer) threshold() string {
	if a.Capacity == 0 {
		return "the first"
	}
	text := fmt.Sprintf("more than %d, or one in %s for long", a.Capacity, short(a.LeakSeconds))
	if a.Distinct != "" {
		text += ", different ones"
	}
	return text
}

// outcome says what an alert leads to, and who has said so.
func (a *scenarioAnswer) outcome() string {
	if a.Action == policyAlert {
		return policyAlert + " (" + a.ActionFrom + ")"
	}
	length := short(a.DurationSeconds)
	if a.ActionFrom == a.DurationFrom {
		return fmt.Sprintf("%s %s (%s)", a.Action, length, a.ActionFrom)
	}
	return fmt.Sprintf("%s (%s), %s (%s)", a.Action, a.ActionFrom, length, a.DurationFrom)
}

// short returns a number of seconds as it is written in a config: 10s, 5m, 4h. None
// is nothing.
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
