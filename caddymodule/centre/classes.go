package centre

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/geo"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// exclusions are the classes of addresses that are never listed, by their names.
var exclusions = map[string]consensus.Exclusion{
	"crawler": consensus.Crawler, "cdn": consensus.CDN, "resolver": consensus.Resolver, "authority": consensus.Authority,
	"payment": consensus.Payment, "monitor": consensus.Monitor, "cert": consensus.CERT, "allowlisted": consensus.Allowlisted,
}

var exclusionNames = []string{"crawler", "cdn", "resolver", "authority", "payment", "monitor", "cert", "allowlisted"}

// checkClasses checks the classes and the forms of the lists.
func (s *Settings) checkClasses() error {
	for name := range s.Exclude {
		if !slices.Contains(exclusionNames, name) {
			return fmt.Errorf("exclude: unknown class %q: want one of %s", name, strings.Join(exclusionNames, ", "))
		}
	}
	for _, l := range s.classLists() {
		for _, place := range l.places {
			if _, err := newSource(l.name, place, nil); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
	}
	return nil
}

// A classList has the lists of a class of addresses.
type classList struct {
	name   string // the option
	places []string
	exempt bool // its addresses are never listed
	mark   func(*community.Class)
}

// classLists returns all classes that have lists.
func (s *Settings) classLists() (all []classList) {
	for _, name := range exclusionNames {
		e := exclusions[name]
		all = append(all, classList{"exclude " + name, s.Exclude[name], true, func(c *community.Class) {
			if c.Exclusion == consensus.NotExcluded {
				c.Exclusion, c.Name = e, name
			}
		}})
	}
	all = append(all,
		classList{"shared", s.Shared, false, func(c *community.Class) { c.Shared = true }},
		classList{"tor", s.Tor, false, func(c *community.Class) { c.Tor = true }},
		classList{"scanners", s.Scanners, false, func(c *community.Class) { c.Scanner = true }},
		classList{"canaries", s.Canaries, true, func(c *community.Class) { c.Canary = true }},
	)
	return slices.DeleteFunc(all, func(l classList) bool { return len(l.places) == 0 })
}

// classes classify addresses by lists and databases, in memory.
type classes struct {
	all      []*class
	listed   *class  // imported lists; nil: none
	places   *geo.DB // nil: none
	logger   *zap.Logger
	list     func() *community.List // the list of the centre; set before run
	finished sync.WaitGroup
	cancel   context.CancelFunc
}

// newClasses reads the databases, but not the lists.
func newClasses(s *Settings, log *zap.Logger) (*classes, error) {
	c := &classes{logger: log, cancel: func() {}}
	for _, l := range s.classLists() {
		one, err := newClass(l, log)
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, one)
	}
	if len(s.Imported) > 0 {
		var err error
		if c.listed, err = newClass(classList{name: "imported", places: s.Imported}, log); err != nil {
			return nil, err
		}
	}
	if len(s.Networks) > 0 {
		var err error
		if c.places, err = geo.New(geo.Config{Paths: s.Networks, Logger: log}); err != nil {
			return nil, fmt.Errorf("networks: %w", err)
		}
	}
	return c, nil
}

// lists returns all classes, including imported.
func (c *classes) lists() []*class {
	if c.listed == nil {
		return c.all
	}
	return append(slices.Clip(c.all), c.listed)
}

// Class implements [community.Classes].
func (c *classes) Class(unit consensus.Unit) (is community.Class) {
	for _, one := range c.all {
		if one.has(unit.Addr()) {
			one.mark(&is)
		}
	}
	return is
}

// imported reports whether an imported list has an address.
func (c *classes) imported(ip netip.Addr) bool { return c.listed != nil && c.listed.has(ip) }

// Network implements [community.Classes]. If no database has the address, it returns a private
// number made from the address's /16 or /32 in place of its autonomous system.
func (c *classes) Network(ip netip.Addr) consensus.ASN {
	ip = lookup.Normalize(ip)
	if !ip.IsValid() {
		return 0
	}
	if c.places != nil {
		if _, as := c.places.Locate(ip); as != 0 {
			return consensus.ASN(as)
		}
	}
	const private = 4_200_000_000 // numbers from here to 4,294,967,294 are for private use: RFC 6996
	if ip.Is4() {
		b := ip.As4()
		return private + consensus.ASN(b[0])<<8 + consensus.ASN(b[1])
	}
	b := ip.As16()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return private + 1<<16 + consensus.ASN(n%90_000_000)
}

// admits returns which addresses are in some countries. nil: all are.
func admits(countries []string, locate func(netip.Addr) (country string, as uint32)) func(netip.Addr) bool {
	if len(countries) == 0 {
		return nil
	}
	return func(ip netip.Addr) bool {
		country, _ := locate(lookup.Normalize(ip))
		return slices.Contains(countries, country)
	}
}

// A class is a set of addresses, made of lists.
type class struct {
	classList
	sources []source
	pending lookup.Table                 // the current content of the lists
	adopted atomic.Pointer[lookup.Table] // the content in effect
	version uint64                       // of pending, at the last check
	refused bool
}

func newClass(l classList, log *zap.Logger) (*class, error) {
	c := &class{classList: l}
	c.adopted.Store(new(lookup.Table))
	for i, place := range l.places {
		s, err := newSource(fmt.Sprintf("%s %d", l.name, i+1), place, log)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		c.sources = append(c.sources, s)
	}
	return c, nil
}

func (c *class) has(ip netip.Addr) bool {
	_, found := c.adopted.Load().Lookup(ip)
	return found
}
