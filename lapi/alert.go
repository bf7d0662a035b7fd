package lapi

import (
	"cmp"
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// The limits of the API's database. It cuts longer values, or refuses the whole batch.
const (
	maxWord    = 255  // bytes of a name or a message
	maxTarget  = 2048 // bytes of a path in JSON
	maxHost    = 255  // bytes of a host
	maxAgent   = 1024 // bytes of a user agent in JSON
	maxMethod  = 64
	maxMeta    = 4000 // bytes of a value; the API cuts at 4095
	maxEvents  = 10   // of an alert
	alertScope = "Ip"
	rangeScope = "Range"
	ourOrigin  = "tocsin"   // of tocsin's own decisions
	alertKind  = "crowdsec" // of alerts from scenarios, as in CrowdSec's own alerts
)

// A pushed alert has the API's format. The API requires every key up to source, with
// null for none, and ignores unknown ones, such as kind before 1.7.7.
type pushed struct {
	Kind        string           `json:"kind"`
	Scenario    string           `json:"scenario"`
	Hash        string           `json:"scenario_hash"`
	Version     string           `json:"scenario_version"`
	Message     string           `json:"message"`
	Capacity    int32            `json:"capacity"`
	Leakspeed   string           `json:"leakspeed"`
	Count       int32            `json:"events_count"`
	Events      []pushedEvent    `json:"events"`
	Start       string           `json:"start_at"`
	Stop        string           `json:"stop_at"`
	Simulated   bool             `json:"simulated"`
	Source      pushedSource     `json:"source"`
	Remediation bool             `json:"remediation"`
	Meta        []pushedMeta     `json:"meta,omitempty"`
	Decisions   []pushedDecision `json:"decisions,omitempty"`
}

type pushedSource struct {
	Scope   string `json:"scope"`
	Value   string `json:"value"`
	IP      string `json:"ip,omitempty"`
	Range   string `json:"range,omitempty"`
	Country string `json:"cn,omitempty"`
	AS      string `json:"as_number,omitempty"`
	ASName  string `json:"as_name,omitempty"`
}

type pushedEvent struct {
	Time string       `json:"timestamp"`
	Meta []pushedMeta `json:"meta"`
}

type pushedMeta struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type pushedDecision struct {
	Origin   string `json:"origin"`
	Type     string `json:"type"`
	Scope    string `json:"scope"`
	Value    string `json:"value"`
	Duration string `json:"duration"`
	Scenario string `json:"scenario"`
}

// newPushed returns a in the API's format. The API counts the time of a ban from the
// end of the alert, so an alert that was sent late would cause a short ban or none. An
// alert that asks for a decision therefore ends when it is sent.
//
// CrowdSec's default profiles ban for each alert that asks for a decision. So an alert
// that led to less than a ban here does not ask, unless it carries its own decision.
func newPushed(a *event.Alert, now time.Time, tell disclosure) *pushed {
	p := &pushed{
		Kind: cmp.Or(a.Kind, alertKind), Simulated: a.Simulated,
		Scenario: clip(a.Scenario, maxWord), Hash: clip(a.Hash, maxWord), Version: clip(a.Version, maxWord),
		Message: clip(a.Message, maxWord), Capacity: count(a.Capacity), Leakspeed: a.Leak.String(), Count: count(a.Count),
		Start: stamp(a.Start, now), Stop: stamp(a.Stop, now), Source: tell.source(a), Events: []pushedEvent{},
	}
	if a.Kind != "" {
		p.Leakspeed = "" // there is no bucket
	}
	decide := tell.decide && a.Remediation && a.Action != lookup.None && a.Duration > 0
	p.Remediation = a.Remediation && (decide || a.Action == lookup.None || a.Action == lookup.Ban)
	if p.Remediation {
		p.Stop = stamp(now, now)
	}
	if decide {
		p.Decisions = []pushedDecision{{
			Origin: ourOrigin, Type: a.Action.String(), Scope: p.Source.Scope, Value: p.Source.Value,
			Duration: a.Duration.String(), Scenario: p.Scenario,
		}}
	}
	contexts := tell.contexts(a.Context[max(0, len(a.Context)-maxEvents):])
	for i := range contexts {
		p.Events = append(p.Events, newEvent(&contexts[i], &p.Source, now))
	}
	p.Meta = newMeta(contexts)
	return p
}

// A disclosure says which optional parts of an alert CrowdSec gets.
type disclosure struct {
	decide      bool                   // tocsin's own decision
	query, host bool                   // of the requests
	locate      func(netip.Addr) Place // nil: places are unknown
}

// source returns the source of a, with its place.
func (t disclosure) source(a *event.Alert) pushedSource {
	s := sourceOf(a)
	if t.locate == nil {
		return s
	}
	p, _ := meant(a)
	at := t.locate(p.Addr())
	if s.Country, s.ASName = clip(at.Country, maxWord), clip(at.ASName, maxWord); at.AS != 0 {
		s.AS = strconv.FormatUint(uint64(at.AS), 10)
	}
	return s
}

// contexts returns the requests without the parts that CrowdSec must not get. The query
// is part of the target.
func (t disclosure) contexts(all []event.Context) []event.Context {
	all = slices.Clone(all)
	for i := range all {
		c := &all[i]
		c.Target = path(c.Target)
		if t.query && c.Query != "" {
			c.Target = clip(c.Target+"?"+c.Query, maxTarget)
		}
		if !t.host {
			c.Host = ""
		}
	}
	return all
}

// meant returns the prefix that a is about: an address, or a range of IPv6.
func meant(a *event.Alert) (netip.Prefix, bool) {
	if p, ok := lookup.NormalizePrefix(a.Prefix); ok {
		return p, true
	}
	ip := lookup.Normalize(a.Client)
	return netip.PrefixFrom(ip, ip.BitLen()), ip.IsValid()
}

// sourceOf returns the source of a in the API's format. For a range it includes the
// client's address.
func sourceOf(a *event.Alert) pushedSource {
	p, _ := meant(a)
	if p.IsSingleIP() {
		value := p.Addr().String()
		return pushedSource{Scope: alertScope, Value: value, IP: value}
	}
	s := pushedSource{Scope: rangeScope, Value: p.String(), Range: p.String()}
	if ip := lookup.Normalize(a.Client); ip.IsValid() {
		s.IP = ip.String()
	}
	return s
}

// newMeta returns the meta data of an alert in the format of the hub's contexts: for
// each key a JSON list of its different values.
func newMeta(contexts []event.Context) []pushedMeta {
	var all []pushedMeta
	for _, m := range []struct {
		key string
		of  func(*event.Context) string
	}{
		{"method", func(c *event.Context) string { return clip(c.Method, maxMethod) }},
		{"target_uri", func(c *event.Context) string { return c.Target }},
		{"target_fqdn", func(c *event.Context) string { return clip(c.Host, maxHost) }},
		{"status", func(c *event.Context) string { return status(c.Status) }},
		{"user_agent", func(c *event.Context) string { return clip(c.UserAgent, maxAgent) }},
		{"name", func(c *event.Context) string { return clip(c.Rule, maxWord) }},
		{"msg", func(c *event.Context) string { return clip(c.Message, maxWord) }},
		{"matched_zones", func(c *event.Context) string { return clip(c.Zones, maxTarget) }},
	} {
		var values []string
		size := len("[]")
		for i := range contexts {
			v := m.of(&contexts[i])
			if v == "" || slices.Contains(values, v) || size+inJSON(v)+len(`"",`) > maxMeta {
				continue
			}
			size += inJSON(v) + len(`"",`)
			values = append(values, v)
		}
		if list, err := json.Marshal(values); err == nil && len(values) > 0 {
			all = append(all, pushedMeta{m.key, string(list)})
		}
	}
	return all
}

// path returns the path of a request target. Everything else (query, fragment, user and
// host) may contain secrets.
func path(target string) string {
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		target = target[:end]
	}
	if host := strings.Index(target, "//"); host > 0 && strings.HasSuffix(target[:host], ":") && !strings.Contains(target[:host], "/") {
		_, target, _ = strings.Cut(target[host+2:], "/")
		target = "/" + target
	}
	return clip(target, maxTarget)
}

func status(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}

func count(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }

// stamp formats t for the API, or now if t is the zero time.
func stamp(t, now time.Time) string {
	if t.IsZero() {
		t = now
	}
	return t.UTC().Format(time.RFC3339)
}

// clip returns the beginning of s that takes at most n bytes in JSON. It leaves out
// invisible characters, because people read alerts on terminals.
func clip(s string, n int) string {
	var b strings.Builder
	for _, r := range s[:min(len(s), n)] {
		if !unicode.IsPrint(r) {
			continue
		}
		if n -= runeInJSON(r); n < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inJSON returns the size of s in JSON, without the quotes.
func inJSON(s string) int {
	n := 0
	for _, r := range s {
		n += runeInJSON(r)
	}
	return n
}

func runeInJSON(r rune) int {
	switch r {
	case '"', '\\':
		return 2
	case '<', '>', '&', utf8.RuneError:
		return 6 // escaped
	}
	return utf8.RuneLen(r)
}
