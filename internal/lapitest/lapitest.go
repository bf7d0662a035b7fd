// Package lapitest answers one question for the tests of this module: what
// would CrowdSec's Local API say? It has two answers.
//
// # The fake
//
// [Start] runs an in-process model of the server: a decision database, one
// cursor per API key, and the rules by which the server turns both into a
// stream. It speaks as either of two generations, and its answers can be
// spoiled in every way that a network, a proxy or the server itself is known to
// spoil them: see [Fault]. It decodes nothing with the client's own code, so
// that the two cannot share a mistake.
//
// # The real server
//
// [Real] starts Debian's CrowdSec 1.4.6 on a loopback port, and skips the test
// where it is not at hand. The script fetch.sh beside this file gets it.
//
// Neither reaches beyond the loopback interface, and both are gone at the end
// of the test that started them.
package lapitest

import (
	"cmp"
	"net/netip"
	"sync"
	"time"
)

// A Generation is a version of the Local API's format and behaviour.
type Generation int

const (
	// New is CrowdSec 1.7.8: the stream is written in chunks, new before
	// deleted, ordered by id; an empty list is []; durations are whole seconds;
	// local decisions have a uuid; a cursor belongs to an API key and a client
	// address; HEAD on the stream only checks the key.
	New Generation = iota
	// Old is CrowdSec 1.4.6: the stream is one buffered object, deleted before
	// new, ordered by expiry; an empty list is null; durations carry fractions;
	// there is no uuid; a cursor belongs to an API key alone and starts at the
	// key's creation; HEAD on the stream moves it; usage metrics and gzipped
	// request bodies are unknown.
	Old
	// Newest is CrowdSec's master of July 2026: like New, but an address that is added to an
	// allowlist loses its decisions in force.
	Newest
)

// The default names and keys of the fake and the real server.
const (
	DefaultKey      = "bouncer-key-0123456789abcdef"
	DefaultMachine  = "testmachine"
	DefaultPassword = "machine-password-0123456789"
)

// Config configures a fake. The zero value is a server of generation New that knows
// DefaultKey and DefaultMachine and has an empty database.
type Config struct {
	Generation Generation // default: New
	Keys       []string   // API keys it knows; default: DefaultKey
	Machine    string     // machine that may log in; default: DefaultMachine
	Password   string     // its password; default: DefaultPassword

	// RegistrationToken lets machines register without validation, with generation New.
	// Default: none.
	RegistrationToken string

	// The organizational units of client certificates for bouncers and for machines.
	// Defaults: bouncer-ou and agent-ou, as in CrowdSec.
	BouncerUnits, AgentUnits []string

	Bulk Bulk // synthetic decisions besides the added ones; default: none
}

// A Handler is the fake as an [http.Handler]. Its methods may be called by any
// goroutine, also while it serves. It starts no goroutine and its clock is
// time.Now, so it may be used in a testing/synctest bubble.
type Handler struct {
	mu        sync.Mutex
	gen       Generation
	keys      map[string]*bouncer    // by API key
	machines  map[string]*machine    // by name
	token     string                 // that lets machines register; "": none
	tokens    map[string]token       // by bearer token
	units     units                  // of client certificates
	metrics   map[string][]usageItem // reported by bouncers, by API key, the oldest first
	systems   map[string]string      // operating systems, by API key and by name of a machine
	rows      []*row                 // the decision database, oldest first
	nextID    int64                  // the last id given
	stamped   time.Time              // see stampLocked
	bulk      bulkState              // synthetic rows
	faults    []*injection           // oldest first
	requests  []Request              // oldest first
	alerts    []Alert                // oldest first
	allowed   []netip.Prefix         // sources whose alerts are dropped
	nextAlert int                    // the last id given
	nextToken int                    // the last number given
	pulls     int                    // stream requests answered
	received  int                    // requests of any kind
	counted   chan struct{}          // closed and replaced when one of them grows
}

// NewHandler returns a fake with this configuration, for the caller's own server.
func NewHandler(cfg Config) *Handler {
	if len(cfg.Keys) == 0 {
		cfg.Keys = []string{DefaultKey}
	}
	h := &Handler{
		gen:      cfg.Generation,
		keys:     make(map[string]*bouncer),
		machines: make(map[string]*machine),
		token:    cfg.RegistrationToken,
		metrics:  make(map[string][]usageItem),
		systems:  make(map[string]string),
		units:    units{cfg.BouncerUnits, cfg.AgentUnits}.withDefaults(),
		tokens:   make(map[string]token),
		counted:  make(chan struct{}),
	}
	for _, k := range cfg.Keys {
		h.AddKey(k)
	}
	h.AddMachine(cmp.Or(cfg.Machine, DefaultMachine), cmp.Or(cfg.Password, DefaultPassword))
	h.SetBulk(cfg.Bulk)
	return h
}
