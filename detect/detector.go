package detect

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
)

// Config says what a [Detector] looks for, and how much memory it may take. Its
// zero value looks for nothing.
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
	// these how many for credentials that the site accepted, 128 of one network at most.
	// Default: 50,000 of each, in up to 20 MB and up to 12 MB.
	Clients int
	// Events is how many events a bucket remembers for [event.Alert].Context. Default: 10.
	Events int
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
	return cfg
}

// A Detector holds what clients have done lately against [Rules]. It is safe for
// use by many goroutines, starts none, and has nothing to close.
type Detector struct {
	cfg     Config
	store   *store
	clients *clients
	habits  *habits
	prog    atomic.Pointer[program]

	events, dropped atomic.Uint64

	mu     sync.Mutex        // one Use at a time
	ids    map[string]uint32 // of the scenarios in use, by what their buckets depend on
	last   uint32            // the last number given to one
	counts map[string]*scenarioCount
}

// New returns a detector.
func New(cfg Config) *Detector {
	cfg = cfg.withDefaults()
	d := &Detector{
		cfg: cfg, store: newStore(cfg.Buckets, cfg.Memory), clients: newClients(cfg.Clients), habits: newHabits(),
		counts: make(map[string]*scenarioCount),
	}
	rules := cfg.Rules
	if rules == nil {
		rules = &Rules{lists: newLists()}
	}
	d.Use(rules)
	return d
}

// Use makes the detector look for what rules say from now on. The buckets of
// scenarios that are the same as before stay; what else they report, such as
// their labels, may change.
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

// Request asks the scenarios that need the request alone. It returns the alerts of
// those that overflow, which are few, and takes a microsecond or two.
//
// An event with a finding is all that there is of it: what depends on a response is not
// asked. A client whose address is not known cannot be judged: there are none.
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
		v.habits, v.clients = d.habits, d.clients
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

// Response asks the scenarios that need to know how the request ended. Where a
// whitelist needs to know that too, it asks all of them. It is to be called with
// the event that Request was called with.
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
		v.habits, v.clients = d.habits, d.clients
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

// forgive takes back the failures before a login that succeeds: people mistype, and
// applications of several steps refuse the first.
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
		return // who has a token could take back a guess with each request
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

// codeWorth is how many codes that are not there one makes up for that is: of who looks up
// numbers of his own more are there than not, and of who guesses hardly any.
const codeWorth = 4

// relieve lets a code that somebody has looked up make up for others.
func (d *Detector) relieve(v *view) {
	code, _ := v.loginTry()
	for _, r := range v.prog.relieved {
		d.store.forgive(r.key(v, d.store.seed), refund{r, d.habits.hash(code), codeWorth})
	}
}

// owner returns what stands for the name that somebody logs in by, and where; 0 if
// there is none. That a form takes a name elsewhere says nothing of a login here.
func (d *Detector) owner(v *view) uint64 {
	user, ok := v.loginUser()
	if !ok {
		return 0
	}
	return d.habits.hash(user, v.spot())
}

// judge asks the whitelists.
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

// ask asks rules about the event.
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

// try asks a rule. An expression that fails is not met: unlike upstream, where the
// event is then lost for all that follows, the others are still asked.
func (d *Detector) try(p pouredEvent) (event.Alert, bool) {
	v, r := p.view, p.rule
	if !v.meets(r.filter) {
		return event.Alert{}, false
	}
	if r.guard == event.GuardNetwork && v.evt.Attribution.IsReflected() {
		return event.Alert{}, false // any page can have its visitors' browsers miss pages
	}
	if r.sought { // what is learned from that is in the answer
		v.evt.Memo.Sought, v.evt.Memo.Impossible = true, v.evt.Memo.Impossible || r.teaches
	}
	key := r.key(v, d.store.seed)
	if v.failed {
		return event.Alert{}, false
	}
	if r.distinct != nil {
		p.value = maphash.String(d.store.seed, r.distinct.of(v))
		p.distinct = !v.failed // then it counts, as upstream
	}
	if r.forgiven {
		if result, _ := v.login(); result != loginSuccess { // one success does not take back another
			p.owner = d.owner(v)
		}
	}
	return d.store.pour(key, p)
}

// clientBits returns the address of the client, as numbers.
func (v *view) clientBits() (hi, lo uint64) {
	k := v.clientKey()
	return k.hi, k.lo
}
