package detect

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// Config configures a [Detector]. With the zero value it has no scenarios.
type Config struct {
	// Rules are the scenarios to run. See also [Detector.Use].
	Rules *Rules
	// Buckets is the largest number of buckets: one for each client and scenario
	// that matched one of its events. Default: 100,000.
	Buckets int
	// Memory is how many bytes the buckets may take. Default: 64 MiB.
	Memory int
	// Values is how many distinct values a bucket remembers, if its scenario counts
	// distinct values. A forgotten value counts again. Default: 1,000.
	Values int
	// Clients is how many clients are remembered for good behaviour, and apart from
	// these how many for credentials that the site accepted, 128 of one network at most, and
	// how many of these credentials, 512 of one network at most.
	// Default: 50,000 of each, in up to 20 MB and twice up to 12 MB.
	Clients int
	// Events is how many events a bucket remembers for [event.Alert].Context. Default: 10.
	Events int
	// Good is called for a client that has shown credentials that the site accepted, or
	// solved a challenge (see [Detector.Vouch]). It must not wait. Default: none.
	Good func(client netip.Addr, at time.Time)
}

func (cfg Config) withDefaults() Config {
	for _, x := range []struct {
		value        *int
		def, atLeast int
	}{
		{&cfg.Buckets, 100_000, 1},
		{&cfg.Memory, 64 << 20, 1},
		{&cfg.Values, 1000, 1},
		{&cfg.Clients, 50_000, 1},
		{&cfg.Events, 10, 1},
	} {
		if *x.value < x.atLeast {
			*x.value = x.def
		}
	}
	if cfg.Good == nil {
		cfg.Good = func(netip.Addr, time.Time) {}
	}
	return cfg
}

// A Detector checks the recent behaviour of clients against [Rules]. Many goroutines may use
// it at once. It starts no goroutine, and needs no Close.
type Detector struct {
	cfg     Config
	store   *store
	clients *clients
	sites   *siteMemory
	prog    atomic.Pointer[program]

	events, dropped atomic.Uint64

	mu     sync.Mutex        // one Use at a time
	ids    map[string]uint32 // of the scenarios in use, by scenario.print
	last   uint32            // the last ID given to a scenario
	counts map[string]*scenarioCount
}

// New returns a detector.
func New(cfg Config) *Detector {
	cfg = cfg.withDefaults()
	d := &Detector{
		cfg: cfg, store: newStore(cfg.Buckets, cfg.Memory), clients: newClients(cfg.Clients), sites: newSiteMemory(),
		counts: make(map[string]*scenarioCount),
	}
	rules := cfg.Rules
	if rules == nil {
		rules = &Rules{lists: newLists()}
	}
	d.Use(rules)
	return d
}

// Use replaces the rules. The buckets of scenarios that count the same as before are kept.
// Other settings of a scenario, such as its labels, may change.
func (d *Detector) Use(rules *Rules) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids, kept := make(map[string]uint32), make(map[uint32]bool)
	d.prog.Store(compile(rules, func(s *scenario) (uint32, *scenarioCount) {
		id, known := d.ids[s.print]
		if !known {
			d.last++
			id = d.last
		}
		ids[s.print], kept[id] = id, true
		if d.counts[s.name] == nil {
			d.counts[s.name] = new(scenarioCount)
		}
		return id, d.counts[s.name]
	}))
	d.ids = ids
	d.store.retain(kept)
}

// Request runs the scenarios that need only the request. It returns their alerts, which are
// rare, and takes one or two microseconds.
//
// An event with a finding has no response, so it runs all its scenarios here. A client
// without a known address gets no alerts.
func (d *Detector) Request(e *event.Event) []event.Alert {
	e.Memo.Deferred = false
	p := d.prog.Load()
	if len(p.rules) == 0 || !e.Client.IsValid() {
		return nil
	}
	e.Memo.Number = d.events.Add(1)
	v := p.open(e, event.ClientOf(e.Client))
	defer v.close()
	if p.remembers {
		v.sites, v.clients = d.sites, d.clients
	}
	switch found := p.judge(v, true); {
	case found == whitelisted:
		d.dropped.Add(1)
		return nil
	case e.Finding != nil:
		return d.ask(v, p.found, false)
	case found == undecided:
		e.Memo.Deferred = true
		return nil
	default:
		return d.ask(v, p.early, false)
	}
}

