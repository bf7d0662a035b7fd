package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// parseDetect sets up detection:
//
//	detect builtin|off|<path>... {
//	    data     <folder>
//	    policy   <scenario> alert
//	    policy   <scenario> ban|captcha [<duration>]
//	    sessions <cookie...>
//	}
//
// policy may be repeated. Without arguments, detect means detect builtin.
func (a *App) parseDetect(d *caddyfile.Dispenser, name string) error {
	if a.Detect == nil {
		a.Detect = new(Detect)
	}
	a.Detect.Rules = d.RemainingArgs()
	return option.Read(d, name, a.Detect, option.Block{"policy": {Parse: a.Detect.parsePolicy, Repeatable: true}})
}

func (d *Detect) parsePolicy(disp *caddyfile.Dispenser, name string) error {
	args := disp.RemainingArgs()
	if len(args) < 2 {
		return disp.Errf("%s: want a scenario and an action, got %d arguments", name, len(args))
	}
	if d.Policies == nil {
		d.Policies = make(map[string]Policy)
	}
	if _, twice := d.Policies[args[0]]; twice {
		return disp.Errf("%s: %s: given twice", name, args[0])
	}
	var p Policy
	if err := p.parseArgs(disp, name+": "+args[0], args[1:]); err != nil {
		return err
	}
	d.Policies[args[0]] = p
	return nil
}

// parseArgs reads an action and, if there is one, a duration.
func (p *Policy) parseArgs(d *caddyfile.Dispenser, name string, args []string) error {
	if err := option.Choose(d, name, &p.Action, args[0], policyAlert, "captcha", "ban"); err != nil {
		return err
	}
	switch {
	case len(args) > 2:
		return d.Errf("%s: want an action and a duration, got %d arguments", name, len(args))
	case len(args) == 1:
		return nil
	case p.Action == policyAlert:
		return d.Errf("%s: an alert has no duration", name)
	}
	v, err := option.ParseDuration(args[1])
	if err != nil {
		return d.Errf("%s: %v", name, err)
	}
	p.Duration = caddy.Duration(v)
	return nil
}

// parseScenario sets up a scenario:
//
//	scenario <name> {
//	    match {
//	        <matcher...>
//	    }
//	    status   <status...>
//	    capacity <number>
//	    leak     <duration>
//	    distinct
//	    alert
//	    ban|captcha [<duration>]
//	}
//
// match may be repeated: a request must match one of them. [Scenario] says what a
// scenario needs at least.
func (a *App) parseScenario(d *caddyfile.Dispenser, name string) error {
	var s Scenario
	head := *d // for errors about the whole scenario, which name its first line
	if err := option.Exact(d, name, &s.Name); err != nil {
		return err
	}
	action := func(word string) option.Option {
		return option.Option{Parse: func(d *caddyfile.Dispenser, name string) error {
			if s.Action != "" {
				return d.Errf("%s: the action is given twice", name)
			}
			return s.parseArgs(d, name, append([]string{word}, d.RemainingArgs()...))
		}}
	}
	err := option.Read(d, name+": "+s.Name, &s, option.Block{
		"match":   {Parse: s.parseMatch, Repeatable: true},
		"status":  {Parse: s.parseStatus},
		"alert":   action(policyAlert),
		"captcha": action("captcha"),
		"ban":     action("ban"),
	})
	if err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return head.Errf("%s: %s: %v", name, s.Name, err)
	}
	if a.Detect == nil {
		a.Detect = new(Detect)
	}
	a.Detect.Scenarios = append(a.Detect.Scenarios, s)
	return nil
}

func (s *Scenario) parseMatch(d *caddyfile.Dispenser, name string) error {
	if d.CountRemainingArgs() > 0 {
		return d.Errf("%s: takes no argument: write the matchers into its block", name)
	}
	set, err := caddyhttp.ParseCaddyfileNestedMatcherSet(d)
	if err != nil {
		return d.Errf("%s: %v", name, err)
	}
	s.Match = append(s.Match, set)
	return nil
}

func (s *Scenario) parseStatus(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: want at least one status", name)
	}
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return d.Errf("%s: %q: want a number such as 401", name, arg)
		}
		s.Status = append(s.Status, n)
	}
	return nil
}

// parseLocal sets up local decisions:
//
//	local ban|captcha [<duration>] {
//	    escalate <duration>|off
//	    longest  <duration>
//	}
func (a *App) parseLocal(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: want ban or captcha", name)
	}
	var p Policy
	if err := p.parseArgs(d, name, args); err != nil {
		return err
	}
	if p.Action == policyAlert {
		return d.Errf("%s: %q: want ban or captcha (only a policy of detect can use alert)", name, p.Action)
	}
	a.Local.Action, a.Local.Duration = p.Action, p.Duration
	return option.Read(d, name, &a.Local, nil)
}

// parseReport sets up the receivers of alerts, and the optional fields.
func (a *App) parseReport(d *caddyfile.Dispenser, name string) error {
	if err := option.Words(&a.Report)(d, name); err != nil {
		return err
	}
	return option.Block{"context": {Parse: option.Words(&a.Context)}}.Parse(d, name)
}
