package event

import "strings"

// A Finding is a rule of an inspector that a request matches. As in CrowdSec's AppSec, it
// becomes a separate event for scenarios: see [Event.OfFinding].
type Finding struct {
	Inspector string   // the inspector's name, such as waf
	Rule      string   // such as crowdsecurity/vpatch-CVE-2021-3129
	Hash      string   // of the rule's file, if it is from CrowdSec's hub; otherwise empty
	Version   string   // of the file in the hub; empty: not from there
	Message   string   // what the rule is about
	Zones     []string // where the rule matched, such as ARGS_GET.id
	Payload   string   // the matched text, only for the log; empty unless the configuration asks for it

	// Stopped says that this finding stopped the request.
	Stopped bool
	// Likely says that the rule is not certain. It asks for a challenge, and a client that
	// it stops is not treated as an attacker.
	Likely bool
	// Simulated says that this finding would have stopped the request, but that the rule is
	// only being tried out.
	Simulated bool
	// Alert says that the finding raises an alert. Quiet says that scenarios do not see it.
	Alert, Quiet bool

	Method, Target, UserAgent string // of the request
}

// OfFinding returns the event that scenarios see for a finding. It has the client and the
// site of the request, but not its other fields.
func (e *Event) OfFinding(f *Finding) *Event {
	f.Method, f.Target, f.UserAgent = e.Method, e.Target, e.UserAgent
	return &Event{
		Time: e.Time, Client: e.Client, Host: e.Host, Site: e.Site, Attribution: e.Attribution, Matched: e.Matched,
		KeepQuery: e.KeepQuery, Finding: f,
	}
}

// ContextOf returns the facts about a finding's event that may leave this server.
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