// Response runs the scenarios that need to know how the request ended. If a whitelist needs
// to know that too, all scenarios run here. The caller must pass the same event as to
// Request.
func (d *Detector) Response(e *event.Event) []event.Alert {
	p := d.prog.Load()
	if len(p.rules) == 0 || !e.Client.IsValid() || e.Finding != nil {
		return nil
	}
	asked := p.late
	if e.Memo.Deferred {
		asked = p.both
	}
	v := p.open(e, event.ClientOf(e.Client))
	defer v.close()
	if p.remembers {
		v.sites, v.clients = d.sites, d.clients
	}
	if p.judge(v, false) == whitelisted {
		if e.Memo.Deferred {
			d.dropped.Add(1)
		}
		return nil
	}
	d.forgive(v)
	alerts := d.ask(v, asked, true)
	if p.remembers {
		d.note(v)
	}
	return alerts
}

// forgive takes back the failures before a successful login: people mistype, and some
// applications with several steps refuse the first.
func (d *Detector) forgive(v *view) {
	if len(v.prog.forgiving)+len(v.prog.relieved) == 0 {
		return
	}
	switch result, _ := v.login(); {
	case result == loginFound:
		d.relieve(v)
		return
	case result != loginSuccess && result != loginStep:
		return
	case v.attempt().kind == kindToken:
		return // otherwise a client with a token could take back a guess with each request
	}
	owner := d.owner(v)
	proven := !v.attempt().isPosted() || v.loggedIn() || v.isProven()
	for _, r := range v.prog.forgiving {
		m := refund{rule: r, owner: owner}
		if owner != 0 && proven && r.byLogins {
			m.relieves = 1
		}
		d.store.forgive(r.key(v, d.store.seed), m)
	}
}

// codeWorth is how many unknown codes one known code compensates. A client that looks up its
// own numbers finds most of them. A client that guesses finds almost none.
const codeWorth = 4

// relieve lets a code that was found compensate others that were not.
func (d *Detector) relieve(v *view) {
	code, _ := v.loginTry()
	for _, r := range v.prog.relieved {
		d.store.forgive(r.key(v, d.store.seed), refund{r, d.sites.hash(code), codeWorth})
	}
}

// owner returns a hash of the user name and the place of a login, or 0 if there is no name.
// The name alone is not enough: a form elsewhere that accepts the name proves nothing here.
func (d *Detector) owner(v *view) uint64 {
	user, ok := v.loginUser()
	if !ok {
		return 0
	}
	return d.sites.hash(user, v.spot())
}

// judge runs the whitelists.
func (p *program) judge(v *view, early bool) verdict {
	found := judged
	for i := range p.whitelists {
		switch p.whitelists[i].judge(v, early) {
		case whitelisted:
			return whitelisted
		case undecided:
			found = undecided
		}
	}
	return found
}

// ask runs rules on the event.
func (d *Detector) ask(v *view, rules []uint64, late bool) []event.Alert {
	now := v.evt.Time
	if late && !v.evt.Ended.IsZero() {
		now = v.evt.Ended
	}
	pour := pouredEvent{now: now.UnixNano(), view: v, bound: &d.cfg, clients: d.clients}
	var alerts []event.Alert
	each(v.prog.candidates(v, rules, late), func(i int) {
		pour.rule = v.prog.rules[i]
		if alert, due := d.try(pour); due {
			alerts = append(alerts, alert)
		}
	})
	return alerts
}

// try runs a rule. An expression that fails does not match. In CrowdSec, the event is then
// lost for all further scenarios. Here the other scenarios still run.
func (d *Detector) try(p pouredEvent) (event.Alert, bool) {
	v, r := p.view, p.rule
	if !v.meets(r.filter) {
		return event.Alert{}, false
	}
	if r.guard == event.GuardNetwork && v.evt.Attribution.IsReflected() {
		return event.Alert{}, false // any page can make its visitors' browsers request missing pages
	}
	if r.sought { // the guard learns from the answer
		v.evt.Memo.Sought, v.evt.Memo.Impossible = true, v.evt.Memo.Impossible || r.teaches
	}
	key := r.key(v, d.store.seed)
	if v.failed {
		return event.Alert{}, false
	}
	if r.distinct != nil {
		p.value = maphash.String(d.store.seed, r.distinct.of(v))
		p.distinct = !v.failed // if it failed, the event counts, as in CrowdSec
	}
	if r.forgiven {
		if result, _ := v.login(); result != loginSuccess { // a successful login does not take back another one
			p.owner = d.owner(v)
		}
	}
	return d.store.pour(key, p)
}

// clientBits returns the client's address as two numbers.
func (v *view) clientBits() (hi, lo uint64) {
	k := v.clientKey()
	return k.hi, k.lo
}
