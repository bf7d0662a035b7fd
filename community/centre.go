package community

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Centre is the centre of a community, without HTTP. It is safe for concurrent use.
type Centre struct {
	cfg     Config
	server  string // name of this server among those of the database
	derived map[string][]byte

	doors    doors
	own      owns
	inviting sync.Mutex

	turn   chan struct{} // held by the goroutine that uses state, while it writes to the store
	state  *state
	queue  queue     // of signals that wait for the turn
	forgot time.Time // when Run last forgot removals

	board   *board
	watch   *watch
	later   backlog
	cursors cursors
	health  health
	figures figuresCache
}

// New returns a centre. It starts nothing: call Run.
func New(cfg Config) (*Centre, error) {
	cfg, err := cfg.withDefaults()
	if err == nil {
		err = cfg.check()
	}
	if err != nil {
		return nil, fmt.Errorf("configuring the community: %w", err)
	}
	c := &Centre{cfg: cfg, server: newServer(), turn: make(chan struct{}, 1), board: newBoard(), watch: newWatch()}
	c.derive()
	c.doors = newDoors(&c.cfg)
	c.state = newState(binary.BigEndian.Uint64(c.derived[labelPair]))
	return c, nil
}

// now returns the time in whole seconds, as the store keeps it.
func (c *Centre) now() time.Time { return c.cfg.Now().UTC().Truncate(time.Second) }

// Derive returns a key for a purpose. It reveals nothing of the secret.
func (c *Centre) Derive(label string) []byte {
	mac := hmac.New(sha256.New, c.cfg.Secret)
	fmt.Fprintf(mac, "tocsin community: %s", label)
	return mac.Sum(nil)
}

// An About is the public data about a community.
type About struct {
	Name      string
	Operator  Operator
	Public    bool
	Site      string
	Terms     string // version of the terms
	Retention Retention
	Rules     consensus.Config
	RulesHash string
	Batch     int // most signals in one request
}

// About returns the public data about the community.
func (c *Centre) About() About {
	rules := c.cfg.Rules.Config()
	return About{
		Name: c.cfg.Name, Operator: c.cfg.Operator, Public: c.cfg.Public, Site: c.cfg.Site, Terms: c.cfg.Terms,
		Retention: c.cfg.Retention, Rules: rules, RulesHash: rules.Hash(), Batch: c.cfg.Rates.Batch,
	}
}
