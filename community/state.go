package community

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A state is the part of the store that a centre keeps in memory. It matches what is
// committed: [Centre.follow] reads changes by other servers. Only the holder of the turn may
// use it.
type state struct {
	version   uint64 // of the latest known record
	overlaps  consensus.Overlaps
	reporters map[consensus.Unit]consensus.Reporting // of units with two reporters or more
	listedBy  map[consensus.ClusterID]map[consensus.Unit]bool

	// All goroutines may read the rest.
	standing atomic.Pointer[standings]
	freezing atomic.Pointer[Freezing]
	founded  atomic.Pointer[time.Time] // zero: not yet
	hashes   atomic.Pointer[map[string]string]
}

// standings are the standings of all members. They are immutable: new ones replace them.
type standings struct {
	revision    uint64
	of          map[consensus.MemberID]consensus.Standing
	members     map[consensus.MemberID]Member
	established int // clusters
}

func newState(key uint64) *state {
	s := &state{
		overlaps:  consensus.Overlaps{Key: key},
		reporters: map[consensus.Unit]consensus.Reporting{}, listedBy: map[consensus.ClusterID]map[consensus.Unit]bool{},
	}
	s.standing.Store(&standings{})
	s.freezing.Store(&Freezing{})
	s.founded.Store(&time.Time{})
	s.hashes.Store(&map[string]string{})
	return s
}

// replace sets the reporters of a unit, and returns the previous ones.
func (s *state) replace(unit consensus.Unit, after consensus.Reporting) (before consensus.Reporting) {
	before = s.reporters[unit]
	s.overlaps.Replace(before, after)
	if len(after.Clusters) > 1 {
		s.reporters[unit] = after
	} else {
		delete(s.reporters, unit)
	}
	return before
}

// learn applies a committed record.
func (s *state) learn(r *Record) {
	before := s.replace(r.Unit, r.Reporters)
	for _, cluster := range before.Clusters {
		s.unlist(cluster, r.Unit)
	}
	if r.Verdict.Tier < consensus.Suspect {
		return
	}
	for _, cluster := range r.Reporters.Clusters {
		if s.listedBy[cluster] == nil {
			s.listedBy[cluster] = map[consensus.Unit]bool{}
		}
		s.listedBy[cluster][r.Unit] = true
	}
}

func (s *state) unlist(cluster consensus.ClusterID, unit consensus.Unit) {
	units := s.listedBy[cluster]
	if delete(units, unit); len(units) == 0 {
		delete(s.listedBy, cluster)
	}
}

// listedWith returns, in order, the listed units that any of the clusters reports and that
// would not be listed if the clusters were one. The others have enough other supporters.
func (s *state) listedWith(clusters []consensus.ClusterID, needed int) []consensus.Unit {
	found := map[consensus.Unit]bool{}
	for _, cluster := range clusters {
		for unit := range s.listedBy[cluster] {
			others := 0
			for _, other := range s.reporters[unit].Clusters {
				if !slices.Contains(clusters, other) {
					others++
				}
			}
			// One more than needed, because the sum of the weights also counts.
			if others <= needed {
				found[unit] = true
			}
		}
	}
	units := make([]consensus.Unit, 0, len(found))
	for unit := range found {
		units = append(units, unit)
	}
	slices.SortFunc(units, compareUnits)
	return units
}

// followAtOnce is the limit of records in one read.
const followAtOnce = 1000

// follow reads committed changes that are not known yet. The caller has the turn.
func (c *Centre) follow(tx ReadTx) error {
	var listings []Listing
	for more := true; more; {
		records, err := tx.RecordsAfter(c.state.version, followAtOnce)
		if err != nil {
			return err
		}
		for i := range records {
			r := &records[i]
			c.state.learn(r)
			c.watch.learn(r)
			c.state.version = r.Version
			listings = append(listings, listingOf(r))
		}
		more = len(records) == followAtOnce
	}
	if err := c.followList(tx, listings); err != nil {
		return err
	}
	return c.followSettings(tx)
}

// listingOf returns the listing of a record. Its unit is set even if it was never listed.
func listingOf(r *Record) Listing {
	l := r.Listed
	l.Unit = r.Unit
	return l
}

func (c *Centre) followList(tx ReadTx, listings []Listing) error {
	seq, err := tx.LastChange()
	if err != nil {
		return err
	}
	var at time.Time
	if seq > 0 {
		latest, err := tx.Changes(seq-1, 1)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if len(latest) > 0 {
			at = latest[0].At
		}
	}
	c.board.put(listings, seq, at)
	return nil
}

func (c *Centre) followSettings(tx ReadTx) error {
	var revision uint64
	if err := getJSON(tx, settingMembers, &revision); err != nil {
		return err
	}
	if revision != c.state.standing.Load().revision {
		s, err := c.readStandings(tx, revision)
		if err != nil {
			return err
		}
		c.state.standing.Store(s)
	}
	var freezing Freezing
	if err := getJSON(tx, settingFreeze, &freezing); err != nil {
		return err
	}
	c.state.freezing.Store(&freezing)
	var founded time.Time
	if err := getJSON(tx, settingFounded, &founded); err != nil {
		return err
	}
	c.state.founded.Store(&founded)
	var hashes map[string]string
	if err := getJSON(tx, settingHashes, &hashes); err != nil {
		return err
	}
	c.state.hashes.Store(&hashes)
	return nil
}

// readStandings returns the standings of all members in the store.
func (c *Centre) readStandings(tx ReadTx, revision uint64) (*standings, error) {
	members, err := tx.Members()
	if err != nil {
		return nil, err
	}
	s := &standings{
		revision: revision, of: make(map[consensus.MemberID]consensus.Standing, len(members)),
		members: make(map[consensus.MemberID]Member, len(members)),
	}
	for _, m := range members {
		s.members[m.ID] = m
		if m.Left.IsZero() {
			s.of[m.ID] = m.Standing
		}
	}
	s.established = consensus.CountEstablished(c.cfg.Rules, s.of)
	return s, nil
}

// established reports whether a member can support a listing.
func (c *Centre) established(s consensus.Standing) bool {
	return consensus.CountEstablished(c.cfg.Rules, map[consensus.MemberID]consensus.Standing{0: s}) == 1
}

// Settings of the store.
const (
	settingMembers   = "members"   // a number that grows whenever a member changes
	settingFreeze    = "freeze"    // Freezing
	settingFounded   = "founded"   // when the centre began
	settingAdditions = "additions" // see additions
	settingHeads     = "heads"     // of the audit log
	settingSecret    = "secret"    // shows whether a secret is that of the first server
	settingHashes    = "hashes"    // of scenarios in quarantine, with the reasons
)

// getJSON reads a setting. If the setting is missing, value stays zero.
func getJSON[T any](tx ReadTx, name string, value *T) error {
	text, err := tx.Setting(name)
	if errors.Is(err, ErrNotFound) {
		*value = *new(T)
		return nil
	}
	if err != nil {
		return err
	}
	return doing("reading setting "+strconv.Quote(name), json.Unmarshal(text, value))
}

func putJSON(tx Tx, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return tx.PutSetting(name, text)
}
