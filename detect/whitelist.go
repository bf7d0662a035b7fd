package detect

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/tocsin-project/tocsin/lookup"
)

// A whitelist drops events before any scenario runs.
type whitelist struct {
	name, file string

	filter   *expression // nil if it is for all events
	ips      map[netip.Addr]bool
	prefixes []netip.Prefix
	exprs    []*expression
}

// A whitelistDoc is a document of a parser file with a whitelist.
type whitelistDoc struct {
	Format      string     `yaml:"format"`
	Name        string     `yaml:"name"`
	Author      string     `yaml:"author"`
	Description string     `yaml:"description"`
	References  []string   `yaml:"references"`
	Debug       bool       `yaml:"debug"`
	Profiling   bool       `yaml:"profiling"`
	Stage       string     `yaml:"stage"`
	OnSuccess   string     `yaml:"onsuccess"`
	Filter      string     `yaml:"filter"`
	Data        []listFile `yaml:"data"`
	Whitelist   struct {
		Reason     string   `yaml:"reason"`
		IP         []string `yaml:"ip"`
		CIDR       []string `yaml:"cidr"`
		Expression []string `yaml:"expression"`
	} `yaml:"whitelist"`
}

// whitelist checks the document and parses its expressions.
func (d *whitelistDoc) whitelist(l *lists) (*whitelist, error) {
	w := &whitelist{name: d.Name, ips: make(map[netip.Addr]bool)}
	for _, s := range d.Whitelist.IP {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return nil, &keyError{"ip", err}
		}
		w.ips[lookup.Normalize(ip)] = true
	}
	for _, s := range d.Whitelist.CIDR {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, &keyError{"cidr", err}
		}
		w.prefixes = append(w.prefixes, p)
	}
	var err error
	if d.Filter != "" {
		if w.filter, err = l.expression(d.Filter, reflect.Bool); err != nil {
			return nil, &keyError{"filter", err}
		}
	}
	for _, source := range d.Whitelist.Expression {
		e, err := l.expression(source, reflect.Bool)
		if err != nil {
			return nil, &keyError{"expression", err}
		}
		w.exprs = append(w.exprs, e)
	}
	return w, nil
}

// parsePrefix parses a range, or a single address, which older files use instead.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		s = fmt.Sprintf("%s/%d", ip, ip.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	p, ok := lookup.NormalizePrefix(p)
	if !ok {
		return netip.Prefix{}, fmt.Errorf("%s: want an address or a range such as 192.0.2.0/24", s)
	}
	return p, nil
}

// A verdict says whether an event is whitelisted.
type verdict uint8

const (
	judged      verdict = iota // not whitelisted
	whitelisted                // a whitelist matches
	undecided                  // this depends on the response
)

// A compiledWhitelist is a whitelist with compiled conditions.
type compiledWhitelist struct {
	*whitelist

	when, any           *cond // the filter, and the condition that at least one of the expressions is true
	earlyWhen, earlyAny *cond // forms of both for the time before the response
}

func (c *compiler) whitelist(w *whitelist) compiledWhitelist {
	cw := compiledWhitelist{whitelist: w, when: always}
	if w.filter != nil {
		cw.when = c.filter(w.filter)
	}
	// CrowdSec evaluates the expressions in order and stops at one that fails.
	var conds []*cond
	for _, e := range w.exprs {
		conds = append(conds, c.filter(e))
	}
	cw.any = or(conds...)
	cw.earlyWhen, cw.earlyAny = cw.when.early(), cw.any.early()
	return cw
}

// judge evaluates the whitelist. Before the response is known, the result can be undecided.
func (w *compiledWhitelist) judge(v *view, early bool) verdict {
	listed := w.lists(v.evt.Client)
	switch {
	case !listed && w.any == never:
		return judged
	case early && (w.earlyWhen != w.when || !listed && w.earlyAny != w.any):
		if v.may(w.earlyWhen) && (listed || v.may(w.earlyAny)) {
			return undecided
		}
		return judged
	case v.meets(w.when) && (listed || v.meets(w.any)):
		return whitelisted
	}
	return judged
}

// meets reports whether the event meets a filter. A filter that fails is not met.
func (v *view) meets(filter *cond) bool {
	v.failed = false
	return filter.test(v) && !v.failed
}

// may reports whether the event may still meet a filter. early is the filter's form for the
// time before the response.
func (v *view) may(early *cond) bool {
	v.failed = false
	return early.test(v) || v.failed
}

func (w *whitelist) lists(ip netip.Addr) bool {
	if w.ips[ip] {
		return true
	}
	for _, p := range w.prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
