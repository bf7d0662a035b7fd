package event

import "strings"

// A Finding says what an inspector of the server has found in a request: a rule that the
// request matches. CrowdSec's AppSec makes an event of its own of that, and so does this
// one, which scenarios see in its place: see [Event.OfFinding].
type Finding struct {
	Inspector string   // its name, such as waf
	Rule      string   // such as crowdsecurity/vpatch-CVE-2021-3129
	Message   string   // what the rule is about
	Zones     []string // where it has found it, such as ARGS_GET.id
	Payload   string   // what it has found there, for the log alone; empty unless asked for

	// Stopped says that the request was stopped because of it.
	Stopped bool
	// Likely says that the rule is not certain: it asks for a challenge, and a client that
	// is stopped by it is no attacker for that.
	Likely bool
	// Simulated says that it would have been, if the rule were more than tried out.
	Simulated bool
	// Alert says that it is an alert, and Quiet that scenarios do not see it.
	Alert, Quiet bool

	Method, Target, UserAgent string // of the request
}

// OfFinding returns the event that scenarios see of a finding: that of a request which
// nothing is known of but whose it is.
func (e *Event) OfFinding(f *Finding) *Event {
	f.Method, f.Target, f.UserAgent = e.Method, e.Target, e.UserAgent
	return &Event{
		Time: e.Time, Client: e.Client, Host: e.Host, Site: e.Site, Attribution: e.Attribution, Matched: e.Matched,
		KeepQuery: e.KeepQuery, Finding: f,
	}
}

// ContextOf returns what of the event of a finding may leave this server.
func ContextOf(e *Event) Context {
	f := e.Finding
	c := Context{
		Time: e.Time, Method: f.Method, Host: e.Host, UserAgent: f.UserAgent, Rule: f.Rule, Message: f.Message, Zones: strings.Join(f.Zones, ","),
	}
	c.Target, c.Query, _ = strings.Cut(f.Target, "?")
	if !e.KeepQuery {
		c.Query = ""
	}
	return c
}
